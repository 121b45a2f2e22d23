/** Activities whose data lies in S3: each by itself, against a real simulator and a real S3 server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ActivityDependencies, MessageBatchesActivities, PartReference, StoreProgress } from '../../src/activities';
import { createActivities } from '../../src/activities';
import { MessageBatchesApi } from '../../src/api';
import { type FollowUpInput, followUpWorkflowId } from '../../src/contract';
import { createBody, JobFolder, outputFolder, partFolder } from '../../src/jobs';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { openStorageRoot } from '../../src/storage';
import { OBJECT_BYTES } from '../../src/storage/s3/segment-objects';
import { eachShard } from '../../src/workflows/sharded-list';
import { requestLines } from '../jobs/helpers';
import { BUCKET, S3Server } from '../support/s3-server';
import { LONG } from '../support/long-form';

const REQUESTS = 30_000;

let server: S3Server;
let folder: string;
let simulator: Simulator;
let deps: ActivityDependencies;
let test = 0;
let ref: PartReference;
let environment: MockActivityEnvironment;

beforeAll(async () => {
  server = await S3Server.start();
  folder = await mkdtemp(join(tmpdir(), 'message-batches-activities-'));
  simulator = await startSimulator({ folder: join(folder, 'simulator'), processingMs: 0 });
  const api = new MessageBatchesApi({ baseUrl: simulator.url, credential: { kind: 'x-api-key', token: 'key' }, maxRetries: 0 });
  deps = { api, account: { label: 'test', baseUrl: simulator.url }, storage: await openStorageRoot(join(folder, 'storage')) };
}, 300_000);

afterAll(async () => {
  await deps.api.close();
  await simulator.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

beforeEach(() => {
  const jobId = `job-${++test}`;
  ref = { jobId, round: 1, part: 1, output: `s3://${BUCKET}/${jobId}/out` };
  environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
});

afterEach(() => server.setFaults());

function run<Name extends keyof MessageBatchesActivities>(name: Name, ...args: Parameters<MessageBatchesActivities[Name]>): ReturnType<MessageBatchesActivities[Name]> {
  const activity = createActivities(deps)[name] as (...given: unknown[]) => Promise<unknown>;
  const result: Promise<unknown> = environment.run(activity, ...args);
  return result as ReturnType<MessageBatchesActivities[Name]>;
}

const requests = () => `s3://${BUCKET}/${ref.jobId}/requests.jsonl`;
const plan = (count: number) =>
  server
    .put(`${ref.jobId}/requests.jsonl`, requestLines(count).map((line) => `${line}\n`).join(''))
    .then(() => run('messageBatches.planJob', { jobId: ref.jobId, requests: requests(), output: ref.output, simulated: true, betas: [] }));

/** Creates the part's batch as it is planned. @returns its id. */
async function createBatch(): Promise<string> {
  const planned = await new JobFolder(deps.storage.folder, ref.jobId).readPlan(1);
  const part = partFolder(outputFolder(ref.output).workFolder, 1, 1);
  return (await deps.api.create(createBody(part, planned!.parts[0]!), { deadline: new Date(Date.now() + 60_000) })).data.id;
}

/** The objects that hold the results of the part. */
async function segments(): Promise<{ key: string; size: number }[]> {
  return (await server.list(`${ref.jobId}/out/.parts/round-01/part-0001/segments/`)).filter(({ key }) => key.endsWith('.jsonl'));
}

