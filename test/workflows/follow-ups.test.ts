/** Follow-ups of a batch, on a real server: the window over all shards, failures, long ones, cancel, those that were started before. */
import type { WorkflowHandle } from '@temporalio/client';
import type { FollowUpCounts } from '../../src/contract';
import { cancelSignal, followUpShardStatusQuery } from '../../src/contract';
import { FollowUpBatch, plain } from '../support/follow-ups/batch';
import { followUpServer } from '../support/follow-ups/follow-up-server';
import { FollowUpWorker } from '../support/follow-ups/worker';
import type { Behaviour } from '../support/follow-ups/workflows';
import { finishSignal } from '../support/follow-ups/workflows';
import { until } from '../support/until';
import { LONG } from '../support/long-form';

const temporal = followUpServer();
let batch: FollowUpBatch;
let worker: FollowUpWorker | undefined;

afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await batch.close();
});

async function begin(behaviours: Behaviour[], perShard: number): Promise<void> {
  batch = await FollowUpBatch.start({ address: temporal.address, behaviours, perShard });
}

async function serve(): Promise<FollowUpWorker> {
  worker = await FollowUpWorker.start(temporal.address, batch.queue);
  return worker;
}

/** A shard that runs the failed ones of the batch's first once more. */
async function startAgain(): Promise<WorkflowHandle> {
  const [shard] = batch.shards({ jobId: batch.jobId, round: 1, part: 1, output: '/nowhere' });
  const input = { shard, options: { workflow: 'testFollowUp', taskQueue: batch.queue }, activityTaskQueue: batch.jobId, number: 1, window: 2, isLast: true, again: true };
  return batch.client.workflow.start('followUpShardWorkflow', { workflowId: `${batch.jobId}/again`, taskQueue: batch.jobId, args: [input] });
}

function counts(selected: number, failed = 0): FollowUpCounts {
  return { selected, started: selected, succeeded: selected - failed, failed };
}

test('over several shards never more than the window runs at once, each once, and one that fails stops nothing', async () => {
  const behaviours: Behaviour[] = plain(60);
  behaviours[7] = { fail: 'It does not fit' };
  await begin(behaviours, 20);
  const { effects } = await serve();
  await (await batch.run({ window: 10, args: ['strict', 3] })).result();

  expect(batch.report?.followUps).toEqual(counts(60, 1));
  expect(effects.runs.size).toBe(60);
  expect([...effects.runs.values()].every((runs) => runs === 1)).toBe(true);
  expect(effects.most).toBeLessThanOrEqual(10);
  expect(effects.most).toBeGreaterThanOrEqual(5);
  expect(batch.ends.size).toBe(60);
  expect(batch.ends.get(0)).toEqual({ workflowId: batch.id(0), status: 'completed', value: { id: 'id-0', args: ['strict', 3] } });
  expect(batch.ends.get(7)).toEqual({ workflowId: batch.id(7), status: 'failed', failure: { type: 'Unfit', message: 'It does not fit' } });
}, 120_000);

if (LONG) test('one that takes an hour holds up nobody: the shards after it run, and the window counts it', async () => {
  const behaviours = plain(60);
  behaviours[3] = { waits: true };
  await begin(behaviours, 10);
  const { effects } = await serve();
  const run = await batch.run({ window: 10 });
  await effects.begun(60);
  await until(async () => (await batch.status()).followUps?.succeeded === 50);
  // The first shard waits for one, and all others have ended.
  const status = await batch.status();
  expect(status.followUpShards).toEqual([batch.shard(1).workflowId]);
  expect(await batch.shard(1).query(followUpShardStatusQuery)).toEqual({ selected: 10, started: 10, succeeded: 9, failed: 0 });
  await batch.followUp(3).signal(finishSignal);
  await run.result();
  expect(batch.report?.followUps).toEqual(counts(60));
  expect(effects.most).toBeLessThanOrEqual(10);
}, 120_000);

test('a cancel in the middle reaches all that run, and their ends are on record', async () => {
  await begin(plain(60).map(() => ({ waits: true })), 20);
  const { effects } = await serve();
  const run = await batch.run({ window: 10 });
  await effects.begun(10);
  await run.signal(cancelSignal);
  await run.result();

  expect(batch.report?.followUps).toEqual({ selected: 60, started: 10, succeeded: 0, failed: 10 });
  expect([...batch.ends.values()].map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 'canceled'));
  expect((await batch.shard(1).describe()).status.name).toBe('CANCELLED');
  for (let index = 0; index < 10; index++) expect((await batch.followUp(index).describe()).status.name).toBe('CANCELLED');
  expect(effects.runs.size).toBe(10);
}, 120_000);

if (LONG) test('cancel while they are being started leaves none open', async () => {
  await begin(plain(200).map(() => ({ waits: true })), 200);
  await serve();
  const run = await batch.run({ window: 100 });
  // As soon as the shard is there: many starts are asked for, and have not happened.
  await until(async () => (await batch.status().catch(() => undefined))?.followUpShards);
  await run.signal(cancelSignal);
  await run.result();
  const { followUps } = batch.report!;
  expect(followUps!.started).toBe(batch.ends.size);
  // What the server counts lags behind what has ended.
  await until(async () => (await batch.client.workflow.count(`TaskQueue = '${batch.queue}' AND ExecutionStatus = 'Running'`)).count === 0);
}, 120_000);

