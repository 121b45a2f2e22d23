import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { gzipSync } from 'node:zlib';
import { checkInput, InputError, type Progress } from '../../src/jobs';
import { SeededHash } from '../../src/jobs/seeded-hash';
import { useFolder } from '../storage/helpers';
import { problemsOf, requestLine, requestLines, writeLines } from './helpers';

const folder = useFolder();
const write = (lines: readonly string[]) => writeLines(folder.path, lines);
const writeBytes = (bytes: string | Buffer) => {
  const path = join(folder.path, 'input');
  writeFileSync(path, bytes);
  return path;
};

it('counts requests, bytes and parts', async () => {
  const lines = [requestLine('a'), '', requestLine('b', 'Hi', { k: 1 }), '  \r'];
  const path = write(lines);
  const sent = `{"requests":[${requestLine('a')},${requestLine('b')}]}`;
  expect(await checkInput(path)).toEqual({
    sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
    bytes: readFileSync(path).length,
    requests: 2,
    sentBytes: sent.length,
    parts: 1,
    expected: [{ model: 'claude-opus-4-5', requests: 2, bytes: 2 * requestLine('a').length, maxTokens: 200 }],
    problems: [],
    problemCount: 0,
  });
});

it('finds the same in gzip, and accepts a byte order mark, CRLF and a last line without its end', async () => {
  const text = `\ufeff${requestLines(3).join('\r\n')}`;
  const plain = await checkInput(writeBytes(text));
  expect(plain).toMatchObject({ requests: 3, problemCount: 0, bytes: Buffer.byteLength(text) });
  expect(await checkInput(writeBytes(gzipSync(text)))).toEqual(plain);
});

it('cuts parts by count and by bytes', async () => {
  const path = write(requestLines(10));
  expect(await checkInput(path, { maxRequests: 4 })).toMatchObject({ parts: 3 });
  const sent = requestLine('q-0', 'Question 0').length;
  const two = '{"requests":[,]}'.length + 2 * sent;
  expect(await checkInput(path, { maxBodyBytes: two })).toMatchObject({ parts: 5, sentBytes: 5 * two });
  expect(await checkInput(path, { maxBodyBytes: two - 1 })).toMatchObject({ parts: 10 });
});

describe('bad lines', () => {
  it('names the first twenty and counts all, blank lines included in the numbers', async () => {
    const check = await checkInput(write([requestLine('a'), '', ...Array.from({ length: 30 }, () => '{"custom_id": "b"}'), requestLine('c')]));
    expect(check).toMatchObject({ requests: 2, problemCount: 30 });
    expect(check.problems.map((problem) => problem.line)).toEqual(Array.from({ length: 20 }, (_, i) => 3 + i));
    expect(check.problems[0]).toEqual({ line: 3, message: 'params is missing.', hint: expect.stringContaining('"params"') });
  });

  it('names both lines of a custom_id that stands twice', async () => {
    expect(await problemsOf(write([requestLine('a'), requestLine('b'), 'oops', requestLine('a', 'other'), requestLine('a')]))).toEqual([
      '3: Not JSON: unexpected "o".',
      '4: custom_id "a" stands on line 1 already.',
      '5: custom_id "a" stands on line 1 already.',
    ]);
  });

  it('finds duplicates among many, and shows the first twenty problems of both kinds', async () => {
    const lines = requestLines(30_000);
    const check = await checkInput(write([...lines, ...lines.slice(100, 125), 'oops', ...lines.slice(0, 3)]));
    expect(check.problemCount).toBe(29);
    expect(check.problems.map(({ line }) => line)).toEqual(Array.from({ length: 20 }, (_, i) => 30_001 + i));
    expect(check.problems[0]!.message).toBe('custom_id "q-100" stands on line 101 already.');
  });

  it('accepts different ids of one hash, and still finds the real duplicate among them', async () => {
    const spy = jest.spyOn(SeededHash.prototype, 'of').mockImplementation(function (this: { high: number; low: number }, id: string) {
      this.high = 1;
      this.low = id.length;
    });
    try {
      const lines = requestLines(200);
      expect(await checkInput(write(lines))).toMatchObject({ requests: 200, problemCount: 0 });
      expect(await problemsOf(write([...lines, requestLine('q-77')]))).toEqual(['201: custom_id "q-77" stands on line 78 already.']);
    } finally {
      spy.mockRestore();
    }
  });

  it('names a request that no batch can hold', async () => {
    const sent = requestLine('b', 'x'.repeat(1000)).length;
    const check = await checkInput(write([requestLine('a'), requestLine('b', 'x'.repeat(1000))]), { maxBodyBytes: sent + 14 });
    expect(check).toMatchObject({ requests: 1, problemCount: 1, problems: [{ line: 2, message: `The request has ${sent} bytes; a batch may have ${sent + 14} in all.` }] });
    expect(await checkInput(write([requestLine('b', 'x'.repeat(1000))]), { maxBodyBytes: sent + 15 })).toMatchObject({ problemCount: 0 });
  });

  it('does not take a file without line feeds into memory', async () => {
    const path = writeBytes(`${requestLine('a')}\n${'x'.repeat(4_000_000)}`);
    expect(await checkInput(path, { maxBodyBytes: 1_000_000 })).toMatchObject({ problems: [{ line: 2, message: 'Longer than a whole batch may be (1000000 bytes).' }] });
  });
});

describe('a bad file', () => {
  const expectRefused = async (path: string, code: string) => {
    const error = await checkInput(path).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(path), hint: expect.stringMatching(/./) });
  };

  it('is missing', () => expectRefused(join(folder.path, 'none.jsonl'), 'input_not_found'));
  it('is below a file', () => expectRefused(join(write(requestLines(1)), 'x.jsonl'), 'input_not_found'));
  it('is a folder', async () => {
    mkdirSync(join(folder.path, 'sub'));
    await expectRefused(join(folder.path, 'sub'), 'input_not_a_file');
  });
  it('is a device', () => expectRefused('/dev/null', 'input_not_a_file'));
  it('is empty', () => expectRefused(writeBytes(''), 'input_empty'));
  it('has blank lines only', () => expectRefused(writeBytes('\n \r\n\t\n'), 'input_empty'));
  it('is empty gzip', () => expectRefused(writeBytes(gzipSync('')), 'input_empty'));
  it('is cut gzip', () => expectRefused(writeBytes(gzipSync(requestLines(1000).join('\n')).subarray(0, 2000)), 'input_damaged'));
});

it('tells of progress, and stops with the reason of the signal as it is', async () => {
  const path = write(requestLines(30_000));
  const seen: Progress[] = [];
  const { bytes } = await checkInput(path, { onProgress: (progress) => seen.push(progress) });
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.at(-1)).toEqual({ lines: 30_000, bytes });
  const controller = new AbortController();
  const reason = { canceled: true };
  await expect(checkInput(path, { signal: controller.signal, onProgress: () => controller.abort(reason) })).rejects.toBe(reason);
});

it('leaves the event loop free and memory flat over 60 MB', async () => {
  const path = write(Array.from({ length: 120_000 }, (_, i) => requestLine(`q-${i}`, `Question ${i} ${'and so on '.repeat(40)}`)));
  await checkInput(path);
  const before = process.memoryUsage().rss;
  let peak = 0;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await checkInput(path, { onProgress: () => (peak = Math.max(peak, process.memoryUsage().rss)) });
  delay.disable();
  expect(peak - before).toBeLessThan(60_000_000);
  // Two cores for everything: a median says whether it yields, a maximum what else ran.
  expect(delay.percentile(50) / 1e6).toBeLessThan(50);
});