it('stores results, gives single ones to follow-ups, and puts the ends of these on record', async () => {
  await plan(REQUESTS);
  const batchId = await createBatch();
  const stored = await run('messageBatches.storeResults', ref, batchId, REQUESTS);
  expect(stored).toMatchObject({ lines: REQUESTS, generation: 1 });
  expect((await segments()).map(({ size }) => size >= OBJECT_BYTES)).toEqual([true, true, false]);

  const ledger = await run('messageBatches.closeLedger', ref, batchId, REQUESTS, false);
  expect(ledger).toMatchObject({ outcomes: { succeeded: REQUESTS }, problems: [] });
  const selection = { ref, requests: REQUESTS, options: { workflow: 'any' }, withoutRetryable: false, activityTaskQueue: 'any', mayBeCuts: true };
  const shards = eachShard(await run('messageBatches.selectFollowUps', selection));
  expect(shards).toHaveLength(REQUESTS / 1_000);
  const { inputs } = (await run('messageBatches.listFollowUps', shards.at(-1)!.list)) as { inputs: FollowUpInput[] };
  const result = await run('messageBatches.loadResult', inputs[0]!.result);
  expect(result).toMatchObject({ custom_id: inputs[0]!.customId, result: { type: 'succeeded' } });
  expect(await run('messageBatches.loadRequest', inputs[0]!.request!)).toEqual(JSON.parse(requestLines(REQUESTS)[REQUESTS - 1_000]!));

  const ended = { ref, name: `${shards.length}-run-1`, ends: [{ workflowId: followUpWorkflowId(ref.jobId, 1, inputs[0]!.customId), status: 'completed' as const, value: 1 }] };
  await run('messageBatches.recordFollowUps', ended);
  await run('messageBatches.recordFollowUps', ended);
  const page = await run('messageBatches.listFollowUps', shards.at(-1)!.list, ref);
  expect([page.inputs[0], page.recorded]).toEqual([inputs[1], { succeeded: 1, failed: 0 }]);
  const again = await run('messageBatches.selectFollowUps', selection);
  expect(eachShard(again)).toEqual(shards);
}, 120_000);

if (LONG) it('heartbeats no more than is stored, and keeps what has come when it is canceled', async () => {
  await plan(REQUESTS);
  const batchId = await createBatch();
  simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 12_000_000 });
  const told = new Promise<StoreProgress>((resolve) => {
    environment.on('heartbeat', (details?: StoreProgress) => details && details.bytes > 0 && resolve(details));
  });
  const storing = run('messageBatches.storeResults', ref, batchId, REQUESTS);
  const progress = await told;
  const [first, ...others] = await segments();
  expect(others).toEqual([]);
  // It is told by the chunk, so perhaps not yet of the object's last line.
  const { bytes, lines } = progress as { bytes: number; lines: number };
  expect(bytes).toBeGreaterThan(first!.size - 70_000);
  expect(bytes).toBeLessThanOrEqual(first!.size);
  expect((await server.get(first!.key)).subarray(0, bytes).toString().split('\n')).toHaveLength(lines + 1);

  await simulator.waitFor('fault');
  environment.cancel('CANCELLED');
  await expect(storing).rejects.toThrow('CANCELLED');
  expect((await segments()).reduce((sum, { size }) => sum + size, 0)).toBeGreaterThan(11_900_000);
  environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  await expect(run('messageBatches.storeResults', ref, batchId, REQUESTS)).resolves.toMatchObject({ lines: REQUESTS });
}, 60_000);

it('keeps what came before a connection was cut, and goes on there', async () => {
  await plan(2_000);
  const batchId = await createBatch();
  simulator.addFault({ on: 'results', kind: 'cut', afterBytes: 300_001 });
  await expect(run('messageBatches.storeResults', ref, batchId, 2_000)).rejects.toThrow(/results/);
  expect((await segments())[0]!.size).toBeGreaterThan(250_000);
  await expect(run('messageBatches.storeResults', ref, batchId, 2_000)).resolves.toMatchObject({ lines: 2_000 });
});

describe('what Temporal is told', () => {
  it('of a server that does not answer now: to try again', async () => {
    await server.setFaults({ method: 'HEAD', contains: 'requests.jsonl', times: 100, status: 503 });
    const failing = plan(5);
    await expect(failing).rejects.toThrow(ApplicationFailure);
    await expect(failing).rejects.toMatchObject({ type: 'StorageProblem', nonRetryable: false });
  });

  it('of a bucket that does not exist: to ask a person', async () => {
    const failing = run('messageBatches.planJob', { jobId: ref.jobId, requests: 's3://no-such-bucket/requests.jsonl', output: ref.output, simulated: true, betas: [] });
    await expect(failing).rejects.toMatchObject({ type: 'StorageProblem', nonRetryable: true, message: expect.stringContaining('no bucket no-such-bucket') });
  });

  it('of a location that is none: that the input is wrong', async () => {
    const failing = run('messageBatches.planJob', { jobId: ref.jobId, requests: 'gs://bucket/requests.jsonl', output: ref.output, simulated: true, betas: [] });
    await expect(failing).rejects.toMatchObject({ type: 'InvalidInput', message: expect.stringContaining('gs://bucket') });
  });
});
