/**
 * Follow-ups while everything above them is killed, frozen, terminated or canceled: each does its work once, and each has its line in
 * follow-ups.jsonl. What they do is counted outside, by a worker that nobody kills. `npm test` kills;
 * `npm run test:long` has 5,000 of them, 10,000 in slices, and the rest.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attention, FollowUpLine, FollowUpOptions, JobReport } from '../../src/contract';
import { batchStatusQuery, batchWorkflowId, followUpWorkflowId } from '../../src/contract';
import { FollowUpWorker, quiet } from '../support/follow-ups/worker';
import type { Behaviour } from '../support/follow-ups/workflows';
import { finishSignal } from '../support/follow-ups/workflows';
import { testSideBySide } from '../support/side-by-side';
import type { OpenWorld } from '../support/side-by-side';
import type { World } from '../support/world';

const LONG = process.env['KILLS'] !== undefined;
const BETWEEN_KILLS_MS = 4_000;

const CASES = [
  // First, as it mostly waits until the server has forgotten a worker.
  { onlyLong: true, name: 'a job canceled whose follow-ups have lost their worker', run: cancelUnserved },
  { name: 'workers killed every few seconds, and one follow-up that always fails', run: killEveryFewSeconds },
  { name: 'a worker frozen in the middle, and woken', run: freezeAndWake },
  { onlyLong: true, name: 'a job terminated in the middle, and started again', run: terminateAndStart },
  { onlyLong: true, name: 'a job canceled in the middle', run: cancelInTheMiddle },
  { onlyLong: true, name: 'slices', run: slices },
];

beforeAll(quiet);

testSideBySide(CASES, { timeoutMs: LONG ? 1_200_000 : 180_000, atOnce: 3 }, ({ run }, open) => run(open));

async function killEveryFewSeconds(open: OpenWorld): Promise<void> {
  const count = LONG ? 5_000 : 150;
  const failing = 'request-7';
  await withFollowUps(open, async (world, served) => {
    const workers = [await world.startWorker(), await world.startWorker()];
    const job = await start(world, count, { taskQueue: served.queue }, (index) => (index === 7 ? { fail: 'It always fails' } : {}));
    const ended = job.result().then(
      () => true,
      () => true,
    );
    let kills = 0;
    for (; !(await Promise.race([ended, sleep(BETWEEN_KILLS_MS, false)])); kills++) {
      await workers[kills % workers.length]!.kill();
      workers[kills % workers.length] = await world.startWorker();
    }
    const report = await job.result();
    process.stderr.write(`${count} follow-ups, ${kills} kills\n`);

    expectOnceEach(served.worker, count);
    expect(report.follow_ups).toMatchObject({ selected: count, started: count, succeeded: count - 1, failed: 1 });
    const lines = await followUpLines(report);
    expect(lines.map(({ custom_id }) => custom_id)).toEqual(ids(count));
    for (const line of lines) {
      if (line.custom_id === failing) expect(line).toMatchObject({ status: 'failed', failure: { type: 'Unfit', message: 'It always fails' } });
      else expect(line).toMatchObject({ status: 'completed', outcome: 'succeeded', value: { id: line.custom_id } });
    }
  });
}

async function freezeAndWake(open: OpenWorld): Promise<void> {
  const count = 200;
  await withFollowUps(open, async (world, served) => {
    const frozen = await world.startWorker();
    const job = await start(world, count, { taskQueue: served.queue, window: 10 });
    await served.worker.effects.begun(20);
    frozen.freeze();
    await world.startWorker();
    // A part of it is done by the other one when it wakes; the end may be.
    await served.worker.effects.begun(60);
    frozen.wake();
    const report = await job.result();

    expectOnceEach(served.worker, count);
    expectAllCompleted(await followUpLines(report), count);
  });
}

/** A termination reaches what it leaves behind as a cancel: nothing runs on that nobody watches, and nothing is done twice. */
async function terminateAndStart(open: OpenWorld): Promise<void> {
  const count = 60;
  await withFollowUps(open, async (world, served) => {
    await world.startWorker();
    const followUp = { taskQueue: served.queue, window: 10 };
    const job = await start(world, count, followUp, () => ({ waits: true }));
    await release(world, ids(15));
    await job.terminate();
    const again = await start(world, count, followUp, () => ({ waits: true }));
    const report = await again.result();

    const lines = await followUpLines(report);
    expect(lines.map(({ custom_id }) => custom_id)).toEqual(ids(count));
    expect(lines.slice(0, 15).every(({ status }) => status === 'completed')).toBe(true);
    expect(lines.slice(15).every(({ status }) => status === 'canceled' || status === 'not_started')).toBe(true);
    expect([...served.worker.effects.runs.values()].every((times) => times === 1)).toBe(true);
    for (const { status, workflow_id } of lines) if (status === 'canceled') expect(await statusOf(world, workflow_id)).toBe('CANCELLED');
  });
}

