/**
 * A worker freezes somewhere between the first byte of results and the last output, as a suspended machine would; another one
 * finishes the job; the first wakes up and goes on with what it was doing. The results stay the truth. `npm test` freezes it while it
 * streams and while it merges; `npm run test:long` at each step.
 */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Variant } from '../support/long-form';
import type { OpenWorld } from '../support/side-by-side';
import { testSideBySide } from '../support/side-by-side';
import { expectTruth } from '../support/truth';
import type { StopAtStep, TestWorker } from '../support/world';

const REQUESTS = 2_000;

type Step = Omit<StopAtStep, 'signal'>;

const STEPS: (Variant & { name: string; step: Step })[] = [
  { onlyLong: true, name: 'between a write and its sync', step: { operation: 'datasync', path: /segments\/g/, nth: 2, when: 'before' } },
  { onlyLong: true, name: 'between a sync and its heartbeat', step: { operation: 'datasync', path: /segments\/g/, when: 'after' } },
  { onlyLong: true, name: 'before its segment is made', step: { operation: 'open', path: /segments\/g/, when: 'before' } },
  { onlyLong: true, name: 'while the ledger is closed', step: { operation: 'rename', path: /ledger\.bin$/, when: 'before' } },
  { name: 'in the middle of the merge', step: { operation: 'writev', path: /\.results\.jsonl/, when: 'after' } },
  { onlyLong: true, name: 'before results.jsonl has its name', step: { operation: 'rename', path: /\/results\.jsonl$/, when: 'before' } },
  { onlyLong: true, name: 'between results.jsonl and the report', step: { operation: 'rename', path: /\/results\.jsonl$/, when: 'after' } },
  { onlyLong: true, name: 'before the working data is removed', step: { operation: 'rm', path: /\.parts$/, when: 'before' } },
];

const CASES = [
  ...[true, false].map((supportsRange) => ({
    onlyLong: !supportsRange,
    name: `wakes while another worker streams, ${supportsRange ? 'with' : 'without'} Range`,
    run: (open: OpenWorld) => expectTruthOfTwoStreams(open, supportsRange),
  })),
  ...STEPS.map(({ name, step, onlyLong }) => ({ onlyLong, name: `frozen ${name}`, run: (open: OpenWorld) => expectTruthAfterWaking(open, step) })),
  { onlyLong: true, name: 'wakes when the outputs belong to another job', run: expectOtherJobLeftAlone },
  { onlyLong: true, name: 'wakes and finishes while another worker merges', run: expectNobodyAsked },
];

/** The server goes on giving tasks to the polls of a frozen worker; each costs ten seconds. */
testSideBySide(CASES, { timeoutMs: 180_000, atOnce: 12 }, ({ run }, open) => run(open));

async function expectTruthAfterWaking(open: OpenWorld, step: Step): Promise<void> {
  const world = await open({ supportsRange: true, resultsBytesPerSecond: 800_000 });
  const frozen = await world.startWorker({ stopAtStep: { ...step, signal: 'SIGSTOP' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await frozen.stopped();
  await world.startWorker();
  const report = await job.result();
  await expectTruth(world, report);
  await wakeToTheEnd(frozen);
  await expectTruth(world, report);
}

/** What the woken one still has to write lies behind the beginning of the other's segment. */
async function expectTruthOfTwoStreams(open: OpenWorld, supportsRange: boolean): Promise<void> {
  const world = await open({ supportsRange, resultsBytesPerSecond: 150_000 });
  const frozen = await world.startWorker({ stopAtStep: { operation: 'writev', path: /segments\/g/, nth: 2, when: 'before', signal: 'SIGSTOP' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await frozen.stopped();
  await world.startWorker();
  await world.simulator.waitFor('results-started', 2);
  frozen.wake();
  await expectTruth(world, await job.result());
}

async function expectOtherJobLeftAlone(open: OpenWorld): Promise<void> {
  const world = await open();
  const frozen = await world.startWorker({ stopAtStep: { operation: 'rename', path: /jobs\/[^/]+\/report\.json$/, when: 'before', signal: 'SIGSTOP' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await frozen.stopped();
  await world.startWorker();
  const { output } = await job.result();
  await rename(output, `${output}-kept`);
  world.simulator.setOptions({ processingMs: Infinity });
  const other = await world.startJob({ jobId: `${world.jobId}-other`, output, requests: await world.writeRequests(10, { name: 'other.jsonl', prefix: 'other' }) });
  await world.simulator.waitFor('create-answered', 2);
  await wakeToTheEnd(frozen);
  expect(JSON.parse(await readFile(join(output, '.parts', 'job.json'), 'utf8'))).toMatchObject({ job_id: `${world.jobId}-other` });
  world.simulator.endBatch(world.simulator.stats().accepted[1]!.id);
  expect((await other.result()).outcomes).toMatchObject({ succeeded: 10, missing: 0 });
}

/** The first finishes the job and removes the working data that the second, whose attempt counts, still reads. */
async function expectNobodyAsked(open: OpenWorld): Promise<void> {
  const world = await open();
  const first = await world.startWorker({ stopAtStep: { operation: 'rename', path: /\/results\.jsonl$/, when: 'before', signal: 'SIGSTOP' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await first.stopped();
  const second = await world.startWorker({ stopAtStep: { operation: 'rename', path: /\/results\.jsonl$/, when: 'before', signal: 'SIGSTOP' } });
  await second.stopped();
  await wakeToTheEnd(first);
  second.wake();
  const report = await job.result();
  await expectTruth(world, report);
  expect((await job.describe()).memo?.['attention'] ?? undefined).toBeUndefined();
}

/** Lets it go on with what it was doing, and waits until it has done that and ended. */
async function wakeToTheEnd(worker: TestWorker): Promise<void> {
  worker.wake();
  await worker.kill('SIGTERM');
}
