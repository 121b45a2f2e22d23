/** The client against a real server, a real worker process and the simulator. */
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { JobConflictError, JobFailedError, JobNotFoundError, JobOptionsError, JobUnfinishedError, MessageBatchesClient } from '../../src/client';
import type { ObservedJobStatus, StartJobOptions } from '../../src/client';
import { jobWorkflowId } from '../../src/contract';
import type { SimulatorOptions } from '../../src/simulator';
import type { World } from '../support/world';
import { REQUESTS, useClient } from './support/client-world';

const opened = useClient();
let world: World;
let batches: MessageBatchesClient;

async function begin(options?: Partial<SimulatorOptions>): Promise<void> {
  ({ world, batches } = await opened.begin(options));
}

const startOptions = (more?: Partial<StartJobOptions>): Promise<StartJobOptions> => opened.startOptions(more);

test('a job from its start to its results', async () => {
  await begin({ processingMs: Infinity });
  await world.startWorker();
  const job = await batches.startJob(await startOptions());
  const seen: ObservedJobStatus[] = [];
  for await (const status of job.watch({ intervalMs: 100 })) {
    seen.push(status);
    // Not before it was seen.
    if (status.running.some((part) => part.phase === 'processing' && part.status)) world.endBatches(0);
  }
  expect(seen.at(-1)).toMatchObject({ phase: 'ended', source: 'report', outcomes: { succeeded: REQUESTS } });
  // Where the worker did not answer in time, there is less to see.
  const parts = seen.filter(({ source }) => source === 'workflow').flatMap((status) => status.running);
  expect(parts.map((part) => part.phase)).toContain('processing');
  expect(parts.find((part) => part.phase === 'processing')).toMatchObject({ batchId: world.simulator.stats().accepted[0]?.id, status: { requests: REQUESTS } });
  for (const [index, status] of seen.entries()) expect(status).not.toEqual(seen[index - 1]);

  expect(await job.report()).toMatchObject({ job_id: job.id, status: 'finished', outcomes: { succeeded: REQUESTS } });
  const ids = new Set<string>();
  for await (const line of job.results()) {
    expect(line.result.type).toBe('succeeded');
    ids.add(line.custom_id);
  }
  expect(ids.size).toBe(REQUESTS);

  const inOrder: string[] = [];
  for await (const line of job.results({ order: 'input' })) inOrder.push(line.custom_id);
  expect(inOrder).toEqual(Array.from({ length: REQUESTS }, (_, index) => `request-${index}`));
  for (const id of ids) expect(await job.result(id)).toMatchObject({ custom_id: id, result: { type: 'succeeded' } });
  expect(await job.result('nobody')).toBeUndefined();
});

test('other requests under the id of a job that runs or has ended: both are named, and the report stays', async () => {
  await begin({ processingMs: 500 });
  const options = await startOptions();
  const job = await batches.startJob(options);
  const other = join(world.folder, 'other.jsonl');
  const conflict = { name: 'JobConflictError', jobId: job.id, known: options.requests, asked: other };
  await expect(batches.startJob({ ...options, requests: other })).rejects.toMatchObject({ ...conflict, message: `Job ${job.id} runs already, and was made of ${options.requests as string}, not of ${other}` });
  await world.startWorker();
  const report = await job.report();
  await expect(batches.startJob({ ...options, requests: { uri: other } })).rejects.toMatchObject({ ...conflict, message: expect.stringContaining('has ended') });
  expect(await job.report()).toEqual(report);
  // The same ones again only show what became of them.
  expect(await (await batches.startJob(options)).report()).toEqual(report);
  expect(world.simulator.stats().accepted).toHaveLength(1);
});

test('requests are the same by their checksum where both are given, wherever they lie', async () => {
  await begin();
  const options = await startOptions();
  const uri = options.requests as string;
  const job = await batches.startJob({ ...options, requests: { uri, sha256: 'aa' } });
  await batches.startJob({ ...options, requests: { uri: '/elsewhere.jsonl', sha256: 'aa' } });
  await expect(batches.startJob({ ...options, requests: { uri, sha256: 'bb' } })).rejects.toThrow(/a checksum says that they are others now/);
  await expect(batches.startJob({ ...options, requests: { uri, sha256: 'bb' } })).rejects.toBeInstanceOf(JobConflictError);
  await (await world.client()).workflow.getHandle(jobWorkflowId(job.id)).terminate('not needed');
});

