/**
 * Jobs of ten parts whose key, money, disk or batches fail in the middle: nothing is sent twice, nothing is lost, and it goes on.
 * `npm test` has a key that is switched off, and a pause; `npm run test:long` all.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { resumeSignal } from '../../src/contract';
import { endBatches } from '../support/end-batches';
import { openGateway } from '../support/gateway';
import { askApi, expectOnce, expectServedBytes, parts, phasesOf, statusOf, writePartsOf } from '../support/parts';
import type { OpenWorld } from '../support/side-by-side';
import { testSideBySide } from '../support/side-by-side';
import { SmallDisk } from '../support/small-disk';
import { until } from '../support/until';
import type { World } from '../support/world';

const PARTS = 10;
const IN_PART = 10;
const REQUESTS = PARTS * IN_PART;
const MB = 1_000_000;

/** Ten parts, of which so many have room in the queue; they are looked at five times a second. */
const tenParts = (inQueue = PARTS) => ({ maxRequestsPerBatch: IN_PART, queueLimit: inQueue * IN_PART, pollIntervalMs: 200, retries: 0 });

const CASES = [
  { onlyLong: true, name: 'a cancel while parts are queued, created, looked up, processed and stored', run: expectAllCanceled },
  { name: 'the key is switched off (401) while parts are queued, processed and stored', run: (open: OpenWorld) => expectGoesOnWithGoodKey(open, (world) => world.simulator.setKeys(['new-key'])) },
  { onlyLong: true, name: 'the key may do nothing any more (403) while parts are queued, processed and stored', run: (open: OpenWorld) => expectGoesOnWithGoodKey(open, forbidAll) },
  { onlyLong: true, name: 'a spend limit (429) after four of ten parts; another job waits as well', run: (open: OpenWorld) => expectGoesOnWithMoney(open, { status: 429, errorCode: 'enforced_spend_limit_reached' }) },
  { onlyLong: true, name: 'a spend limit (400) after four of ten parts; another job waits as well', run: (open: OpenWorld) => expectGoesOnWithMoney(open, { status: 400, message: 'You have reached your specified API usage limits.' }) },
  { onlyLong: true, name: 'the disk fills up while ten parts are stored side by side', run: expectGoesOnAfterFullDisk },
  { onlyLong: true, name: 'the disk fills up while the input is planned', run: expectPlansAfterFullDisk },
  { onlyLong: true, name: 'one part is refused for good', run: expectOneRefused },
  { onlyLong: true, name: 'one batch is canceled by somebody else', run: expectOneCanceled },
  { onlyLong: true, name: 'one batch is deleted by somebody else: the others end', run: expectOthersEnd },
  { name: 'a pause in the middle: nothing new is created, other jobs get the room', run: expectPaused },
  { onlyLong: true, name: 'limits that are changed in the middle: of the queue, of further rounds', run: expectChanged },
];

testSideBySide(CASES, { timeoutMs: 90_000, atOnce: 4 }, ({ run }, open) => run(open));

function forbidAll({ simulator }: World): void {
  for (const on of ['create', 'retrieve', 'list', 'results'] as const) simulator.addFault({ on, kind: 'status', status: 403, times: Infinity });
}

