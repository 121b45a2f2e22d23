/** The workflow of an account, on a real server: many batches, a small history before it continues as new, workers that go. */
import { accountStatusQuery, accountWorkflowId, batchStatusQuery, batchWorkflowId, workflowTaskQueue } from '../../src/contract';
import type { accountWorkflow } from '../../src/workflows';
import { testsOfWorlds } from '../support/side-by-side';
import { until } from '../support/until';

const together = testsOfWorlds({ timeoutMs: 120_000 });

together('parts of several jobs share the room that a refusal has shown, and nobody is lost over many continue-as-new', async (open) => {
  const world = await open({ queueLimit: 60, processingMs: 300 });
  await world.startWorker();
  const client = await world.client();
  // Small histories, so that it continues as new under load again and again.
  const account = await client.workflow.start<typeof accountWorkflow>('accountWorkflow', {
    workflowId: accountWorkflowId(world.account),
    taskQueue: workflowTaskQueue(world.account),
    args: [{ mostEvents: 60 }],
  });
  const requests = await world.writeRequests(120);
  const jobs = ['a', 'b', 'c'].map((name) => `${world.jobId}-${name}`);
  const reports = await Promise.all(jobs.map((jobId) => world.runJob({ jobId, requests, maxRequestsPerBatch: 20, pollIntervalMs: 200 })));

  expect(reports.map((report) => report.outcomes.succeeded)).toEqual([120, 120, 120]);
  expect(world.simulator.stats().accepted).toHaveLength(18);
  const { runId } = await client.workflow.getHandle(account.workflowId).describe();
  expect(runId).not.toBe(account.firstExecutionRunId);
  const { refused, waiting, inQueue } = await client.workflow.getHandle(account.workflowId).query(accountStatusQuery);
  expect(refused).toBeLessThanOrEqual(20);
  expect({ waiting, inQueue }).toEqual({ waiting: 0, inQueue: 0 });
});

together('a given limit is held over all jobs of the account', async (open) => {
  const world = await open({ queueLimit: 45, processingMs: 300 });
  await world.startWorker();
  const requests = await world.writeRequests(60);
  const jobs = ['a', 'b'].map((name) => `${world.jobId}-${name}`);
  const reports = await Promise.all(jobs.map((jobId) => world.runJob({ jobId, requests, maxRequestsPerBatch: 15, queueLimit: 45, pollIntervalMs: 200 })));
  expect(reports.map((report) => report.outcomes.succeeded)).toEqual([60, 60]);
  const status = await (await world.client()).workflow.getHandle(accountWorkflowId(world.account)).query(accountStatusQuery);
  expect(status.refused).toBe(0);
});

together('an account workflow that is terminated is started again by who waits', async (open) => {
  const world = await open({ queueLimit: 20, processingMs: Infinity });
  await world.startWorker();
  const client = await world.client();
  const requests = await world.writeRequests(40);
  const job = await world.startJob({ requests, maxRequestsPerBatch: 20, queueLimit: 20, pollIntervalMs: 200 });
  await world.simulator.waitFor('poll');
  const first = await client.workflow.getHandle(accountWorkflowId(world.account)).describe();
  await client.workflow.getHandle(first.workflowId).terminate('test');
  // The second asks again when its settings change, and finds nobody to ask.
  const parts = [1, 2].map((part) => client.workflow.getHandle(batchWorkflowId(world.jobId, 1, part)));
  // The one that waits may not be there yet.
  const states = await Promise.all(parts.map((part) => until(() => part.query(batchStatusQuery).catch(() => undefined))));
  await parts[states.findIndex((state) => state!.batchId === undefined)]!.signal('settings', { queueLimit: 30 });
  world.simulator.endBatch(world.simulator.stats().accepted[0]!.id);
  await world.simulator.waitFor('create-accepted', 2);
  world.simulator.endBatch(world.simulator.stats().accepted[1]!.id);
  const report = await job.result();
  expect(report.outcomes.succeeded).toBe(40);
  const second = await client.workflow.getHandle(first.workflowId).describe();
  expect(second.runId).not.toBe(first.runId);
});
