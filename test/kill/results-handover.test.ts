/** A stream of results that is left in order: the workflow is terminated, or the worker shuts down. */
import { batchWorkflowId } from '../../src/contract';
import type { OpenWorld } from '../support/side-by-side';
import { testSideBySide } from '../support/side-by-side';
import { expectTruth, sizeOfTruth } from '../support/truth';

const REQUESTS = 2_000;

/** A worker that died would be noticed after so long. */
const HEARTBEAT_TIMEOUT_MS = 10_000;

/** Half of the time after which a stream that stands still is left, whoever waits for it. */
const SOON_MS = 30_000;

/** So slow that the stream outlasts the first worker, however slow the machine is. */
const BYTES_PER_SECOND = 40_000;

const CASES = [
  { onlyLong: true, name: 'the workflow is terminated while the stream stalls: the download ends, and a new run goes on', run: expectEndAfterTerminate },
  { name: 'a worker that shuts down hands over at the exact line, with Range', run: expectHandOver },
];

testSideBySide(CASES, { timeoutMs: 120_000 }, ({ run }, open) => run(open));

async function expectEndAfterTerminate(open: OpenWorld): Promise<void> {
  const world = await open();
  world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 400_000 });
  await world.startWorker();
  const requests = await world.writeRequests(REQUESTS);
  const job = await world.startJob({ requests });
  await world.simulator.waitFor('results-started');
  await world.bytesStored(1);
  await job.terminate();
  await (await world.client()).workflow.getHandle(batchWorkflowId(world.jobId, 1, 1)).terminate();
  const terminatedAt = Date.now();
  await world.simulator.waitFor('results-closed');
  expect(Date.now() - terminatedAt).toBeLessThan(SOON_MS);
  const again = await world.startJob({ requests });
  await expectTruth(world, await again.result());
}

async function expectHandOver(open: OpenWorld): Promise<void> {
  const world = await open({ supportsRange: true, resultsBytesPerSecond: BYTES_PER_SECOND });
  const first = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('results-started');
  // Until what the next worker needs to go on by Range has been told.
  await world.heartbeats(3);
  await world.startWorker();
  // The next stream takes some seconds too: once the job is done, only what is merged is there.
  world.simulator.setOptions({ resultsBytesPerSecond: 2 * BYTES_PER_SECOND });
  await first.kill('SIGTERM');
  expect(first.child.exitCode).toBe(0);
  const shutAt = Date.now();
  await world.simulator.waitFor('results-started', 2);
  expect(Date.now() - shutAt).toBeLessThan(HEARTBEAT_TIMEOUT_MS);
  const [stored] = await world.segmentSizes();
  const report = await job.result();
  const [before, after, ...more] = world.simulator.stats().results;
  const body = await sizeOfTruth(world);
  await expectTruth(world, report);
  expect(more).toEqual([]);
  expect(after!.offset + after!.bytes).toBe(body);
  // Nothing is lost (that is the truth), and nothing that was stored is sent again.
  expect(before!.bytes).toBeGreaterThanOrEqual(after!.offset);
  expect(after!.offset).toBe(stored);
}
