/** Results of many megabytes each: the worker goes on telling that it lives, and does not hold many of them. `npm run test:long` does more. */
import { readFile } from 'node:fs/promises';
import { batchWorkflowId } from '../../src/contract';
import { LONG } from '../support/long-form';
import { testSideBySide } from '../support/side-by-side';
import { expectTruth } from '../support/truth';
import type { World } from '../support/world';

const MB = 1_000_000;

/** In MB: what Node and Temporal take anyway, and copies of the line in hand. */
const MEMORY = { anyway: 450, copies: 6 };

const CASES = [
  { lines: 12, megabytes: 16, onlyLong: true },
  { lines: LONG ? 5 : 3, megabytes: 50 },
].map((one) => ({ name: `${one.lines} results of ${one.megabytes} MB`, ...one }));

testSideBySide(CASES, { timeoutMs: 120_000, atOnce: 1 }, async ({ lines, megabytes }, open) => {
  // Slow enough that a worker which does not tell of itself would be given up.
  const world = await open({ answerBytes: megabytes * MB, resultsBytesPerSecond: 15 * MB });
  const worker = await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(lines) });
  const memory = await peakMemory(worker.child.pid!);
  process.stderr.write(`${lines} results of ${megabytes} MB: the worker took ${memory.toFixed()} MB at most\n`);
  expect(await attempts(world)).toEqual([1]);
  expect(memory).toBeLessThan(MEMORY.anyway + MEMORY.copies * megabytes);
  await expectTruth(world, report);
});

/** The attempts that activities of the first part needed. */
async function attempts(world: World): Promise<number[]> {
  const history = await (await world.client()).workflow.getHandle(batchWorkflowId(world.jobId, 1, 1)).fetchHistory();
  const started = history.events?.flatMap(({ activityTaskStartedEventAttributes }) => activityTaskStartedEventAttributes?.attempt ?? []) ?? [];
  return [...new Set(started)];
}

/** In MB; the system's own count of what was resident at once. */
async function peakMemory(pid: number): Promise<number> {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1_000;
}
