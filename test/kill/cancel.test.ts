/** Cancel at any moment, and twice: the API is asked to cancel, and what was done is kept. */
import { jobWorkflowId } from '../../src/contract';
import { testsOfWorlds } from '../support/side-by-side';
import { LONG } from '../support/long-form';

const REQUESTS = 200;

const together = testsOfWorlds({ timeoutMs: 90_000 });

together('before create has answered', async (open) => {
  const world = await open({ processingMs: 60_000 });
  world.simulator.addFault({ on: 'create', kind: 'hold-answer', ms: 2_000 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('create-accepted');
  await job.signal('cancel');
  const report = await job.result();
  expect(report.status).toBe('canceled');
  expect(report.outcomes.canceled + report.outcomes.succeeded).toBe(REQUESTS);
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(world.simulator.stats().calls.cancel).toBe(1);
});

together('while polling, twice; partial results are kept', async (open) => {
  const world = await open({ processingMs: 60_000 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('poll', 2);
  await Promise.all([job.signal('cancel'), job.signal('cancel')]);
  const report = await job.result();
  expect(report.status).toBe('canceled');
  expect(report.outcomes.succeeded).toBeGreaterThan(0);
  expect(report.outcomes.canceled).toBeGreaterThan(0);
  expect((await world.results(report)).size).toBe(REQUESTS);
  expect(world.simulator.stats().calls.cancel).toBe(1);
});

if (LONG) together('while streaming: the batch has ended, all its results are kept', async (open) => {
  const world = await open();
  world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 10_000 });
  const first = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('results-started');
  await job.signal('cancel');
  await first.kill();
  await world.startWorker();
  const report = await job.result();
  expect(report.status).toBe('finished');
  expect(report.outcomes.succeeded).toBe(REQUESTS);
});

together('of the workflow itself: the batch is canceled too, the workflow ends as Cancelled', async (open) => {
  const world = await open({ processingMs: 60_000 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('poll');
  await job.cancel();
  await expect(job.result()).rejects.toThrow(/cancel/i);
  const client = await world.client();
  expect((await client.workflow.getHandle(jobWorkflowId(world.jobId)).describe()).status.name).toBe('CANCELLED');
  expect(world.simulator.stats().calls.cancel).toBe(1);
});

if (LONG) together('a canceled job that is started again sends nothing more', async (open) => {
  const world = await open({ processingMs: Infinity });
  await world.startWorker();
  // There is room for one part at a time.
  const input = { requests: await world.writeRequests(REQUESTS), maxRequestsPerBatch: 100, queueLimit: 100 };
  const job = await world.startJob(input);
  await world.simulator.waitFor('poll');
  await job.signal('cancel');
  await world.simulator.waitFor('results-started');
  await job.terminate('test');
  const report = await world.runJob(input);
  expect(report.status).toBe('canceled');
  expect(report.outcomes.unsent).toBe(100);
  expect(world.simulator.stats().accepted).toHaveLength(1);
});
