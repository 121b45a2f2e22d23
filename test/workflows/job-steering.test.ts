/** Jobs that are canceled, ended, paused or changed while some of their parts wait for room. */
import type { WorkflowHandle } from '@temporalio/client';
import { batchWorkflowId, jobStatusQuery } from '../../src/contract';
import { testsOfWorlds } from '../support/side-by-side';
import { until } from '../support/until';
import type { World } from '../support/world';
import { LONG } from '../support/long-form';

const together = testsOfWorlds({ timeoutMs: 120_000 });

/** Four parts, of which one has room. */
async function fourParts(world: World): Promise<{ requests: string; maxRequestsPerBatch: number; queueLimit: number; pollIntervalMs: number }> {
  return { requests: await world.writeRequests(40), maxRequestsPerBatch: 10, queueLimit: 10, pollIntervalMs: 200 };
}

if (LONG) together('a setting that is changed after the workflow was canceled stops nothing: the job ends as Cancelled, with its report', async (open) => {
  const world = await open({ processingMs: Infinity, cancelingMs: 2_000 });
  await world.startWorker();
  const job = await world.startJob(await fourParts(world));
  await world.simulator.waitFor('poll');
  await job.cancel();
  await job.signal('settings', { maxCost: 10 });
  await job.signal('pause');
  await expect(job.result()).rejects.toThrow('Workflow execution cancelled');
  expect((await job.describe()).status.name).toBe('CANCELLED');
  expect(world.simulator.stats().accepted).toHaveLength(1);
});

together('a job that is terminated and started again sends the parts that only waited for room', async (open) => {
  const world = await open({ processingMs: 1_000 });
  await world.startWorker();
  const input = await fourParts(world);
  const job = await world.startJob(input);
  await world.simulator.waitFor('poll');
  await job.terminate('test');
  const report = await world.runJob(input);
  // What was at the API was canceled with its job's workflow, or had ended; nobody meant the others.
  expect(report.outcomes.unsent).toBe(0);
  expect(report.outcomes.succeeded + report.outcomes.canceled).toBe(40);
  expect(report.outcomes.succeeded).toBeGreaterThanOrEqual(30);
  expect(world.simulator.stats().accepted).toHaveLength(4);
});

if (LONG) together('a part whose workflow somebody cancels, while its job goes on, stays unsent', async (open) => {
  const world = await open({ processingMs: Infinity });
  await world.startWorker();
  const job = await world.startJob(await fourParts(world));
  await world.simulator.waitFor('poll');
  const client = await world.client();
  const handles = [1, 2, 3, 4].map((part) => client.workflow.getHandle(batchWorkflowId(world.jobId, 1, part)));
  const isQueued = (handle: WorkflowHandle): Promise<boolean> => handle.describe().then(({ memo }) => memo?.['phase'] === 'queued', () => false);
  const waiting = await until(async () => {
    for (const handle of handles) if (await isQueued(handle)) return handle;
    return undefined;
  });
  await waiting!.cancel();
  world.simulator.setOptions({ processingMs: 200 });
  for (const { id } of world.simulator.stats().accepted) world.simulator.endBatch(id);
  const report = await job.result();
  expect(report.outcomes).toMatchObject({ succeeded: 30, unsent: 10 });
});

together('a cap that is lowered takes back what was not sent yet', async (open) => {
  const world = await open({ processingMs: Infinity });
  await world.startWorker();
  const job = await world.startJob(await fourParts(world));
  await world.simulator.waitFor('poll');
  await job.signal('settings', { maxCost: 0.000001 });
  // Else the batch's end may give room to one before it is taken back.
  await until(async () => (await job.query(jobStatusQuery)).outcomes.unsent === 30);
  world.simulator.endBatch(world.simulator.stats().accepted[0]!.id);
  const report = await job.result();
  expect(report.outcomes).toMatchObject({ succeeded: 10, unsent: 30 });
  expect(report.unsent_reason).toMatch(/may cost \$0\.000001 at most/);
  expect(world.simulator.stats().accepted).toHaveLength(1);
});
