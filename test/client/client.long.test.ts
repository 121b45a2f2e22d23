/** What a client is told while results are stored, where the API fails or its worker is killed; jobs that it starts twice, pauses and cancels. */
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { Client } from '@temporalio/client';
import { MessageBatchesClient } from '../../src/client';
import type { BatchStatus } from '../../src/contract';
import { batchWorkflowId } from '../../src/contract';
import { until } from '../support/until';
import { REQUESTS, useClient } from './support/client-world';

const opened = useClient();

test('while results are stored, the status tells how many are', async () => {
  const { world, batches } = await opened.begin({ processingMs: 0, resultsBytesPerSecond: 2_000 });
  await world.startWorker();
  const job = await batches.startJob(await opened.startOptions());
  const stored: number[] = [];
  for await (const { running } of job.watch({ intervalMs: 100 })) {
    for (const { status } of running) if (status?.phase === 'storing') stored.push(status.stored.lines);
  }
  expect(stored.some((lines) => lines > 0 && lines < REQUESTS)).toBe(true);
  expect(stored).toEqual([...stored].sort((a, b) => a - b));
});

test('results that are all stored between two questions are not told as none', async () => {
  const { world, batches } = await opened.begin({ processingMs: 0, resultsBytesPerSecond: 5_000 });
  await world.startWorker();
  const job = await batches.startJob(await opened.startOptions());
  const partId = batchWorkflowId(job.id, 1, 1);
  const client = await world.client();
  let isStoring = false;
  const betweenTheQuestions: WorkflowClientInterceptor = {
    query: async (input, next) => {
      const answer = await next(input);
      isStoring ||= input.workflowExecution.workflowId === partId && (answer as BatchStatus).phase === 'storing';
      return answer;
    },
    describe: async (input, next) => {
      if (isStoring && input.workflowExecution.workflowId === partId) await client.workflow.getHandle(partId).result();
      return next(input);
    },
  };
  const slow = new Client({ connection: client.connection, interceptors: { workflow: [betweenTheQuestions] } });
  const handle = new MessageBatchesClient({ client: slow }).job(job.id);
  const { running } = await until(() => handle.status(), () => isStoring);
  expect(running).toMatchObject([{ status: { stored: { lines: REQUESTS } } }]);
});

test('the same id attaches to the running job', async () => {
  const { world, batches } = await opened.begin({ processingMs: 1000 });
  await world.startWorker();
  const options = await opened.startOptions();
  const [first, second] = await Promise.all([batches.startJob(options), batches.startJob(options)]);
  const [one, other] = await Promise.all([first.report(), second.report()]);
  expect(other).toEqual(one);
  expect(world.simulator.stats().accepted).toHaveLength(1);
});

test('pause sends nothing; resume goes on', async () => {
  const { world, batches } = await opened.begin();
  const job = await batches.startJob(await opened.startOptions());
  await job.pause();
  await world.startWorker();
  for await (const status of job.watch({ intervalMs: 100 })) if (status.paused && status.phase === 'running') break;
  expect(world.simulator.stats().accepted).toHaveLength(0);
  await job.resume();
  await job.report();
  expect(world.simulator.stats().accepted).toHaveLength(1);
});

test('cancel twice, and once more after the end', async () => {
  const { world, batches } = await opened.begin({ processingMs: 60_000 });
  await world.startWorker();
  const job = await batches.startJob(await opened.startOptions());
  await world.simulator.waitFor('poll');
  await Promise.all([job.cancel(), job.cancel()]);
  expect(await job.report()).toMatchObject({ status: 'canceled' });
  await job.cancel();
});

test('a worker that was killed: the batch is still named', async () => {
  const { world, batches } = await opened.begin({ processingMs: 60_000 });
  const worker = await world.startWorker();
  const job = await batches.startJob(await opened.startOptions());
  // Not in the middle of a call: that one would have to time out first.
  for await (const { running } of job.watch({ intervalMs: 100 })) if (running[0]?.status?.phase === 'processing') break;
  await worker.kill();
  const status = await job.status();
  expect(status).toMatchObject({ source: 'memo', phase: 'running', requests: REQUESTS });
  expect(status.running).toEqual([expect.objectContaining({ round: 1, part: 1, phase: 'processing', batchId: world.simulator.stats().accepted[0]?.id })]);
  await job.cancel();
  await world.startWorker();
  expect(await job.report()).toMatchObject({ status: 'canceled' });
});

test('an API that keeps failing is told, with the attempt', async () => {
  const { world, batches } = await opened.begin({ processingMs: 60_000 });
  await world.startWorker();
  const job = await batches.startJob(await opened.startOptions({ pollIntervalMs: 200 }));
  world.simulator.addFault({ on: 'retrieve', kind: 'status', status: 500, times: 1000 });
  for await (const { running } of job.watch({ intervalMs: 100 })) {
    const trouble = running[0]?.trouble;
    if (!trouble) continue;
    expect(trouble).toMatchObject({ message: expect.stringMatching(/500|error/i), attempt: expect.any(Number) });
    expect(trouble.attempt).toBeGreaterThan(1);
    break;
  }
});
