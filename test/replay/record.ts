/** Records the histories of one release: `npm run record-histories`. See README.md beside this file. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accountWorkflowId, batchWorkflowId, followUpShardWorkflowId, jobWorkflowId, workflowTaskQueue } from '../../src/contract';
import type { accountWorkflow } from '../../src/workflows';
import { FollowUpWorker } from '../support/follow-ups/worker';
import { World } from '../support/world';

const { version } = require('../../package.json') as { version: string };
/** The release that the histories are of. Before its version is raised: `RELEASE=0.2.0 npm run record-histories`. */
const RELEASE = process.env['RELEASE'] ?? version;
let world: World;

afterEach(() => world.close());

/** @param runId default: the latest run. */
function record(workflowId: string, scenario: string, runId?: string): void {
  const args = ['workflow', 'show', '--address', world.temporal.address, '--workflow-id', workflowId, ...(runId === undefined ? [] : ['--run-id', runId]), '--output', 'json'];
  // Stack traces have paths of this machine.
  const history = execFileSync(process.env['TEMPORAL_CLI_PATH']!, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }).replaceAll(`${join(__dirname, '..', '..')}/`, '');
  writeFileSync(join(__dirname, 'histories', `${RELEASE}-${scenario}.json`), history);
}

test('two rounds', async () => {
  world = await World.create({ expiredShare: 0.3 });
  await world.startWorker();
  await world.runJob({ requests: await world.writeRequests(30), maxRequestsPerBatch: 20 });
  record(jobWorkflowId(world.jobId), 'job-two-rounds');
  record(batchWorkflowId(world.jobId, 1, 1), 'batch');
});

test('a create whose answer was lost', async () => {
  world = await World.create();
  world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
  await world.startWorker();
  await world.runJob({ requests: await world.writeRequests(20) });
  record(batchWorkflowId(world.jobId, 1, 1), 'batch-reconciled');
});

test('canceled while polling', async () => {
  world = await World.create({ processingMs: 10_000 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(20) });
  await world.simulator.waitFor('poll', 2);
  await job.signal('cancel');
  await job.result();
  record(jobWorkflowId(world.jobId), 'job-canceled');
  record(batchWorkflowId(world.jobId, 1, 1), 'batch-canceled');
});

test('three parts side by side, and a second round', async () => {
  world = await World.create({ overloadedShare: 0.3 });
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(60), maxRequestsPerBatch: 20, pollIntervalMs: 300 });
  expect(report.batches.map(({ round }) => round)).toEqual(expect.arrayContaining([1, 2]));
  record(jobWorkflowId(world.jobId), 'job-side-by-side-two-rounds');
});

test('a part that is split', async () => {
  // About 150 bytes a request: five fit, ten do not.
  world = await World.create({ maxBodyBytes: 1_000 });
  await world.startWorker();
  await world.runJob({ requests: await world.writeRequests(15), maxRequestsPerBatch: 10, pollIntervalMs: 300 });
  record(jobWorkflowId(world.jobId), 'job-split');
  record(batchWorkflowId(world.jobId, 1, 1), 'batch-too-large');
});

test('a job that its cap ends', async () => {
  world = await World.create({ usageFactor: 3 });
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(400, { bytes: 200 }), maxCost: 0.03, pollIntervalMs: 300 });
  expect(report.outcomes.unsent).toBeGreaterThan(0);
  expect(report.outcomes.succeeded).toBeGreaterThan(0);
  record(jobWorkflowId(world.jobId), 'job-cost-cap');
});

test('a job of several parts that is canceled', async () => {
  world = await World.create({ processingMs: Infinity });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(30), maxRequestsPerBatch: 10, pollIntervalMs: 300 });
  await world.simulator.waitFor('create-accepted', 3);
  await job.signal('cancel');
  await job.result();
  record(jobWorkflowId(world.jobId), 'job-parts-canceled');
});

test('an account whose waiters come through continue-as-new, and a batch that waited', async () => {
  world = await World.create({ processingMs: 500 });
  await world.startWorker();
  const account = await (await world.client()).workflow.start<typeof accountWorkflow>('accountWorkflow', {
    workflowId: accountWorkflowId(world.account),
    taskQueue: workflowTaskQueue(world.account),
    args: [{ mostEvents: 60 }],
  });
  await world.runJob({ requests: await world.writeRequests(80), maxRequestsPerBatch: 10, queueLimit: 20, pollIntervalMs: 300 });
  record(account.workflowId, 'account-continued', account.firstExecutionRunId);
  record(account.workflowId, 'account-resumed');
  // Of eight parts with room for two at a time, the last one waited.
  record(batchWorkflowId(world.jobId, 1, 8), 'batch-queued');
});

test('follow-ups, one of which fails', async () => {
  world = await World.create();
  await world.startWorker();
  const followUps = await FollowUpWorker.start(world.temporal.address, 'follow-ups');
  const report = await world.runJob({
    requests: await world.writeRequests(6, { metadata: (index) => (index === 2 ? { fail: 'It does not fit' } : {}) }),
    followUp: { workflow: 'testFollowUp', taskQueue: 'follow-ups', window: 3 },
    pollIntervalMs: 300,
  });
  await followUps.stop();
  expect(report.follow_ups).toMatchObject({ selected: 6, started: 6, succeeded: 5, failed: 1 });
  record(batchWorkflowId(world.jobId, 1, 1), 'batch-follow-ups');
  record(followUpShardWorkflowId(world.jobId, 1, 1, 1), 'follow-up-shard');
});

test('follow-ups that are canceled in the middle', async () => {
  world = await World.create();
  await world.startWorker();
  const followUps = await FollowUpWorker.start(world.temporal.address, 'follow-ups');
  const job = await world.startJob({
    requests: await world.writeRequests(6, { metadata: () => ({ waits: true }) }),
    followUp: { workflow: 'testFollowUp', taskQueue: 'follow-ups', window: 3 },
    pollIntervalMs: 300,
  });
  await followUps.effects.begun(3);
  await job.signal('cancel');
  const report = await job.result();
  await followUps.stop();
  expect(report.follow_ups).toMatchObject({ selected: 6, started: 3, succeeded: 0, failed: 0, canceled: 3 });
  record(followUpShardWorkflowId(world.jobId, 1, 1, 1), 'follow-up-shard-canceled');
});