async function expectGoesOnWithGoodKey(open: OpenWorld, switchOff: (world: World) => void): Promise<void> {
  const world = await open({ processingMs: Infinity, answerBytes: 2_000, resultsBytesPerSecond: 20_000 });
  const first = await world.startWorker();
  const job = await world.startJob({ ...tenParts(6), requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('create-accepted', 6);
  const { accepted } = world.simulator.stats();
  for (const { id } of accepted.slice(0, 2)) world.simulator.endBatch(id);
  await world.simulator.waitFor('results-started', 1);
  switchOff(world);
  expect(await world.attention(job)).toMatchObject({ code: 'key_refused', message: expect.stringMatching(/401|403|authentication|permission/i), hint: expect.stringMatching(/ANTHROPIC_API_KEY/) });
  // A worker whose key is refused leaves the job to another one.
  await first.endedOfRefusal();
  world.simulator.clearFaults();
  world.simulator.setKeys(['new-key']);
  await world.startWorker({ key: 'new-key' });
  await job.signal(resumeSignal);
  endBatches(world);
  const report = await job.result();
  expect(report).toMatchObject({ status: 'finished', outcomes: { succeeded: REQUESTS } });
  expect(world.simulator.stats().accepted).toHaveLength(PARTS);
  await expectOnce(world, report);
  await expectServedBytes(world, report, 'new-key');
}

async function expectGoesOnWithMoney(open: OpenWorld, refusal: { status: number; errorCode?: string; message?: string }): Promise<void> {
  const world = await open({ processingMs: Infinity });
  world.simulator.addFault({ on: 'create', kind: 'status', ...refusal, after: 4, times: Infinity });
  await world.startWorker();
  const job = await world.startJob({ ...tenParts(), requests: await world.writeRequests(REQUESTS) });
  expect(await world.attention(job)).toMatchObject({ code: 'spend_limit', hint: expect.stringMatching(/message-batches resume/) });
  const other = await world.startJob({ ...tenParts(), jobId: `${world.jobId}-other`, requests: await world.writeRequests(21, { name: 'other.jsonl', prefix: 'other' }) });
  await parts(world, { queued: 3 }, `${world.jobId}-other`);
  const received = world.simulator.stats().calls.create;
  // What has been accepted goes on meanwhile.
  for (const { id } of world.simulator.stats().accepted) world.simulator.endBatch(id);
  while ((await statusOf(world)).parts.ended < 4) await new Promise((resolve) => setTimeout(resolve, 100));
  expect(world.simulator.stats().calls.create).toBe(received);
  expect(await statusOf(world)).toMatchObject({ attention: { code: 'spend_limit' } });

  world.simulator.clearFaults();
  await job.signal(resumeSignal);
  endBatches(world);
  const [report, otherReport] = await Promise.all([job.result(), other.result()]);
  expect([report.outcomes.succeeded, otherReport.outcomes.succeeded]).toEqual([REQUESTS, 21]);
  expect(world.simulator.stats().accepted).toHaveLength(PARTS + 3);
  await expectOnce(world, report);
}

async function expectGoesOnAfterFullDisk(open: OpenWorld): Promise<void> {
  // Results of about 2 MB a part.
  const world = await open({ processingMs: Infinity, answerBytes: 200_000 });
  const disk = SmallDisk.mount(join(world.folder, 'disk'), 8 * MB);
  try {
    await world.startWorker();
    const job = await world.startJob({ ...tenParts(), output: join(disk.path, 'results'), requests: await world.writeRequests(REQUESTS) });
    await world.simulator.waitFor('create-accepted', PARTS);
    endBatches(world);
    expect(await world.attention(job)).toMatchObject({ code: 'storage', message: expect.stringMatching(/the disk is full/) });
    // Resumed is who asks by then: one that comes to the full disk later would wait for another word.
    await until(() => statusOf(world), ({ running }) => running.length > 1 && running.every(({ status }) => status?.attention));
    disk.resize(100 * MB);
    await job.signal(resumeSignal);
    const report = await job.result();
    expect(report.outcomes.succeeded).toBe(REQUESTS);
    expect(world.simulator.stats().accepted).toHaveLength(PARTS);
    await expectServedBytes(world, report);
  } finally {
    disk.unmount();
  }
}

async function expectPlansAfterFullDisk(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: 0 });
  const disk = SmallDisk.mount(join(world.folder, 'disk'), 12 * MB);
  try {
    await world.startWorker();
    // Room enough when it is looked at, as compressed it tells little of its length.
    const requests = await gzipped(await world.writeRequests(REQUESTS, { bytes: 200_000 }));
    const job = await world.startJob({ ...tenParts(), output: join(disk.path, 'results'), requests });
    expect(await world.attention(job)).toMatchObject({ code: 'storage', message: expect.stringMatching(/the disk is full/) });
    expect(world.simulator.stats().calls.create).toBe(0);
    disk.resize(100 * MB);
    await job.signal(resumeSignal);
    const report = await job.result();
    expect(report.outcomes.succeeded).toBe(REQUESTS);
    await expectOnce(world, report);
    await expectServedBytes(world, report);
  } finally {
    disk.unmount();
  }
}

async function gzipped(path: string): Promise<string> {
  await writeFile(`${path}.gz`, gzipSync(await readFile(path)));
  return `${path}.gz`;
}

async function expectOneRefused(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: 0 });
  world.simulator.addFault({ on: 'create', kind: 'status', status: 400, message: 'Something in this batch is not allowed.', after: 3 });
  await world.startWorker();
  const report = await world.runJob({ ...tenParts(), requests: await world.writeRequests(REQUESTS) });
  expect(report).toMatchObject({ status: 'finished', outcomes: { succeeded: REQUESTS - IN_PART, unsent: IN_PART }, unsent_reason: expect.stringMatching(/Something in this batch is not allowed/) });
  await expectOnce(world, report);
}

async function expectOneCanceled(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: Infinity });
  await world.startWorker();
  const job = await world.startJob({ ...tenParts(), requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('create-accepted', PARTS);
  const canceled = world.simulator.stats().accepted[4]!.id;
  expect((await askApi(world, 'POST', `${canceled}/cancel`)).status).toBe(200);
  await world.simulator.waitFor('results-finished');
  endBatches(world);
  const report = await job.result();
  expect(report).toMatchObject({ status: 'finished', outcomes: { succeeded: REQUESTS - IN_PART, canceled: IN_PART } });
  expect(report.batches.find(({ id }) => id === canceled)).toMatchObject({ outcomes: { canceled: IN_PART } });
  await expectOnce(world, report);
}

async function expectOthersEnd(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: Infinity });
  await world.startWorker();
  const job = await world.startJob({ ...tenParts(), requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('create-accepted', PARTS);
  const lost = world.simulator.stats().accepted[4]!.id;
  world.simulator.endBatch(lost);
  expect((await askApi(world, 'DELETE', lost)).status).toBe(200);
  endBatches(world);
  // What becomes of it then is a matter of minutes: test/workflows/lost-batch.test.ts.
  await until(() => statusOf(world), ({ parts: { ended }, running }) => ended === PARTS - 1 && running.length === 1 && running[0]!.batchId === lost);
  await job.terminate('test');
}

async function expectAllCanceled(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: Infinity, answerBytes: 2_000 });
  // When the cancel comes, one is looked up, another one is being created, and results are being fetched: all held until it has come to the parts.
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  let creates = 0;
  let lost: string | undefined;
  const gateway = await openGateway(world, async ({ method, url = '', headers }, carryOut) => {
    const beta = /beta-\d+/.exec(String(headers['anthropic-beta']))?.[0];
    const nth = method === 'POST' && !url.includes('/cancel') ? ++creates : undefined;
    const answer = await carryOut();
    if (nth === 7) {
      lost = beta;
      return undefined;
    }
    if (nth === 8 || url.includes('/results') || (/batches(\?|$)/.test(url) && beta === lost)) await released;
    return answer;
  });
  try {
    await expectCanceledWhile(world, gateway.url, release);
  } finally {
    gateway.close();
  }
}

