/** The largest batch there can be: 100,000 requests in nearly 256 MB, and as much in results. */
import { get as httpGet } from 'node:http';
import { once } from 'node:events';
import { LineSplitter } from '../../src/jsonl';
import { openCreate } from './support/raw-http';
import { SimulatorProcess } from './support/simulator-process';
import { BATCHES, HEADERS, withFolder } from './support/simulation';

const REQUESTS = 100_000;
const MB = 1_000_000;

function* body(): Generator<Buffer> {
  const text = 'A prompt of "usual" kind,\nwith a few lines and quotes, as long as a page. '.repeat(31);
  const tail = JSON.stringify({ model: 'claude-haiku-5-5', max_tokens: 1024, messages: [{ role: 'user', content: text }] });
  let piece = '{"requests":[';
  for (let i = 0; i < REQUESTS; i++) {
    piece += `${i === 0 ? '' : ','}{"custom_id":"request-${i}","params":${tail}}`;
    if (i % 500 === 499) {
      yield Buffer.from(piece);
      piece = '';
    }
  }
  yield Buffer.from(`${piece}]}`);
}

test('is read and answered as a stream: fast, with bounded memory', async () => {
  await withFolder(async (folder) => {
    const simulator = await SimulatorProcess.start({ folder, processingMs: 0, answerBytes: 2000 });
    try {
      const pieces = [...body()];
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      expect(bytes).toBeGreaterThan(245 * MB);
      expect(bytes).toBeLessThan(256 * MB);
      const idle = await simulator.usage();

      let started = performance.now();
      const create = openCreate(simulator.url, bytes);
      const answered = once(create, 'response');
      for (const piece of pieces) if (!create.write(piece)) await once(create, 'drain');
      create.end();
      const [response] = await answered;
      const batch = JSON.parse(Buffer.concat(await response.toArray()).toString());
      const createSeconds = (performance.now() - started) / 1000;
      const created = await simulator.usage();
      expect(batch.request_counts.succeeded).toBe(REQUESTS);

      started = performance.now();
      const [results] = await once(httpGet(`${simulator.url}${BATCHES}/${batch.id}/results`, { headers: HEADERS }), 'response');
      const splitter = new LineSplitter();
      let lines = 0;
      let resultBytes = 0;
      for await (const chunk of results) {
        resultBytes += chunk.length;
        lines += splitter.push(chunk).length;
      }
      const resultsSeconds = (performance.now() - started) / 1000;
      const streamed = await simulator.usage();

      const createRate = bytes / MB / (created.cpuSeconds - idle.cpuSeconds);
      const resultsRate = resultBytes / MB / (streamed.cpuSeconds - created.cpuSeconds);
      const grownBytes = streamed.peakBytes - idle.usedBytes;
      process.stderr.write(
        `create: ${(bytes / MB).toFixed()} MB in ${createSeconds.toFixed(1)} s, ${createRate.toFixed()} MB in a second of CPU · ` +
          `results: ${(resultBytes / MB).toFixed()} MB in ${resultsSeconds.toFixed(1)} s, ${resultsRate.toFixed()} MB in a second of CPU · ` +
          `heap and buffers grew by ${(grownBytes / MB).toFixed()} MB\n`,
      );
      expect(lines).toBe(REQUESTS);
      expect(resultBytes).toBeGreaterThan(250 * MB);
      expect(grownBytes).toBeLessThan(130 * MB);
      // Of CPU time, since tests share their machine.
      expect(createRate).toBeGreaterThan(25);
      expect(resultsRate).toBeGreaterThan(100);
    } finally {
      await simulator.kill();
    }
  });
});
