/** The status of a job whose follow-ups run: counts of parts, batches and shards, by real queries. */
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { MessageBatchesClient } from '../../src/client';
import type { BatchStatus, FollowUpCounts, JobStatus } from '../../src/contract';
import { jobWorkflowId, noOutcomes, noUsage } from '../../src/contract';
import { sharedTemporal } from '../support/shared-temporal';
import { until } from '../support/until';

const QUEUE = `following-up-${process.pid}`;
const id = (name: string) => `${QUEUE}/${name}`;

const shared = sharedTemporal();
let connection: Connection;
let native: NativeConnection;
let client: Client;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const { address } = await shared.start();
  connection = await Connection.connect({ address });
  native = await NativeConnection.connect({ address });
  client = new Client({ connection });
});
afterAll(async () => {
  await native.close();
  await connection.close();
  await shared.stop();
});

const done = { selected: 3000, started: 1000, succeeded: 990, failed: 10 };
const attention = { code: 'follow_up_unserved' as const, message: 'no worker polls grading for gradeAnswer', hint: 'Start one.', since: '2026-11-02T09:00:00.000Z' };
const batch = (part: number, more: Partial<BatchStatus>): BatchStatus => ({ jobId: QUEUE, round: 1, part, phase: 'following_up', requests: 3000, polls: 1, stored: { lines: 3000, bytes: 1 }, usage: noUsage(), problems: [], cancelRequested: false, cancelSent: true, paused: false, ...more });

async function start(workflow: string, workflowId: string, arg: JobStatus | BatchStatus | FollowUpCounts): Promise<void> {
  await client.workflow.start(workflow, { workflowId, taskQueue: QUEUE, args: [arg] });
}

test('ended parts, ended shards and running ones add up; one that is gone holds up nothing', async () => {
  const job: JobStatus = {
    jobId: QUEUE, phase: 'running', simulated: false, account: { label: 'test', baseUrl: 'http://localhost' }, round: 1, parts: { total: 3, ended: 1 }, outcomes: noOutcomes(), usage: noUsage(),
    followUps: { selected: 500, started: 500, succeeded: 499, failed: 1 },
    running: [2, 3].map((part) => ({ round: 1, part, workflowId: id(`batch-${part}`) })),
    attention, cancelRequested: false, paused: false, problems: [], startedAt: '2026-11-02T09:00:00.000Z',
  };
  await start('batchJobWorkflow', jobWorkflowId(QUEUE), job);
  await start('batchWorkflow', id('batch-2'), batch(2, { followUps: done, followUpShards: [id('shard-2'), id('shard-3-ended'), id('gone')] }));
  await start('batchWorkflow', id('batch-3'), batch(3, { phase: 'storing' }));
  await start('followUpShardWorkflow', id('shard-2'), { selected: 1000, started: 700, succeeded: 640, failed: 20 });
  await start('followUpShardWorkflow', id('shard-3-ended'), { selected: 1000, started: 10, succeeded: 10, failed: 0 });
  const handle = new MessageBatchesClient({ client }).job(QUEUE);
  expect(await handle.status()).toMatchObject({ source: 'memo', running: [] });

  const worker = await Worker.create({ connection: native, taskQueue: QUEUE, workflowsPath: require.resolve('./support/following-up-workflows') });
  await worker.runUntil(async () => {
    await client.workflow.getHandle(id('shard-3-ended')).result();
    // Of whoever does not answer in time there is less to add up.
    const status = await until(() => handle.status(), ({ source, followUps, running }) => source === 'workflow' && followUps?.started === 2210 && running[1]?.phase !== undefined);
    expect(status).toMatchObject({ source: 'workflow', attention, followUps: { selected: 3500, started: 2210, running: 40, succeeded: 2139, failed: 31 } });
    expect(status.running[0]!.status!.followUps).toEqual({ selected: 3000, started: 1710, succeeded: 1640, failed: 30 });
    expect(status.running[1]).toMatchObject({ phase: 'storing' });
  });
});
