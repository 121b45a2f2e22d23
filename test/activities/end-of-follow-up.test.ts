/** How a workflow that another one has started came to its end, on a real server; the codec by a real worker. */
import { randomBytes } from 'node:crypto';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { Payload, PayloadCodec } from '@temporalio/common';
import Long from 'long';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDependencies, FollowUpEnd } from '../../src/activities';
import { createActivities } from '../../src/activities';
import { FOLLOW_UP_BATCH_MEMO, FOLLOW_UP_NOT_FOUND, FOLLOW_UP_OF_ANOTHER_BATCH, MAX_FOLLOW_UP_VALUE_BYTES } from '../../src/contract';
import { ownDataConverter } from '../../src/worker/workflow-bundle';
import { Queues, silent } from '../support/served/queues';
import { sharedTemporal } from '../support/shared-temporal';
import { until } from '../support/until';

const shared = sharedTemporal();
let queues: Queues;
let queue: string;

beforeAll(async () => {
  queues = await Queues.open((await shared.start()).address);
  queue = queues.newQueue();
  await queues.startWorker(queue);
});

afterAll(async () => {
  await queues.close();
  await shared.stop();
});

const activities = createActivities({} as ActivityDependencies);

function environment(info: { scheduledTimestampMs: number } = { scheduledTimestampMs: Date.now() }): MockActivityEnvironment {
  return new MockActivityEnvironment(info, { client: queues.client, logger: silent });
}

function endOf(workflowId: string, mock = environment()): Promise<FollowUpEnd> {
  return mock.run(activities['messageBatches.endOfFollowUp'], workflowId);
}

/** As Temporal does: tries again where it may. */
async function endOfWithRetries(workflowId: string): Promise<FollowUpEnd> {
  for (;;) {
    try {
      return await endOf(workflowId);
    } catch (error) {
      if (!(error instanceof ApplicationFailure) || error.nonRetryable) throw error;
    }
  }
}

const handle = (workflowId: string) => queues.client.workflow.getHandle(workflowId);

test('all five ends', async () => {
  const completed = await queues.start(queue, 'endsNow', ['completes']);
  expect(await endOf(completed)).toEqual({ workflowId: completed, status: 'completed', value: { how: 'completes', text: '' } });

  const failed = await queues.start(queue, 'endsNow', ['fails']);
  expect(await endOf(failed)).toEqual({ workflowId: failed, status: 'failed', failure: { type: 'Unfit', message: 'The answer does not fit' } });

  const canceled = await queues.start(queue, 'endsNow', ['sleeps']);
  await handle(canceled).cancel();
  expect(await endOf(canceled)).toEqual({ workflowId: canceled, status: 'canceled' });

  const terminated = await queues.start(queue, 'endsNow', ['sleeps']);
  await handle(terminated).terminate('No longer wanted');
  expect(await endOf(terminated)).toEqual({ workflowId: terminated, status: 'terminated', failure: { type: 'TerminatedFailure', message: 'No longer wanted' } });

  const workflowId = `late-${randomBytes(4).toString('hex')}`;
  await queues.client.workflow.start('endsNow', { taskQueue: queue, workflowId, args: ['sleeps'], workflowRunTimeout: '1 second' });
  expect(await endOf(workflowId)).toEqual({ workflowId, status: 'timed_out', failure: { type: 'TimeoutFailure', message: 'Workflow execution timed out' } });
});

test('of one that somebody else has started only a completion counts, where that is asked for', async () => {
  const endOfOwn = (workflowId: string) => environment().run(activities['messageBatches.endOfFollowUp'], workflowId, 'shard');
  const failed = await queues.start(queue, 'endsNow', ['fails']);
  await expect(endOfOwn(failed)).rejects.toMatchObject({ nonRetryable: true, type: FOLLOW_UP_NOT_FOUND });
  const completed = await queues.start(queue, 'endsNow', ['completes']);
  expect(await endOfOwn(completed)).toMatchObject({ status: 'completed' });
});

