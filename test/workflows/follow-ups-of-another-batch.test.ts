/**
 * The id of a follow-up says job and round, not the batch: where nobody remembers a job that Temporal still has the follow-ups of, these are
 * of a batch that is no longer the job's.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { MessageBatchesClient } from '../../src/client';
import type { FollowUpLine, JobInput, JobReport } from '../../src/contract';
import { cancelSignal, FOLLOW_UP_BATCH_MEMO, followUpShardStatusQuery, followUpWorkflowId } from '../../src/contract';
import { FollowUpBatch, plain } from '../support/follow-ups/batch';
import { FollowUpWorker, quiet } from '../support/follow-ups/worker';
import type { Behaviour } from '../support/follow-ups/workflows';
import { finishSignal } from '../support/follow-ups/workflows';
import { sharedTemporal } from '../support/shared-temporal';
import type { TemporalServer } from '../support/temporal-server';
import { until } from '../support/until';
import { World } from '../support/world';
import { LONG } from '../support/long-form';

const shared = sharedTemporal();
let temporal: TemporalServer;
let close: (() => Promise<void>)[] = [];

beforeAll(async () => {
  quiet();
  temporal = await shared.start();
});

afterEach(async () => {
  for (const each of close.reverse()) await each();
  close = [];
});

afterAll(() => shared.stop());

async function begin(behaviours: Behaviour[]): Promise<{ batch: FollowUpBatch; effects: FollowUpWorker['effects'] }> {
  const batch = await FollowUpBatch.start({ address: temporal.address, behaviours, perShard: behaviours.length });
  close.push(() => batch.close());
  const worker = await FollowUpWorker.start(temporal.address, batch.queue);
  close.push(() => worker.stop());
  return { batch, effects: worker.effects };
}

/** One that says it is of another batch. */
function startForeign(batch: FollowUpBatch, index: number, behaviour: Behaviour): Promise<WorkflowHandle> {
  const options = { workflowId: batch.id(index), taskQueue: batch.queue, memo: { [FOLLOW_UP_BATCH_MEMO]: 'msgbatch_0' } };
  return batch.client.workflow.start('testFollowUp', { ...options, args: [batch.input(index, behaviour)] });
}

if (LONG) test('a job that only Temporal remembers makes new batches: each of their follow-ups runs, and so does what is retried', async () => {
  const served = await FollowUpWorker.start(temporal.address, 'of-another-batch');
  close.push(() => served.stop());
  const { runs } = served.effects;
  const home = async (): Promise<World> => {
    const world = await World.create({ processingMs: 200 }, temporal);
    close.push(() => world.close());
    await world.startWorker();
    return world;
  };
  const metadata = (index: number): Behaviour => (index === 0 ? {} : { fail: 'It does not fit', once: index === 1 });
  const input = async (world: World, night: string): Promise<JobInput> => ({
    jobId: 'known-to-temporal',
    requests: await world.writeRequests(3, { metadata }),
    pollIntervalMs: 100,
    followUp: { workflow: 'testFollowUp', taskQueue: 'of-another-batch', args: [night] },
  });

  const first = await home();
  const before = await first.runJob(await input(first, 'first'));
  expect((await linesOf(before)).map(({ status }) => status)).toEqual(['completed', 'failed', 'failed']);
  const jobOf = async (world: World) => new MessageBatchesClient({ client: await world.client() }).job('known-to-temporal');
  const { followUps } = await (await (await jobOf(first)).retryFollowUps()).result();
  expect(followUps).toMatchObject({ succeeded: 2, failed: 1, retries: 1 });
  expect(Object.fromEntries(runs)).toEqual({ 'request-0': 1, 'request-1': 2, 'request-2': 2 });

  // With these records nothing runs again.
  expect((await first.runJob(await input(first, 'first'))).batches).toEqual(before.batches);
  expect(Object.fromEntries(runs)).toEqual({ 'request-0': 1, 'request-1': 2, 'request-2': 2 });

  const second = await home();
  const report = await second.runJob(await input(second, 'second'));
  expect(report.batches[0]!.id).not.toBe(before.batches[0]!.id);
  expect(Object.fromEntries(runs)).toEqual({ 'request-0': 2, 'request-1': 3, 'request-2': 3 });
  expect((await linesOf(report)).map(({ value, failure }) => value ?? failure)).toMatchObject([{ args: ['second'] }, { args: ['second'] }, { type: 'Unfit' }]);
  expect(report.follow_ups).toMatchObject({ selected: 3, started: 3, succeeded: 2, failed: 1 });
  // What the attempt of before has come to is not this job's.
  const job = await jobOf(second);
  expect(await job.report()).toEqual(report);
  expect((await job.status()).report).toEqual(report);

  // Another home has run it since, to a good end.
  const workflowId = followUpWorkflowId('known-to-temporal', 1, 'request-2');
  const { workflow } = await second.client();
  const elsewhere = await workflow.start('testFollowUp', { workflowId, taskQueue: 'of-another-batch', memo: { [FOLLOW_UP_BATCH_MEMO]: 'msgbatch_0' }, args: [{ customId: 'request-2' }] });
  await elsewhere.result();
  await (await job.retryFollowUps()).result();
  expect(Object.fromEntries(runs)).toEqual({ 'request-0': 2, 'request-1': 3, 'request-2': 5 });
  expect((await job.report()).follow_ups).toMatchObject({ selected: 3, succeeded: 2, failed: 1, retries: 1 });
}, 180_000);

