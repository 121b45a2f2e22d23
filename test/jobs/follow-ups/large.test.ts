import { statSync } from 'node:fs';
import { closeLedger, outputFolder, partFolder, recordEnds, writeFollowUps } from '../../../src/jobs';
import { followUpFiles } from '../../../src/jobs/follow-ups/files';
import { workflowIdOfFollowUp } from '../../../src/contract';
import { openSegments } from '../../../src/storage';
import { useFolder } from '../../storage/helpers';
import { plannedJob, requestLines, storeResults } from '../helpers';
import { listed, select } from './helpers';
import { LONG } from '../../support/long-form';

const folder = useFolder();
/** As many bytes in both forms: memory is held to the same. */
const RESULTS = LONG ? 100_000 : 20_000;
const FILLER = 'x'.repeat(LONG ? 2_000 : 10_000);

/** A result whose answer is FILLER, as the API writes one. */
const result = (i: number) => `{"custom_id":"q-${i}","result":{"type":"succeeded","message":{"model":"m","content":[{"type":"text","text":"${FILLER}"}],"stop_reason":"${i % 2 ? 'end_turn' : 'max_tokens'}","usage":{"input_tokens":1,"output_tokens":1}}}}`;

it(`${RESULTS} results are filtered, listed and joined with their ends within seconds, in memory that does not grow with them`, async () => {
  const { work, output } = await plannedJob(folder.path, requestLines(RESULTS));
  const place = partFolder(work, 1, 1);
  // Backwards: results come in an order of their own.
  await storeResults(work, 1, 1, Array.from({ length: RESULTS }, (_, i) => result(RESULTS - 1 - i)));
  await closeLedger({ partFolder: place, requests: RESULTS, batchId: 'msgbatch_1', segments: await openSegments(place.segments) });

  const before = process.memoryUsage().arrayBuffers;
  const begin = performance.now();
  const shards = await select(work, RESULTS, { options: { where: { stopReason: 'end_turn' } } });
  const selecting = performance.now() - begin;
  expect(shards).toHaveLength(RESULTS / 2 / 1_000);
  // 220 MB of results were read.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);

  for (const [index, shard] of shards.entries()) {
    const { lines, pages } = await listed(place, shard);
    expect(lines).toHaveLength(1_000);
    expect(pages).toBeGreaterThan(1);
    await recordEnds(place, `${index + 1}-r-1`, lines.map((line) => ({ workflowId: workflowIdOfFollowUp(line), status: 'completed', value: { index } })));
  }
  const joining = performance.now();
  const { counts } = (await writeFollowUps(outputFolder(output).followUps, { jobId: 'j', parts: [{ folder: place, requests: RESULTS }], isFinal: () => true }))!;
  const joined = performance.now() - joining;
  expect(counts).toEqual({ selected: RESULTS / 2, started: RESULTS / 2, succeeded: RESULTS / 2, failed: 0 });
  expect(statSync(followUpFiles(place).list).size).toBeGreaterThan(RESULTS * 100);
  expect(selecting).toBeLessThan(30_000);
  expect(joined).toBeLessThan(20_000);
}, 120_000);