test('one that says it is of another batch does not count, open or ended; what says nothing that can be read does', async () => {
  const endFor = (workflowId: string, batchId?: string) => environment().run(activities['messageBatches.endOfFollowUp'], workflowId, undefined, batchId);
  const start = async (how: string, memo?: Record<string, unknown>, client = queues.client, taskQueue = queue): Promise<string> => {
    const workflowId = `of-a-batch-${randomBytes(4).toString('hex')}`;
    await client.workflow.start('endsNow', { taskQueue, workflowId, args: [how], memo });
    return workflowId;
  };
  const completed = await start('completes', { [FOLLOW_UP_BATCH_MEMO]: 'msgbatch_1' });
  expect(await endFor(completed, 'msgbatch_1')).toMatchObject({ status: 'completed' });
  expect(await endFor(completed)).toMatchObject({ status: 'completed' });
  await expect(endFor(completed, 'msgbatch_2')).rejects.toMatchObject({ nonRetryable: true, type: FOLLOW_UP_OF_ANOTHER_BATCH, details: ['ended'] });

  const sleeping = await start('sleeps', { [FOLLOW_UP_BATCH_MEMO]: 'msgbatch_1' });
  await expect(endFor(sleeping, 'msgbatch_2')).rejects.toMatchObject({ nonRetryable: true, type: FOLLOW_UP_OF_ANOTHER_BATCH, details: ['open'] });
  await handle(sleeping).terminate();

  expect(await endFor(await start('completes', { another: 'msgbatch_1' }), 'msgbatch_2')).toMatchObject({ status: 'completed' });
  expect(await endFor(await start('completes', { [FOLLOW_UP_BATCH_MEMO]: 1 }), 'msgbatch_2')).toMatchObject({ status: 'completed' });
  // Of a worker with a codec that is not here.
  const encoded = await start('completes', { [FOLLOW_UP_BATCH_MEMO]: 'msgbatch_1' }, queues.withConverter({ payloadCodecs: [new Reversing()] }), queues.newQueue());
  await handle(encoded).terminate();
  await expect(handle(encoded).describe()).rejects.toThrow('Unknown encoding: binary/reversed');
  expect(await endFor(encoded, 'msgbatch_2')).toMatchObject({ status: 'terminated' });
});

test('of a large value its size is told', async () => {
  const workflowId = await queues.start(queue, 'endsNow', ['completes', MAX_FOLLOW_UP_VALUE_BYTES]);
  const bytes = JSON.stringify({ how: 'completes', text: '' }).length + MAX_FOLLOW_UP_VALUE_BYTES;
  expect(await endOf(workflowId)).toEqual({ workflowId, status: 'completed', value_bytes: bytes });
});

test('waits for one that still runs, with signs of life, and notices its end at once', async () => {
  const workflowId = await queues.start(queue, 'endsLater', ['completes']);
  const mock = environment();
  const alive: number[] = [];
  const twice = new Promise<void>((resolve) => mock.on('heartbeat', () => alive.push(Date.now()) === 2 && resolve()));
  const end = endOf(workflowId, mock);
  await twice;
  const finishedAt = Date.now();
  await handle(workflowId).signal('finish');
  expect(await end).toMatchObject({ status: 'completed' });
  // Sooner than a call ends that waits for it in vain.
  expect(Date.now() - finishedAt).toBeLessThan(10_000);
  expect(alive[1]! - alive[0]!).toBeLessThan(10_000);
});

