/** What goes wrong in a shard of follow-ups is told at once, while others run, and shown for as long as it asks for a person. */
import { ApplicationFailure } from '@temporalio/common';
import type { WorkflowHandle } from '@temporalio/client';
import type { Attention } from '../../src/contract';
import { batchWorkflowId, cancelSignal } from '../../src/contract';
import type { FollowUpBatch } from '../support/follow-ups/batch';
import { plain } from '../support/follow-ups/batch';
import { servedBatches } from '../support/follow-ups/served-batches';
import type { FollowUpWorker } from '../support/follow-ups/worker';
import type { Behaviour } from '../support/follow-ups/workflows';
import { finishSignal } from '../support/follow-ups/workflows';
import { until } from '../support/until';
import { LONG } from '../support/long-form';

const served = servedBatches();
let batch: FollowUpBatch;
let worker: FollowUpWorker;

async function begin(behaviours: Behaviour[]): Promise<void> {
  ({ batch, worker } = await served.begin(behaviours));
}

function attention(code: Attention['code']): Promise<Attention | undefined> {
  return until(async () => (await batch.status().catch(() => undefined))?.attention, (seen) => seen?.code === code);
}

/** What the batch has heard of attention from its shard, in order; undefined that it is over. */
async function heard(): Promise<(string | undefined)[]> {
  const { events } = await batch.client.workflow.getHandle(batchWorkflowId(batch.jobId, 1, 1)).fetchHistory();
  const signals = (events ?? []).map((event) => event.workflowExecutionSignaledEventAttributes).filter((signal) => signal?.signalName === 'followUpShard');
  const changes = signals.map((signal) => JSON.parse(Buffer.from(signal!.input!.payloads![0]!.data!).toString()) as { attention?: Attention | null });
  return changes.filter(({ attention }) => attention !== undefined).map(({ attention }) => attention?.code);
}

/** The first of several pages is being run: one takes long. */
async function withoutSecondPage(why: ApplicationFailure): Promise<WorkflowHandle> {
  await begin(Array.from({ length: 100 }, (_, index) => ({ note: 'n'.repeat(4_000), ...(index === 0 && { waits: true }) })));
  batch.pagesFail = why;
  return batch.run({ window: 20 });
}

async function runOut(run: WorkflowHandle): Promise<void> {
  batch.pagesFail = undefined;
  await run.signal('resume');
  await worker.effects.begun(100);
  await batch.followUp(0).signal(finishSignal);
  await run.result();
  expect((await batch.status()).attention).toBeUndefined();
  expect(batch.report?.followUps).toEqual({ selected: 100, started: 100, succeeded: 100, failed: 0 });
}

test('an activity that fails for no reason that is known is told of while others run, and done again when a person says so', async () => {
  const run = await withoutSecondPage(ApplicationFailure.nonRetryable('Nobody has thought of this'));
  expect(await attention('unexpected')).toMatchObject({ message: 'listFollowUps fails: Nobody has thought of this' });
  await runOut(run);
}, 120_000);

if (LONG) test('what succeeds beside it does not take back what still waits for a person', async () => {
  const run = await withoutSecondPage(ApplicationFailure.nonRetryable('The disk is full', 'StorageProblem', { code: 'storage' }));
  await attention('storage');
  // It fails again, and whether they are served is asked with success; twice, so that what came of the first time has been told.
  for (let times = 1; times <= 2; times++) {
    await run.signal('resume');
    await until(async () => batch.asked.length, (asked) => asked >= times);
    await until(async () => batch.pagesAsked, (asked) => asked > times);
  }
  expect((await batch.status()).attention?.code).toBe('storage');
  await runOut(run);
  expect(await heard()).toEqual(['storage', undefined]);
}, 120_000);

test('a fault of a shard itself is told while others run; it fails once they have ended, and a new one goes on', async () => {
  await begin(plain(4).map((_, index) => (index < 3 ? { waits: true } : {})));
  batch.broken = 3;
  const run = await batch.run({ window: 4 });
  expect(await attention('unexpected')).toMatchObject({ message: expect.stringContaining('A shard of follow-ups starts no more of them: ') });
  await worker.effects.begun(3);
  for (const index of [0, 1, 2]) await batch.followUp(index).signal(finishSignal);
  await attention('part_failed');
  batch.broken = undefined;
  await run.signal('resume');
  await run.result();
  expect((await batch.status()).attention).toBeUndefined();
  expect(batch.report?.followUps).toEqual({ selected: 4, started: 4, succeeded: 4, failed: 0 });
  expect([...worker.effects.runs.values()]).toEqual([1, 1, 1, 1]);
}, 120_000);

if (LONG) test('a shard that is canceled and has failed has told what became of those that ran', async () => {
  await begin(plain(4).map(() => ({ waits: true })));
  batch.broken = 3;
  const run = await batch.run({ window: 4 });
  await attention('unexpected');
  await worker.effects.begun(3);
  await run.signal(cancelSignal);
  await run.result();
  expect(batch.report?.followUps).toEqual({ selected: 4, started: 3, succeeded: 0, failed: 3 });
  expect([...batch.ends.values()].map(({ status }) => status)).toEqual(['canceled', 'canceled', 'canceled']);
}, 120_000);
