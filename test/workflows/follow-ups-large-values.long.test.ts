/**
 * Values that all at once are more than a history may have: the server terminates the shard that gets them. Nobody has to do anything.
 * The server's limit and the values are a tenth of what they can be, 50 MB and 2 MB.
 */
import { followUpShardStatusQuery } from '../../src/contract';
import { FollowUpBatch } from '../support/follow-ups/batch';
import { followUpServer } from '../support/follow-ups/follow-up-server';
import { FollowUpWorker } from '../support/follow-ups/worker';
import { finishSignal } from '../support/follow-ups/workflows';
import { until } from '../support/until';

const temporal = followUpServer([`limit.historySize.error=${5 * 1024 * 1024}`]);
let batch: FollowUpBatch;

afterEach(() => batch.close());

test('thirty of 190 KB that end while no worker of ours runs: their shard begins again by itself, the next one is careful, and each has run once', async () => {
  const behaviours = Array.from({ length: 51 }, () => ({ waits: true, deaf: true, valueBytes: 190_000 }));
  batch = await FollowUpBatch.start({ address: temporal.address, behaviours, perShard: 30 });
  const worker = await FollowUpWorker.start(temporal.address, batch.queue);
  const { effects } = worker;
  const run = await batch.run({ window: 30 });
  await effects.begun(30);
  await until(async () => (await batch.shard(1).query(followUpShardStatusQuery)).started >= 30);
  const first = await batch.shard(1).describe();
  await batch.stopWorker();
  await finish(0, 30);
  await until(async () => (await batch.client.workflow.count(`TaskQueue = '${batch.queue}' AND ExecutionStatus = 'Running'`)).count === 0);
  await batch.startWorker();
  // Of the second shard, as many as fit a history whatever they return; the last one once that is known.
  await effects.begun(50);
  await finish(30, 50);
  await effects.begun(51);
  await finish(50, 51);
  await run.result();
  await worker.stop();

  expect((await batch.client.workflow.getHandle(first.workflowId, first.runId).describe()).status.name).toBe('TERMINATED');
  expect((await batch.client.workflow.count(`WorkflowId = '${batch.shard(2).workflowId}' AND ExecutionStatus = 'Terminated'`)).count).toBe(0);
  expect(batch.report?.followUps).toEqual({ selected: 51, started: 51, succeeded: 51, failed: 0 });
  expect(behaviours.map((_, index) => batch.ends.get(index)?.value_bytes)).toEqual(behaviours.map(() => expect.closeTo(190_050, -2)));
  expect([...effects.runs.values()]).toEqual(behaviours.map(() => 1));
  // Its last run was told how much the others have returned.
  const { events } = await batch.shard(2).fetchHistory();
  const { data } = events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads![0]!;
  expect(JSON.parse(Buffer.from(data!).toString())).toMatchObject({ careful: true, resumed: { returned: { ends: 20, bytes: expect.closeTo(20 * 190_050, -4) } } });
}, 120_000);

test('a new run of a shard knows how much they have returned before', async () => {
  const behaviours = Array.from({ length: 12 }, () => ({ ms: 200 }));
  batch = await FollowUpBatch.start({ address: temporal.address, behaviours, perShard: 30 });
  const worker = await FollowUpWorker.start(temporal.address, batch.queue);
  const [shard] = batch.shards({ jobId: batch.jobId, round: 1, part: 1, output: '/nowhere' });
  const resumed = { list: shard!.list, begun: 0, counts: { selected: 12, started: 0, succeeded: 0, failed: 0 }, isServed: true, returned: { ends: 100, bytes: 100_000_000 } };
  const input = { shard, options: { workflow: 'testFollowUp', taskQueue: batch.queue }, activityTaskQueue: batch.jobId, number: 1, window: 12, isLast: true, resumed };
  await batch.client.workflow.execute('followUpShardWorkflow', { workflowId: `${batch.jobId}/resumed`, taskQueue: batch.jobId, args: [input] });
  await worker.stop();
  expect(worker.effects.runs.size).toBe(12);
  // Each may return 1 MB: an end has room for twice that.
  expect(worker.effects.most).toBeLessThanOrEqual(4);
});

async function finish(from: number, to: number): Promise<void> {
  for (let index = from; index < to; index++) await batch.followUp(index).signal(finishSignal);
}