test('a cancel ends the wait, also where a call to the server is under way', async () => {
  const workflowId = await queues.start(queue, 'endsLater', ['completes']);
  const mock = environment();
  const end = endOf(workflowId, mock);
  mock.cancel();
  await expect(end).rejects.toThrow(CancelledFailure);

  // Calls of a worker's own client cannot be broken off.
  const others = queues.newQueue();
  // As the product's own: a cancel comes with the answer to a heartbeat.
  await queues.startWorker(others, { activities, maxHeartbeatThrottleInterval: '1 second' });
  const asking = await queues.start(others, 'asksForEnd', [workflowId]);
  while (!(await handle(asking).describe()).raw.pendingActivities?.[0]?.lastHeartbeatTime) await new Promise((resolve) => setTimeout(resolve, 50));
  const canceledAt = Date.now();
  await handle(asking).cancel();
  await expect(handle(asking).result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  expect(Date.now() - canceledAt).toBeLessThan(12_000);
  await handle(workflowId).terminate();
});

test('one that takes long is looked at now and then, and holds no slot of the worker meanwhile', async () => {
  const workflowId = await queues.start(queue, 'endsLater', ['completes']);
  const began = Date.now();
  await expect(endOf(workflowId, environment({ scheduledTimestampMs: began - 600_000 }))).rejects.toMatchObject({ nonRetryable: false, nextRetryDelay: expect.closeTo(30_000, -3) });
  await expect(endOf(workflowId, environment({ scheduledTimestampMs: began - 86_400_000 }))).rejects.toMatchObject({ nonRetryable: false, nextRetryDelay: 60_000 });
  expect(Date.now() - began).toBeLessThan(12_000);
  await handle(workflowId).terminate();
});

test('its newest run counts: after continue-as-new, and after a reset', async () => {
  const again = await queues.start(queue, 'endsLater', ['again']);
  const first = await handle(again).describe();
  const end = endOfWithRetries(again);
  await handle(again).signal('finish');
  expect(await end).toMatchObject({ status: 'completed', value: { how: 'completes' } });
  expect((await handle(again).describe()).runId).not.toBe(first.runId);

  const reset = await queues.start(queue, 'endsLater', ['completes']);
  // Its first task is done with event 4, to which it is reset.
  await until(() => handle(reset).describe(), ({ historyLength }) => historyLength >= 4);
  await handle(reset).signal('finish');
  const { runId } = await handle(reset).describe();
  await handle(reset).result();
  await queues.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: reset, runId },
    requestId: randomBytes(8).toString('hex'),
    workflowTaskFinishEventId: Long.fromNumber(4),
    resetReapplyExcludeTypes: [1], // RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL
  });
  const waiting = endOfWithRetries(reset);
  await handle(reset).signal('finish');
  expect(await waiting).toMatchObject({ status: 'completed' });
  await handle(reset).terminate().catch(() => undefined);
});

test('one that was never started, or is long deleted, is a failure that says so', async () => {
  await expect(endOf('no-such-workflow')).rejects.toMatchObject({ type: FOLLOW_UP_NOT_FOUND, nonRetryable: true, message: 'Temporal has no workflow no-such-workflow (any more)' });
});

test("by a real worker's own client: its payload codec reads values and failures", async () => {
  const dataConverter = { payloadCodecs: [new Reversing()], failureConverterPath: require.resolve('../support/served/encoded-failures') };
  const secret = queues.newQueue();
  await queues.startWorker(secret, { dataConverter, activities });
  const ask = async (workflowId: string): Promise<unknown> => {
    const asking = await queues.start(secret, 'asksForEnd', [workflowId], dataConverter);
    return queues.withConverter(dataConverter).workflow.getHandle(asking).result();
  };
  const completed = await queues.start(secret, 'endsNow', ['completes'], dataConverter);
  expect(await ask(completed)).toEqual({ workflowId: completed, status: 'completed', value: { how: 'completes', text: '' } });
  const failed = await queues.start(secret, 'endsNow', ['fails'], dataConverter);
  expect(await ask(failed)).toEqual({ workflowId: failed, status: 'failed', failure: { type: 'Unfit', message: 'The answer does not fit' } });
  // Without the codec neither the value nor the failure's details can be read: how they ended is told all the same.
  await expect(handle(completed).result()).rejects.toThrow('Unknown encoding: binary/reversed');
  const without = queues.newQueue();
  await queues.startWorker(without, { dataConverter: ownDataConverter(), activities });
  const askWithout = async (workflowId: string): Promise<unknown> => handle(await queues.start(without, 'asksForEnd', [workflowId])).result();
  expect(await askWithout(completed)).toEqual({ workflowId: completed, status: 'completed', value_bytes: 29, value_encoding: 'binary/reversed' });
  expect(await askWithout(failed)).toEqual({ workflowId: failed, status: 'failed', failure: { type: 'Unfit', message: 'The answer does not fit' } });
});

/** Turns the bytes of payloads around. */
class Reversing implements PayloadCodec {
  async encode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => ({ metadata: { encoding: Buffer.from('binary/reversed'), inner: payload.metadata!['encoding']! }, data: Buffer.from(payload.data!).reverse() }));
  }

  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (payload.metadata!['inner'] ? { metadata: { encoding: payload.metadata!['inner'] }, data: Buffer.from(payload.data!).reverse() } : payload));
  }
}