async function expectCanceledWhile(world: World, baseUrl: string, release: () => void): Promise<void> {
  await world.startWorker({ baseUrl });
  // Of eleven, eight have room at once.
  const path = await writePartsOf(world, Array.from({ length: 11 }, (_, part) => 100 + part));
  const job = await world.startJob({ requests: path, pollIntervalMs: 200, retries: 0, queueLimit: 860 });
  await parts(world, { queued: 3, reconciling: 1, creating: 1, processing: 6 });
  const [first] = world.simulator.stats().accepted;
  world.simulator.endBatch(first!.id);
  // The room that it leaves is for one more.
  await parts(world, { queued: 2, storing: 1, reconciling: 1, creating: 1, processing: 6 });
  const { accepted } = world.simulator.stats();
  const sent = accepted.reduce((sum, { requests }) => sum + requests, 0);
  await job.signal('cancel');
  await until(() => phasesOf(world), ({ queued = 0 }) => queued === 0);
  release();
  // What was only found by its total is canceled when somebody says that it may be.
  const asked = await Promise.race([world.attention(job), job.result()]);
  if ('code' in asked) {
    expect(asked.code).toBe('unproved_batch');
    await job.signal(resumeSignal);
  }
  const report = await job.result();
  expect(report.status).toBe('canceled');
  expect(report.outcomes.unsent).toBe(report.input.requests - sent);
  expect(report.outcomes.canceled).toBeGreaterThan(0);
  expect(report.outcomes.succeeded).toBeGreaterThanOrEqual(first!.requests);
  await expectOnce(world, report);
  const { accepted: afterwards, calls } = world.simulator.stats();
  expect(afterwards).toHaveLength(accepted.length);
  expect(calls.cancel).toBe(accepted.length - 1);
  // Started again, it sends nothing that was left.
  expect(await world.runJob({ requests: path })).toEqual(report);
  expect(world.simulator.stats().accepted).toHaveLength(accepted.length);
}

async function expectPaused(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: Infinity });
  await world.startWorker();
  const job = await world.startJob({ ...tenParts(5), requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('create-accepted', 5);
  await parts(world, { processing: 5, queued: 5 });
  await job.signal('pause');
  const other = await world.startJob({ ...tenParts(5), jobId: `${world.jobId}-other`, requests: await world.writeRequests(20, { name: 'other.jsonl', prefix: 'other' }) });
  await parts(world, { queued: 2 }, `${world.jobId}-other`);
  for (const { id } of world.simulator.stats().accepted.slice(0, 2)) world.simulator.endBatch(id);
  // The two parts of the other job have the room, and what was accepted is stored.
  await parts(world, { processing: 2 }, `${world.jobId}-other`);
  while ((await statusOf(world)).parts.ended < 2) await new Promise((resolve) => setTimeout(resolve, 100));
  endBatches(world);
  expect((await other.result()).outcomes.succeeded).toBe(20);
  const status = await until(() => statusOf(world), ({ parts: { ended } }) => ended >= 5);
  expect(status).toMatchObject({ paused: true, parts: { total: PARTS, ended: 5 } });
  expect(world.simulator.stats().accepted).toHaveLength(5 + 2);
  await job.signal(resumeSignal);
  const report = await job.result();
  expect(report.outcomes.succeeded).toBe(REQUESTS);
  await expectOnce(world, report);
}

async function expectChanged(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: Infinity, overloadedShare: 1 });
  await world.startWorker();
  const job = await world.startJob({ ...tenParts(2), retries: 5, requests: await world.writeRequests(REQUESTS) });
  await parts(world, { processing: 2, queued: 8 });
  await job.signal('settings', { queueLimit: 4 * IN_PART, retries: 0 });
  await parts(world, { processing: 4, queued: 6 });
  endBatches(world);
  const report = await job.result();
  expect(report.outcomes).toMatchObject({ errored: REQUESTS, unsent: 0 });
  expect(report.batches.map(({ round }) => round)).toEqual(Array.from({ length: PARTS }, () => 1));
}