test('those that were started before do not run again: the end of each is read; one that was canceled starts anew', async () => {
  const behaviours = plain(4);
  behaviours[1] = { fail: 'It does not fit' };
  behaviours[2] = { waits: true };
  await begin(behaviours, 10);
  const { effects } = await serve();
  const startBefore = (index: number) => batch.client.workflow.start('testFollowUp', { workflowId: batch.id(index), taskQueue: batch.queue, args: [batch.input(index, behaviours[index]!)] });
  await (await startBefore(0)).result();
  await (await startBefore(1)).result().catch(() => undefined);
  const canceled = await startBefore(2);
  await effects.begun(3);
  await canceled.cancel();
  await canceled.result().catch(() => undefined);

  const run = await batch.run();
  await until(() => effects.runs.get('id-2') === 2);
  await batch.followUp(2).signal(finishSignal);
  await run.result();
  expect(Object.fromEntries(effects.runs)).toEqual({ 'id-0': 1, 'id-1': 1, 'id-2': 2, 'id-3': 1 });
  expect([0, 1, 2, 3].map((index) => batch.ends.get(index)?.status)).toEqual(['completed', 'failed', 'completed', 'completed']);
  expect(batch.report?.followUps).toEqual(counts(4, 1));
}, 120_000);

test('a shard that was terminated begins again, and when it happens again asks a person; resumed, it goes on, and what has ended does not run again', async () => {
  const behaviours = plain(20);
  behaviours[19] = { waits: true };
  await begin(behaviours, 20);
  const { effects } = await serve();
  const run = await batch.run({ window: 5 });
  await effects.begun(20);
  await until(async () => (await batch.shard(1).query(followUpShardStatusQuery)).succeeded >= 19);
  await batch.shard(1).terminate('by hand');
  await until(() => effects.runs.get('id-19') === 2);
  expect((await batch.status()).attention).toBeUndefined();
  await batch.shard(1).terminate('by hand');
  await until(async () => (await batch.status()).attention?.code === 'part_failed');
  await run.signal('resume');
  await until(() => effects.runs.get('id-19') === 3);
  await batch.followUp(19).signal(finishSignal);
  await run.result();
  expect((await batch.status()).attention).toBeUndefined();
  expect(batch.report?.followUps).toEqual(counts(20));
  expect([...effects.runs.values()].reduce((sum, runs) => sum + runs, 0)).toBe(22);
}, 120_000);

if (LONG) test('one that was terminated or timed out from outside is counted, and a large value is only measured', async () => {
  const behaviours: Behaviour[] = [{ waits: true }, { valueBytes: 70_000 }];
  await begin(behaviours, 10);
  const { effects } = await serve();
  const run = await batch.run();
  await effects.begun(2);
  await batch.followUp(0).terminate('by hand');
  await run.result();
  expect(batch.ends.get(0)).toEqual({ workflowId: batch.id(0), status: 'terminated' });
  expect(batch.ends.get(1)).toMatchObject({ status: 'completed', value_bytes: expect.any(Number) });
  expect(batch.ends.get(1)).not.toHaveProperty('value');
  expect(batch.report?.followUps).toEqual(counts(2, 1));
}, 120_000);

if (LONG) test('run again, those that failed run once more, and those that have completed do not', async () => {
  const behaviours = plain(6);
  behaviours[2] = { fail: 'It does not fit', once: true };
  behaviours[4] = { fail: 'It never fits' };
  await begin(behaviours, 10);
  const { effects } = await serve();
  await (await batch.run()).result();
  expect(batch.report?.followUps).toEqual(counts(6, 2));
  batch.records.clear();
  const ended = await (await startAgain()).result();
  expect(ended).toEqual(counts(6, 1));
  expect(Object.fromEntries(effects.runs)).toEqual({ 'id-0': 1, 'id-1': 1, 'id-2': 2, 'id-3': 1, 'id-4': 2, 'id-5': 1 });
  expect([...batch.ends].sort(([a], [b]) => a - b).map(([, { status }]) => status)).toEqual(['completed', 'completed', 'completed', 'completed', 'failed', 'completed']);
}, 120_000);

if (LONG) test('run again and canceled, one that somebody else runs ends by that cancel, and is not started anew', async () => {
  const behaviours = [{ waits: true }];
  await begin(behaviours, 1);
  const { effects } = await serve();
  const foreign = await batch.client.workflow.start('testFollowUp', { workflowId: batch.id(0), taskQueue: batch.queue, args: [batch.input(0, behaviours[0]!)] });
  await effects.begun(1);
  const again = await startAgain();
  await until(async () => (await again.describe()).raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'messageBatches.endOfFollowUp'));
  await again.cancel();
  await expect(again.result()).rejects.toThrow('cancel');
  expect((await foreign.describe()).status.name).toBe('CANCELLED');
  expect(Object.fromEntries(effects.runs)).toEqual({ 'id-0': 1 });
  const { count } = await until(() => batch.client.workflow.count(`WorkflowId = '${batch.id(0)}'`), ({ count: listed }) => listed > 0);
  expect(count).toBe(1);
});

if (LONG) test('a cancel reaches follow-ups that have continued as new', async () => {
  await begin(plain(3), 3);
  const { effects } = await serve();
  const run = await batch.run({ workflow: 'renewingFollowUp' });
  await effects.begun(3);
  await run.signal(cancelSignal);
  await run.result();
  expect([...batch.ends.values()].map(({ status }) => status)).toEqual(['canceled', 'canceled', 'canceled']);
  for (let index = 0; index < 3; index++) expect((await batch.followUp(index).describe()).status.name).toBe('CANCELLED');
});
