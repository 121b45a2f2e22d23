/** The Temporal server dies, is set back, or forgets: the job folder remembers what was paid. */
import { join } from 'node:path';
import { jobWorkflowId } from '../../src/contract';
import type { Afterwards } from '../support/side-by-side';
import { testsTogether } from '../support/side-by-side';
import { World } from '../support/world';
import { LONG } from '../support/long-form';

const REQUESTS = 20;

/** Each has a Temporal server of its own. */
const together = testsTogether({ timeoutMs: 90_000 });

function open(afterwards: Afterwards, options: Parameters<typeof World.create>[0] = {}): Promise<World> {
  return World.create(options).then((world) => {
    afterwards(() => world.close());
    return world;
  });
}

async function expectPaidOnce(world: World, report: Awaited<ReturnType<World['runJob']>>): Promise<void> {
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report.outcomes.succeeded).toBe(REQUESTS);
  expect((await world.results(report)).size).toBe(REQUESTS);
}

together('SIGKILL of the server while polling, then a restart', async (afterwards) => {
  const world = await open(afterwards, { processingMs: 4_000 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('poll');
  await world.temporal.restart();
  await expectPaidOnce(world, await job.result());
});

if (LONG) together('SIGKILL of worker and server together while polling', async (afterwards) => {
  const world = await open(afterwards, { processingMs: 4_000 });
  const worker = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('poll');
  await Promise.all([worker.kill(), world.temporal.kill()]);
  await world.temporal.start();
  await world.startWorker();
  await expectPaidOnce(world, await job.result());
});

together("the server's database set back to a copy from before create", async (afterwards) => {
  const world = await open(afterwards, { processingMs: 3_000 });
  // No worker yet: the job stands in the database, and nothing of it has run.
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  const copy = join(world.folder, 'copy');
  await world.temporal.kill();
  await world.temporal.copyDatabase(copy);
  await world.temporal.start();
  const worker = await world.startWorker();
  await world.simulator.waitFor('poll');
  await worker.kill();
  await world.temporal.kill();
  await world.temporal.setBack(copy);
  await world.temporal.start();
  await world.startWorker();
  await expectPaidOnce(world, await job.result());
});

together('the finished workflow deleted, then the same job again', async (afterwards) => {
  const world = await open(afterwards);
  await world.startWorker();
  const input = { requests: await world.writeRequests(REQUESTS) };
  const first = await world.runJob(input);
  const client = await world.client();
  await client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution: { workflowId: jobWorkflowId(world.jobId) } });
  const second = await world.runJob(input);
  expect(second).toEqual(first);
  await expectPaidOnce(world, second);
});

if (LONG) together('the job terminated in the middle, then started again', async (afterwards) => {
  const world = await open(afterwards, { processingMs: 4_000 });
  await world.startWorker();
  const input = { requests: await world.writeRequests(REQUESTS) };
  const job = await world.startJob(input);
  await world.simulator.waitFor('poll');
  await job.terminate('test');
  const report = await world.runJob(input);
  // Its batch was asked to cancel, as nobody seemed to wait for it; nothing is sent a second time.
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report.outcomes.succeeded + report.outcomes.canceled).toBe(REQUESTS);
});