test('however those of another batch have ended, they run anew; those of the same one do not', async () => {
  const { batch, effects } = await begin([{}, { fail: 'It does not fit' }, { waits: true }]);
  const run = await batch.run();
  await effects.begun(3);
  await batch.followUp(2).terminate('by hand');
  await run.result();
  for (let index = 0; index < 3; index++) expect((await batch.followUp(index).describe()).memo).toEqual({ [FOLLOW_UP_BATCH_MEMO]: 'msgbatch_1' });

  batch.records.clear();
  await (await batch.run({ args: ['again'] })).result();
  expect([...effects.runs.values()]).toEqual([1, 1, 1]);
  expect(batch.ends.get(0)).toMatchObject({ status: 'completed', value: { args: [] } });
  expect(batch.ends.get(2)).toMatchObject({ status: 'terminated' });

  batch.records.clear();
  batch.batchId = 'msgbatch_2';
  const anew = await batch.run({ args: ['anew'] });
  // The one that waits has begun: the others may do so before it or after it.
  await until(async () => effects.runs.get('id-2') === 2 || (await anew.describe()).status.name !== 'RUNNING');
  await batch.followUp(2).signal(finishSignal);
  await anew.result();
  expect(Object.fromEntries(effects.runs)).toEqual({ 'id-0': 2, 'id-1': 2, 'id-2': 2 });
  expect([0, 1, 2].map((index) => batch.ends.get(index)?.status)).toEqual(['completed', 'failed', 'completed']);
  expect(batch.ends.get(0)).toMatchObject({ value: { args: ['anew'] } });
}, 120_000);

if (LONG) test('one of another batch that still runs is left alone, and waited for', async () => {
  const { batch, effects } = await begin([{}]);
  const foreign = await startForeign(batch, 0, { waits: true });
  await effects.begun(1);
  const run = await batch.run({ args: ['ours'] });
  await waitsFor(batch);
  expect((await foreign.describe()).status.name).toBe('RUNNING');
  await foreign.signal(finishSignal);
  await run.result();
  expect(effects.runs.get('id-0')).toBe(2);
  expect(batch.ends.get(0)).toMatchObject({ status: 'completed', value: { args: ['ours'] } });
  expect(batch.report?.followUps).toEqual({ selected: 1, started: 1, succeeded: 1, failed: 0 });
}, 120_000);

if (LONG) test('a cancel does not reach one of another batch, nor wait for it', async () => {
  const { batch, effects } = await begin(plain(2));
  const foreign = await startForeign(batch, 0, { waits: true });
  await effects.begun(1);
  const run = await batch.run();
  await waitsFor(batch);
  await until(async () => (await batch.shard(1).query(followUpShardStatusQuery)).succeeded === 1);
  await run.signal(cancelSignal);
  await run.result();
  expect(batch.report?.followUps).toEqual({ selected: 2, started: 1, succeeded: 1, failed: 0 });
  expect(batch.ends.has(0)).toBe(false);
  const { status, raw } = await foreign.describe();
  expect(status.name).toBe('RUNNING');
  expect(raw.workflowExtendedInfo?.cancelRequested ?? false).toBe(false);
  await foreign.terminate();
}, 120_000);

if (LONG) test('a new run of a follow-up says of which batch it is, too', async () => {
  const { batch, effects } = await begin(plain(1));
  const run = await batch.run({ workflow: 'renewingFollowUp' });
  await effects.begun(1);
  const { memo, raw } = await batch.followUp(0).describe();
  expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(raw.workflowExecutionInfo?.execution?.runId);
  expect(memo).toEqual({ [FOLLOW_UP_BATCH_MEMO]: 'msgbatch_1' });
  await run.signal(cancelSignal);
  await run.result();
}, 60_000);

/** Until the shard knows that one is of another batch, and asks for its end. */
async function waitsFor(batch: FollowUpBatch): Promise<void> {
  const asksForEnd = async (): Promise<boolean | undefined> => {
    const history = await batch.shard(1).fetchHistory().catch(() => undefined);
    const asked = history?.events?.filter((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'messageBatches.endOfFollowUp');
    return asked?.length === 2;
  };
  await until(asksForEnd);
}

async function linesOf({ output }: JobReport): Promise<FollowUpLine[]> {
  const text = await readFile(join(output, 'follow-ups.jsonl'), 'utf8');
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as FollowUpLine);
}
