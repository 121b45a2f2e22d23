/**
 * Jobs whose input, working data and outputs lie in S3 (a real server): whatever dies, the results are the truth, byte for byte.
 * `npm test` kills one create and one stream; `npm run test:long` does all.
 */
import { readFile } from 'node:fs/promises';
import { MessageBatchesClient } from '../../src/client';
import type { JobInput, JobReport } from '../../src/contract';
import { BUCKET, S3Server } from '../support/s3-server';
import type { Variant } from '../support/long-form';
import type { OpenWorld } from '../support/side-by-side';
import { testSideBySide } from '../support/side-by-side';
import { until } from '../support/until';
import type { StopAt, World } from '../support/world';

/** Their results have some 23 MB: two whole objects of segments and a part of a third. */
const REQUESTS = 36_000;
const MEGABYTE = 1024 * 1024;

const ROOT = `s3://${BUCKET}/root`;

/** Long enough for the records of a create where the server is busy with other tests: a create that is late is looked up instead. */
const CREATE_TIMEOUT_MS = 15_000;

const CREATE_STOPS: (Variant & { when: string; stopAt: Omit<StopAt, 'signal'> })[] = [
  { when: 'after it was answered, before the answer is on record', stopAt: { record: '.answer.json', when: 'before' } },
  { when: 'before its intent is on record', stopAt: { record: '.intent.json', when: 'before' }, onlyLong: true },
  { when: 'after its intent is on record', stopAt: { record: '.intent.json', when: 'after' }, onlyLong: true },
];

/** Those that take longest begin first. */
const CASES = [
  { onlyLong: true, name: 'two workers stream the same batch, the first frozen and woken', run: expectTruthOfTwoStreams },
  ...[true, false].map((supportsRange) => ({
    onlyLong: !supportsRange,
    name: `SIGKILL while streaming, ${supportsRange ? 'with' : 'without'} Range: goes on at the end of the last whole object`,
    run: (open: OpenWorld) => expectTruthAfterStreaming(open, supportsRange),
  })),
  { onlyLong: true, name: 'SIGKILL in the middle of the merge, with another going on', run: expectTruthAfterMerging },
  { onlyLong: true, name: 'a server that cannot answer for a while is waited out', run: expectWaitedOut },
  ...CREATE_STOPS.map(({ when, stopAt, onlyLong }) => ({
    onlyLong,
    name: `SIGKILL of a create ${when}, with records in S3: nothing is paid twice`,
    run: (open: OpenWorld) => expectPaidOnceAfterKill(open, stopAt),
  })),
  { name: 'a whole job in S3, its records too, with nothing on disk', run: expectWholeJob },
];

let s3: S3Server;

beforeAll(async () => {
  s3 = await S3Server.start();
}, 300_000);

/** The server goes on giving tasks to the polls of a frozen worker; each costs ten seconds. */
testSideBySide(CASES, { timeoutMs: 180_000 }, ({ run }, open) => run(open));

afterAll(() => s3.stop());

/** Puts requests into the bucket. @returns what a job of them is started with. */
async function inputInS3(world: World, count: number): Promise<JobInput> {
  const key = `${world.jobId}/requests.jsonl`;
  await s3.put(key, await readFile(await world.writeRequests(count)));
  return { requests: `s3://${BUCKET}/${key}`, output: `s3://${BUCKET}/${world.jobId}/out` };
}

