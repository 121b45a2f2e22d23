/** Calls of activities in their turn: real records, a real simulator, activities by themselves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createActivities, PacedApi } from '../../src/activities';
import { jsonlFile, MessageBatchesApi } from '../../src/api';
import { CallPace, JobFolder } from '../../src/jobs';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { openStorageRoot, readRecord } from '../../src/storage';
import { requestLines, writeLines } from '../jobs/helpers';

const LIMIT = 600;
const REQUESTS = 5;

let folder: string;
let simulator: Simulator;
const opened: PacedApi[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-paced-'));
  simulator = await startSimulator({ folder: join(folder, 'simulator'), processingMs: 0, requestsPerMinute: LIMIT });
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((api) => api.close()));
  await simulator.close();
  await rm(folder, { recursive: true, maxRetries: 5 });
});

const storageFolder = () => join(folder, 'storage');
const account = () => ({ label: 'simulated', baseUrl: simulator.url });
const record = <T>(name: string) => readRecord<T>(join(storageFolder(), 'accounts', 'simulated', name));

/** Calls of one worker, of several that share the storage root. */
function worker(callsPerMinute?: number): { api: PacedApi; pace: CallPace } {
  const pace = new CallPace(storageFolder(), account(), { callsPerMinute });
  const api = new PacedApi(new MessageBatchesApi({ baseUrl: simulator.url, credential: { kind: 'x-api-key', token: 'key' }, maxRetries: 0 }), pace);
  opened.push(api);
  return { api, pace };
}

/** Activities of a job of one part that is planned. */
async function plannedPart(using: { api: PacedApi; pace: CallPace }) {
  const activities = createActivities({ ...using, account: account(), storage: await openStorageRoot(storageFolder()) });
  const ref = { jobId: 'job', round: 1, part: 1, output: join(folder, 'output') };
  await environment().run(activities['messageBatches.planJob'], { jobId: 'job', requests: writeLines(folder, requestLines(REQUESTS)), output: ref.output, simulated: true, betas: [] });
  await environment().run(activities['messageBatches.openPart'], ref);
  return { activities, ref, creates: new JobFolder(storageFolder(), 'job').part(1, 1).creates };
}

function environment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}

test('the limit is learned from an answer, and from a refusal', async () => {
  await worker().api.list();
  expect(await record('limits.json')).toMatchObject({ calls_per_minute: LIMIT });
  simulator.setOptions({ requestsPerMinute: 1 });
  await expect(worker().api.retrieve('msgbatch_none')).rejects.toMatchObject({ status: 429 });
  expect(await record('limits.json')).toMatchObject({ calls_per_minute: 1 });
});

test('all pages of a list wait in turn, each for a place of its own', async () => {
  const { api, pace } = worker();
  const jsonl = writeLines(folder, requestLines(1));
  for (let batch = 0; batch < 3; batch++) await api.create(await jsonlFile(jsonl));
  const places = jest.spyOn(pace, 'place');
  const ids = [];
  for await (const { id } of api.listAll({ limit: 1 })) ids.push(id);
  expect(new Set(ids).size).toBe(3);
  expect(places).toHaveBeenCalledTimes(3);
});

describe('429 with retry-after', () => {
  test('makes all workers of the account wait', async () => {
    simulator.addFault({ on: 'list', kind: 'status', status: 429, retryAfterSeconds: 2 });
    const before = performance.now();
    await expect(worker().api.list()).rejects.toMatchObject({ status: 429 });
    await worker().api.list();
    expect(performance.now() - before).toBeGreaterThan(1_500);
  });

  test('for lack of room in the processing queue stops creates only', async () => {
    simulator.setOptions({ queueLimit: 0 });
    const { activities, ref } = await plannedPart(worker());
    await environment().run(activities['messageBatches.claimCreate'], ref, REQUESTS);
    expect(await environment().run(activities['messageBatches.createBatch'], ref, 1, { newestBefore: [], graceMs: 1_000 })).toMatchObject({ why: 'queue_full' });
    expect(await record('pause.json')).toBeUndefined();
  });
});

test('the place of a create is taken before its intent: one that is canceled while it waits has left no trace', async () => {
  const using = worker();
  const { activities, ref, creates } = await plannedPart(using);
  await using.pace.pause(60_000);
  const waiting = environment();
  const creating = waiting.run(activities['messageBatches.createBatch'], ref, 1, { newestBefore: [], graceMs: 1_000 });
  const ended = creating.then(() => 'made', (error: Error) => error.name);
  await new Promise<void>((resolve) => waiting.once('heartbeat', () => resolve()));
  await new Promise((resolve) => setTimeout(resolve, 100));
  waiting.cancel();
  expect(await ended).toBe('CancelledFailure');
  expect(await creates.state()).toEqual({ kind: 'none', attempt: 1 });
  expect(simulator.stats().calls.create).toBe(0);
});
