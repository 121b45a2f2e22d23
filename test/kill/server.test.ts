/** The Temporal server dies, is set back, or forgets: the job folder remembers what was paid. */
import { join } from 'node:path';
import { jobWorkflowId } from '../../src/contract';
import { World } from '../support/world';

const REQUESTS = 20;
let world: World;

afterEach(() => world.close());

async function expectPaidOnce(report: Awaited<ReturnType<World['runJob']>>): Promise<void> {
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report.outcomes.succeeded).toBe(REQUESTS);
  expect((await world.results(report)).size).toBe(REQUESTS);
}

test('SIGKILL of the server while polling, then a restart', async () => {
  world = await World.create({ processingMs: 4_000 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('poll');
  await world.temporal.restart();
  await expectPaidOnce(await job.result());
});

test('SIGKILL of worker and server together while polling', async () => {
  world = await World.create({ processingMs: 4_000 });
  const worker = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('poll');
  await Promise.all([worker.kill(), world.temporal.kill()]);
  await world.temporal.start();
  await world.startWorker();
  await expectPaidOnce(await job.result());
});

test("the server's database set back to a copy from before create", async () => {
  world = await World.create({ processingMs: 3_000 });
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
  await expectPaidOnce(await job.result());
});

test('the finished workflow deleted, then the same job again', async () => {
  world = await World.create();
  await world.startWorker();
  const input = { requests: await world.writeRequests(REQUESTS) };
  const first = await world.runJob(input);
  const client = await world.client();
  await client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution: { workflowId: jobWorkflowId(world.jobId) } });
  const second = await world.runJob(input);
  expect(second).toEqual(first);
  await expectPaidOnce(second);
});

test('the job terminated in the middle, then started again', async () => {
  world = await World.create({ processingMs: 4_000 });
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