async function cancelInTheMiddle(open: OpenWorld): Promise<void> {
  const count = 100;
  await withFollowUps(open, async (world, served) => {
    await world.startWorker();
    const job = await start(world, count, { taskQueue: served.queue, window: 10 }, () => ({ waits: true }));
    await release(world, ids(15));
    await served.worker.effects.begun(25);
    await job.signal('cancel');
    const report = await job.result();

    const lines = await followUpLines(report);
    expect(lines).toHaveLength(count);
    const ended = (as: FollowUpLine['status']) => lines.filter(({ status }) => status === as);
    expect({ completed: ended('completed').length, canceled: ended('canceled').length, not_started: ended('not_started').length }).toEqual({ completed: 15, canceled: 10, not_started: 75 });
    for (const { workflow_id } of ended('canceled')) expect(await statusOf(world, workflow_id)).toBe('CANCELLED');
  });
}

/** They had begun, and only they can end themselves: a person is told, and they are waited for. */
async function cancelUnserved(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: 200 });
  const queue = `follow-ups-${world.jobId}`;
  const gone = await FollowUpWorker.start(world.temporal.address, queue);
  await world.startWorker();
  const job = await start(world, 6, { taskQueue: queue }, () => ({ waits: true, tidies: true }));
  await gone.effects.begun(6);
  await gone.stop();
  await job.signal('cancel');
  // A worker that is gone is on the server's list for another while.
  const { workflow } = await world.client();
  let attention: Attention | undefined;
  while (!attention) {
    await sleep(500);
    ({ attention } = await workflow.getHandle(batchWorkflowId(world.jobId, 1, 1)).query(batchStatusQuery));
  }
  expect(attention).toMatchObject({ code: 'cancel_unserved', message: expect.stringContaining(`no worker polls ${queue} for testFollowUp: canceled follow-ups that had begun`), hint: expect.stringContaining('Start a worker') });

  const back = await FollowUpWorker.start(world.temporal.address, queue);
  await Promise.all(ids(6).map((id) => workflow.getHandle(followUpWorkflowId(world.jobId, 1, id)).signal(finishSignal)));
  const report = await job.result();
  await back.stop();
  const lines = await followUpLines(report);
  expect(lines.map(({ status }) => status)).toEqual(ids(6).map(() => 'canceled'));
  for (const { workflow_id } of lines) expect(await statusOf(world, workflow_id)).toBe('CANCELLED');
}

async function slices(open: OpenWorld): Promise<void> {
  const [count, per] = LONG ? [10_000, 1_000] : [1_000, 300];
  await withFollowUps(open, async (world, served) => {
    const workers = [await world.startWorker(), await world.startWorker()];
    const job = await start(world, count, { workflow: 'countSlice', taskQueue: served.queue, per, window: 2 });
    await served.worker.effects.begun(1);
    await workers[0]!.kill();
    const report = await job.result();

    expectOnceEach(served.worker, count);
    const lines = await followUpLines(report);
    expect(lines.map(({ slice }) => slice)).toEqual(Array.from({ length: Math.ceil(count / per) }, (_, index) => `1.1.${index + 1}`));
    expect(lines.flatMap((line) => line.custom_ids ?? [])).toEqual(ids(count));
    expect(lines.every(({ status }) => status === 'completed')).toBe(true);
  });
}

interface Served {
  queue: string;
  worker: FollowUpWorker;
}

async function withFollowUps(open: OpenWorld, body: (world: World, served: Served) => Promise<void>): Promise<void> {
  const world = await open({ processingMs: 200 });
  const queue = `follow-ups-${world.jobId}`;
  const worker = await FollowUpWorker.start(world.temporal.address, queue);
  try {
    await body(world, { queue, worker });
  } finally {
    await worker.stop();
  }
}

async function start(world: World, count: number, followUp: Partial<FollowUpOptions>, metadata?: (index: number) => Behaviour): ReturnType<World['startJob']> {
  return world.startJob({ requests: await world.writeRequests(count, { metadata }), pollIntervalMs: 200, followUp: { workflow: 'testFollowUp', ...followUp } });
}

/** Lets those that wait go on, each as soon as it is there (one that is canceled meanwhile starts anew), and waits until they have ended. */
async function release(world: World, customIds: string[]): Promise<void> {
  const { workflow } = await world.client();
  for (const id of customIds) {
    const handle = workflow.getHandle(followUpWorkflowId(world.jobId, 1, id));
    while (!(await hasCompleted(handle))) {
      await handle.signal(finishSignal).catch(() => undefined);
      await sleep(20);
    }
  }
}

async function statusOf(world: World, workflowId: string): Promise<string> {
  return (await (await world.client()).workflow.getHandle(workflowId).describe()).status.name;
}

async function hasCompleted(handle: { describe(): Promise<{ status: { name: string } }> }): Promise<boolean> {
  return handle.describe().then(
    ({ status }) => status.name === 'COMPLETED',
    () => false,
  );
}

async function followUpLines(report: JobReport): Promise<FollowUpLine[]> {
  const text = await readFile(join(report.output, 'follow-ups.jsonl'), 'utf8');
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as FollowUpLine);
}

function expectOnceEach(worker: FollowUpWorker, count: number): void {
  expect([...worker.effects.runs.values()].filter((times) => times !== 1)).toEqual([]);
  expect([...worker.effects.runs.keys()].sort()).toEqual(ids(count).sort());
}

function expectAllCompleted(lines: FollowUpLine[], count: number): void {
  expect(lines.map(({ custom_id, status }) => ({ custom_id, status }))).toEqual(ids(count).map((custom_id) => ({ custom_id, status: 'completed' })));
}

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `request-${index}`);
}
