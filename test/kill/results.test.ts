/**
 * Results are stored exactly once, whatever dies while they are polled for, streamed, or merged. More of it stands in
 * results-steps (each step), random-kills, frozen-results, results-faults, results-handover and disk, and in `npm run test:long`.
 */
import type { Fault } from '../../src/simulator';
import type { Variant } from '../support/long-form';
import type { OpenWorld } from '../support/side-by-side';
import { testSideBySide } from '../support/side-by-side';
import { expectTruth } from '../support/truth';

const REQUESTS = 2_000;

/** After a kill they stand in results-faults. */
const BODIES: (Variant & { what: string; fault: Fault })[] = [
  { what: 'cut in the middle of a line', fault: { on: 'results', kind: 'cut', afterBytes: 300_001 }, onlyLong: true },
  { what: 'cut at a line boundary, looking complete', fault: { on: 'results', kind: 'cut', afterLines: 700, looksComplete: true } },
  { what: 'cut with the whole length announced', fault: { on: 'results', kind: 'cut', afterBytes: 300_001, contentLength: true }, onlyLong: true },
];

const CASES = [
  { onlyLong: true, name: 'SIGKILL while polling', run: expectTruthAfterPolling },
  ...[true, false].map((supportsRange) => ({
    name: `SIGKILL while streaming, ${supportsRange ? 'with' : 'without'} Range: goes on where the synced bytes end`,
    run: (open: OpenWorld) => expectTruthAfterStreaming(open, supportsRange),
  })),
  ...['part.json', 'report.json'].map((record) => ({ onlyLong: true, name: `SIGKILL before ${record} is on record`, run: (open: OpenWorld) => expectTruthAfterRecord(open, record) })),
  ...BODIES.map(({ what, fault, onlyLong }) => ({ onlyLong, name: `a body ${what} is completed`, run: (open: OpenWorld) => expectTruthAfterFault(open, fault) })),
];

testSideBySide(CASES, { timeoutMs: 120_000 }, ({ run }, open) => run(open));

async function expectTruthAfterPolling(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: 4_000 });
  const first = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('poll');
  await first.kill();
  await world.startWorker();
  await expectTruth(world, await job.result());
}

async function expectTruthAfterStreaming(open: OpenWorld, supportsRange: boolean): Promise<void> {
  const world = await open({ supportsRange });
  world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 400_000 });
  const first = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('results-started');
  await world.bytesStored(1);
  await first.kill();
  await world.startWorker();
  const report = await job.result();
  expect(world.simulator.stats().calls.results).toBe(2);
  await expectTruth(world, report);
}

async function expectTruthAfterRecord(open: OpenWorld, record: string): Promise<void> {
  const world = await open();
  const first = await world.startWorker({ stopAt: { record, when: 'before', signal: 'SIGKILL' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await first.stopped();
  await world.startWorker();
  await expectTruth(world, await job.result());
}

async function expectTruthAfterFault(open: OpenWorld, fault: Fault): Promise<void> {
  const world = await open();
  world.simulator.addFault(fault);
  await world.startWorker();
  await expectTruth(world, await world.runJob({ requests: await world.writeRequests(REQUESTS) }));
}