async function expectTrueResults(world: World, report: JobReport, requests: number): Promise<void> {
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report).toMatchObject({ outcomes: { succeeded: requests }, problems: [], output: `s3://${BUCKET}/${world.jobId}/out` });
  const truth = await (await fetch(`${world.simulator.url}/v1/messages/batches/${report.batches[0]?.id}/results`, { headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' } })).text();
  const stored = (await s3.get(`${world.jobId}/out/results.jsonl`)).toString();
  expect(stored.split('\n').sort()).toEqual(truth.split('\n').sort());
  expect(JSON.parse((await s3.get(`${world.jobId}/out/report.json`)).toString())).toEqual(report);
}

/** The segment objects of the job's one batch, once there are so many. */
async function segments(world: World, count: number): Promise<{ key: string; size: number }[]> {
  for (;;) {
    const found = (await s3.list(`${world.jobId}/out/.parts/round-01/part-0001/segments/`)).filter(({ key }) => key.endsWith('.jsonl'));
    if (found.length >= count) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Calls that have written segment objects. */
async function segmentWrites({ jobId }: World): Promise<string[]> {
  return (await s3.calls()).filter((call) => call.startsWith('PUT') && call.includes(jobId) && call.includes('/g0001-'));
}

async function expectWholeJob(open: OpenWorld): Promise<void> {
  const world = await open({}, ROOT);
  await world.startWorker();
  const input = await inputInS3(world, 2_000);
  const report = await world.runJob(input);
  await expectTrueResults(world, report, 2_000);
  expect((await s3.list(`${world.jobId}/out/`)).map(({ key }) => key.split('/').at(-1))).toEqual(['report.json', 'requests.index', 'results.index', 'results.jsonl']);
  expect((await s3.list(`root/jobs/${world.jobId}/`)).map(({ key }) => key)).toContain(`root/jobs/${world.jobId}/report.json`);
  const ids = new Set<string>();
  for await (const { custom_id } of new MessageBatchesClient({ client: await world.client() }).job(world.jobId).results()) ids.add(custom_id);
  expect(ids.size).toBe(2_000);
  // Another start of the same job pays for nothing.
  await world.runJob(input);
  expect(world.simulator.stats().accepted).toHaveLength(1);
}

async function expectPaidOnceAfterKill(open: OpenWorld, stopAt: Omit<StopAt, 'signal'>): Promise<void> {
  const world = await open({}, ROOT);
  const first = await world.startWorker({ createTimeoutMs: CREATE_TIMEOUT_MS, stopAt: { ...stopAt, signal: 'SIGKILL' } });
  const job = await world.startJob(await inputInS3(world, 50));
  await first.stopped(job);
  await world.startWorker({ createTimeoutMs: CREATE_TIMEOUT_MS });
  await expectTrueResults(world, await job.result(), 50);
}

async function expectTruthAfterStreaming(open: OpenWorld, supportsRange: boolean): Promise<void> {
  const world = await open({ supportsRange });
  world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 12 * MEGABYTE });
  const first = await world.startWorker();
  const job = await world.startJob(await inputInS3(world, REQUESTS));
  const [stored] = await segments(world, 1);
  await first.kill();
  await world.startWorker();
  await expectTrueResults(world, await job.result(), REQUESTS);
  expect(stored!.size).toBeGreaterThanOrEqual(8 * MEGABYTE);
  expect(world.simulator.stats().calls.results).toBe(2 + 1);
  const written = await segmentWrites(world);
  expect(new Set(written).size).toBe(written.length);
}

async function expectTruthAfterMerging(open: OpenWorld): Promise<void> {
  const world = await open();
  // In its middle: one piece of the results is there, another on its way.
  const secondPiece = `${world.jobId}/out/results.jsonl?partNumber=2&`;
  await s3.addFaults({ method: 'PUT', contains: secondPiece, times: 1, hold: true });
  const first = await world.startWorker();
  const job = await world.startJob(await inputInS3(world, REQUESTS));
  await until(async () => (await s3.calls()).some((call) => call.includes(secondPiece)), Boolean, 100);
  await first.kill();
  expect(await s3.openUploads(`${world.jobId}/`)).toBe(1);
  expect((await s3.list(`${world.jobId}/out/results.jsonl`)).length).toBe(0);
  await world.startWorker();
  await expectTrueResults(world, await job.result(), REQUESTS);
}

async function expectTruthOfTwoStreams(open: OpenWorld): Promise<void> {
  const world = await open();
  world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 12 * MEGABYTE });
  const frozen = await world.startWorker();
  const job = await world.startJob(await inputInS3(world, REQUESTS));
  await segments(world, 1);
  frozen.freeze();
  await world.startWorker();
  // By the calls, as the objects are gone soon after the job's end.
  await until(async () => new Set((await segmentWrites(world)).map((call) => call.split('?')[0])).size > 1, Boolean, 100);
  frozen.wake();
  await expectTrueResults(world, await job.result(), REQUESTS);
}

async function expectWaitedOut(open: OpenWorld): Promise<void> {
  const world = await open();
  const input = await inputInS3(world, 200);
  // More than the SDK's own tries: it is Temporal that tries again.
  await s3.addFaults({ method: 'PUT', contains: `${world.jobId}/out/.parts/`, times: 5, status: 503 }, { method: 'GET', contains: `${world.jobId}/requests.jsonl`, times: 8, status: 500 });
  await world.startWorker();
  await expectTrueResults(world, await world.runJob(input), 200);
}
