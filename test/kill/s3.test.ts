/** A job whose input, working data and outputs lie in S3 (a real server): whatever dies, the results are the truth, byte for byte. */
import { readFile } from 'node:fs/promises';
import { MessageBatchesClient } from '../../src/client';
import type { JobInput, JobReport } from '../../src/contract';
import { BUCKET, S3Server } from '../support/s3-server';
import { sharedTemporal } from '../support/shared-temporal';
import type { TemporalServer } from '../support/temporal-server';
import { type StopAt, World } from '../support/world';

/** Their results have some 23 MB: two whole objects of segments and a part of a third. */
const REQUESTS = 36_000;
const MEGABYTE = 1024 * 1024;

/** The server goes on giving tasks to the polls of a frozen worker; each costs ten seconds. */
const FROZEN_TIMEOUT_MS = 240_000;

/** `npm test` does one of each kind; `npm run test:long` all. */
const ALL = process.env['REPETITIONS'] !== undefined;

const shared = sharedTemporal();
let temporal: TemporalServer;
let s3: S3Server;
let world: World;

beforeAll(async () => {
  s3 = await S3Server.start();
  temporal = await shared.start();
}, 300_000);

afterAll(async () => {
  await shared.stop();
  await s3.stop();
});

afterEach(async () => {
  await s3.setFaults();
  await world.close();
});

/** Puts requests into the bucket. @returns what a job of them is started with. */
async function inputInS3(count: number): Promise<JobInput> {
  const key = `${world.jobId}/requests.jsonl`;
  await s3.put(key, await readFile(await world.writeRequests(count)));
  return { requests: `s3://${BUCKET}/${key}`, output: `s3://${BUCKET}/${world.jobId}/out` };
}

async function expectTrueResults(report: JobReport, requests: number): Promise<void> {
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report).toMatchObject({ outcomes: { succeeded: requests }, problems: [], output: `s3://${BUCKET}/${world.jobId}/out` });
  const truth = await (await fetch(`${world.simulator.url}/v1/messages/batches/${report.batches[0]?.id}/results`, { headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' } })).text();
  const stored = (await s3.get(`${world.jobId}/out/results.jsonl`)).toString();
  expect(stored.split('\n').sort()).toEqual(truth.split('\n').sort());
  expect(JSON.parse((await s3.get(`${world.jobId}/out/report.json`)).toString())).toEqual(report);
}

/** The segment objects of the job's one batch, once there are so many. */
async function segments(count: number): Promise<{ key: string; size: number }[]> {
  for (;;) {
    const found = (await s3.list(`${world.jobId}/out/.parts/round-01/part-0001/segments/`)).filter(({ key }) => key.endsWith('.jsonl'));
    if (found.length >= count) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('a whole job in S3, its records too, with nothing on disk', async () => {
  world = await World.create({}, temporal, `s3://${BUCKET}/root`);
  await world.startWorker();
  const input = await inputInS3(2_000);
  const report = await world.runJob(input);
  await expectTrueResults(report, 2_000);
  expect((await s3.list(`${world.jobId}/out/`)).map(({ key }) => key.split('/').at(-1))).toEqual(['report.json', 'requests.index', 'results.index', 'results.jsonl']);
  expect((await s3.list(`root/jobs/${world.jobId}/`)).map(({ key }) => key)).toContain(`root/jobs/${world.jobId}/report.json`);
  const ids = new Set<string>();
  for await (const { custom_id } of new MessageBatchesClient({ client: await world.client() }).job(world.jobId).results()) ids.add(custom_id);
  expect(ids.size).toBe(2_000);
  // Another start of the same job pays for nothing.
  await world.runJob(input);
  expect(world.simulator.stats().accepted).toHaveLength(1);
}, 120_000);

const CREATE_STOPS: [when: string, stopAt: Omit<StopAt, 'signal'>][] = [
  ['after it was answered, before the answer is on record', { record: 'create-01.answer', when: 'before' }],
  ['before its intent is on record', { record: 'create-01.intent', when: 'before' }],
  ['after its intent is on record', { record: 'create-01.intent', when: 'after' }],
];

test.each(CREATE_STOPS.slice(0, ALL ? undefined : 1))('SIGKILL of a create %s, with records in S3: nothing is paid twice', async (_when, stopAt) => {
  world = await World.create({}, temporal, `s3://${BUCKET}/root`);
  const first = await world.startWorker({ createTimeoutMs: 3_000, stopAt: { ...stopAt, signal: 'SIGKILL' } });
  const job = await world.startJob(await inputInS3(50));
  await first.stopped();
  await world.startWorker({ createTimeoutMs: 3_000 });
  await expectTrueResults(await job.result(), 50);
}, 120_000);

const RANGES: [how: string, supportsRange: boolean][] = [
  ['with Range', true],
  ['without Range', false],
];

describe.each(RANGES.slice(0, ALL ? undefined : 1))('SIGKILL while streaming, %s', (_how, supportsRange) => {
  test('goes on at the end of the last whole object', async () => {
    world = await World.create({ supportsRange }, temporal);
    world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 12 * MEGABYTE });
    const first = await world.startWorker();
    const job = await world.startJob(await inputInS3(REQUESTS));
    const [stored] = await segments(1);
    await first.kill();
    await world.startWorker();
    await expectTrueResults(await job.result(), REQUESTS);
    expect(stored!.size).toBeGreaterThanOrEqual(8 * MEGABYTE);
    expect(world.simulator.stats().calls.results).toBe(2 + 1);
    const written = (await s3.calls()).filter((call) => call.startsWith('PUT') && call.includes(world.jobId) && call.includes('/g0001-'));
    expect(new Set(written).size).toBe(written.length);
  }, 120_000);
});

test('SIGKILL in the middle of the merge, with another going on', async () => {
  world = await World.create({}, temporal);
  const first = await world.startWorker();
  const job = await world.startJob(await inputInS3(REQUESTS));
  await world.phase(job, 'merging');
  while ((await s3.openUploads()) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await first.kill();
  expect((await s3.list(`${world.jobId}/out/results.jsonl`)).length).toBe(0);
  await world.startWorker();
  await expectTrueResults(await job.result(), REQUESTS);
}, 120_000);

test('two workers stream the same batch, the first frozen and woken', async () => {
  world = await World.create({}, temporal);
  world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 12 * MEGABYTE });
  const frozen = await world.startWorker();
  const job = await world.startJob(await inputInS3(REQUESTS));
  await segments(1);
  frozen.freeze();
  await world.startWorker();
  await segments(2);
  frozen.wake();
  await expectTrueResults(await job.result(), REQUESTS);
}, FROZEN_TIMEOUT_MS);

test('a server that cannot answer for a while is waited out', async () => {
  world = await World.create({}, temporal);
  const input = await inputInS3(200);
  // More than the SDK's own tries: it is Temporal that tries again.
  await s3.setFaults({ method: 'PUT', contains: '/.parts/', times: 5, status: 503 }, { method: 'GET', contains: 'requests.jsonl', times: 8, status: 500 });
  await world.startWorker();
  await expectTrueResults(await world.runJob(input), 200);
}, 120_000);