test('two programs that start other requests under one id at once: one of them is told', async () => {
  await begin();
  const options = await startOptions();
  const outcomes = await Promise.allSettled([batches.startJob(options), batches.startJob({ ...options, requests: join(world.folder, 'other.jsonl') })]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  await (await world.client()).workflow.getHandle(jobWorkflowId(options.id)).terminate('not needed');
});

test.each([
  [{ id: undefined }, /option id of a job must be a text .*, and is missing/],
  [{ id: '' }, /option id .*, not ""/],
  [{ id: 'a\nb' }, /option id/],
  [{ id: 'x'.repeat(501) }, /option id .* 1 to 500 bytes/],
  [{ id: 7 }, /option id .*, not 7/],
  [{ requests: undefined }, /option requests .* and is missing/],
  [{ requests: {} }, /option requests .*, not \{\}/],
  [{ requets: 'x' }, /no option "requets"\. Did you mean requests\?/],
  [{ jobId: 'x' }, /Did you mean id\?/],
  [{ maxcost: 5 }, /Did you mean maxCost\?/],
  [{ somethingElse: 5 }, /no option "somethingElse"\. It has: id, requests, /],
  [{ retries: -1 }, /option retries of a job must be a whole number from 0, not -1/],
  [{ retries: '3' }, /option retries .*, not "3"/],
  [{ queueLimit: 0 }, /option queueLimit .* from 1, not 0/],
  [{ maxCost: 0 }, /option maxCost .* more than 0, not 0/],
  [{ maxCost: NaN }, /option maxCost/],
  [{ maxRequestsPerBatch: 0.5 }, /option maxRequestsPerBatch/],
  [{ betas: 'one' }, /option betas .* a list of texts, not "one"/],
  [{ ids: 'make' }, /option ids of a job must be "given" or "generate", not "make"/],
  [{ followUp: 'x' }, /option followUp/],
  [{ followUp: { workflow: 'x', window: 501 } }, /option window of a follow-up must be a whole number from 1 to 500, not 501/],
])('an option that cannot be: %j', async (wrong, message) => {
  await begin();
  const options = { ...(await startOptions()), ...wrong } as unknown as StartJobOptions;
  await expect(batches.startJob(options)).rejects.toMatchObject({ name: 'JobOptionsError', message: expect.stringMatching(message), hint: expect.stringContaining('Nothing was started') });
  await expect(batches.startJob(options)).rejects.toBeInstanceOf(JobOptionsError);
});

test('without a worker the server tells what it knows, and nobody is asked who could not answer', async () => {
  await begin();
  const job = await batches.startJob(await startOptions());
  const asksNobody: WorkflowClientInterceptor = { query: () => Promise.reject(new Error('Nobody would have answered')) };
  const { connection } = await world.client();
  const observer = new MessageBatchesClient({ client: new Client({ connection, interceptors: { workflow: [asksNobody] } }) });
  expect(await observer.job(job.id).status()).toMatchObject({ source: 'memo', phase: 'planning', simulated: false, account: world.account, output: join(world.folder, `${job.id}.results`) });
  await job.cancel();
  await world.startWorker();
  await job.report();
});

test('a job that nobody knows', async () => {
  await begin();
  const job = batches.job('no-such-job');
  for (const call of [() => job.status(), () => job.report(), () => job.cancel(), () => job.pause(), () => job.results().next()]) {
    await expect(call()).rejects.toBeInstanceOf(JobNotFoundError);
  }
});

test('a job that was terminated says so, and goes on when it is started again', async () => {
  await begin({ processingMs: Infinity });
  await world.startWorker();
  const options = await startOptions();
  const job = await batches.startJob(options);
  await world.simulator.waitFor('poll');
  await expect(job.results().next()).rejects.toBeInstanceOf(JobUnfinishedError);
  await (await world.client()).workflow.getHandle(jobWorkflowId(job.id)).terminate('by hand');
  expect(await job.status()).toMatchObject({ phase: 'ended', failure: { status: 'TERMINATED' } });
  await expect(job.report()).rejects.toMatchObject({ name: 'JobFailedError', status: 'TERMINATED' });
  await expect(job.report()).rejects.toBeInstanceOf(JobFailedError);

  await batches.startJob(options);
  world.endBatches(0);
  await job.report();
  expect(world.simulator.stats().accepted).toHaveLength(1);
});

test('an input that is not where the worker runs: which machine that is, and what to do', async () => {
  await begin();
  await world.startWorker();
  const path = join(world.folder, 'elsewhere.jsonl');
  const job = await batches.startJob(await startOptions({ requests: path }));
  const message = `There is no file ${path} on ${hostname()}, where the worker of this job runs`;
  await expect(job.report()).rejects.toMatchObject({ name: 'JobFailedError', status: 'FAILED', message: `Job ${job.id} ended as FAILED: ${message}` });
  expect(await job.status()).toMatchObject({ phase: 'ended', failure: { status: 'FAILED', message, hint: expect.stringMatching(/shared disk, or s3:\/\/.*start the job on that machine/) } });
});

test('all jobs, with what their memos tell', async () => {
  await begin({ processingMs: 0 });
  const job = await batches.startJob(await startOptions());
  const found = async () => {
    for await (const summary of batches.jobs()) if (summary.jobId === job.id) return summary;
    return undefined;
  };
  // The server's list is a moment behind.
  let summary = await found();
  while (!summary) summary = await found();
  expect(summary).toMatchObject({ workflowId: jobWorkflowId(job.id), open: true, phase: 'planning', simulated: false, account: world.account });
  await world.startWorker();
  await job.report();
});

test('does not load the native worker', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'message-batches-client-'));
  try {
    const { execFileSync } = await import('node:child_process');
    const script = `require(${JSON.stringify(join(__dirname, '..', '..', 'dist', 'client'))}); console.log(Object.keys(require.cache).filter((path) => /@temporalio\\/(worker|core-bridge)/.test(path)).length)`;
    expect(execFileSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' }).trim()).toBe('0');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
