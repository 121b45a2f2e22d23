/** Follow-ups of results that could be sent again, where it turns out late whether a further round sends them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageBatchesClient } from '../../src/client';
import type { FollowUpCounts, FollowUpLine, FollowUpOptions, FollowUpOverride, JobReport, JobSettings } from '../../src/contract';
import { batchWorkflowId, workflowTaskQueue } from '../../src/contract';
import { FollowUpWorker, quiet } from '../support/follow-ups/worker';
import { testsOfWorlds } from '../support/side-by-side';
import { until } from '../support/until';
import type { World } from '../support/world';
import { LONG } from '../support/long-form';
import { rowsOfThisForm } from '../support/long-form';

beforeAll(quiet);
const together = testsOfWorlds({ timeoutMs: 60_000 });

const OVERLOADED = { processingMs: Infinity, overloadedShare: 1 };
/** Done by the product's own worker, and what it returns tells which result it has read. */
const CHECK: FollowUpOptions = { workflow: 'checkJsonAnswer', on: ['succeeded', 'errored'], args: [{ schema: { type: 'object' } }] };
const REQUESTS = 5;

/** A job whose batch is at the API when the settings change; then it ends. */
async function changed(world: World, job: { retries: number; followUp: FollowUpOptions }, settings: object): Promise<JobReport> {
  await world.startWorker();
  const requests = await world.writeRequests(REQUESTS, { metadata: () => ({ fail: 'Not yet', once: true }) });
  const handle = await world.startJob({ requests, pollIntervalMs: 200, ...job });
  await world.simulator.waitFor('poll');
  await handle.signal('settings', settings);
  world.endBatches(200);
  return handle.result();
}

async function linesOf({ output }: JobReport): Promise<FollowUpLine[]> {
  return (await readFile(join(output, 'follow-ups.jsonl'), 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line) as FollowUpLine);
}

/** Runs those that did not complete. */
async function again(world: World, followUp?: FollowUpOverride): Promise<{ selected: number; followUps: FollowUpCounts }> {
  const job = new MessageBatchesClient({ client: await world.client() }).job(world.jobId);
  return (await job.retryFollowUps({ followUp })).result();
}

const ids = Array.from({ length: REQUESTS }, (_, index) => `request-${index}`);

for (const [name, settings] of rowsOfThisForm<[string, JobSettings]>([['a cap', { maxCost: 0.000001 }]], [['fewer retries', { retries: 0 }]])) {
  together(`those that ${name} has kept from a further round are not started, and can be`, async (open) => {
    const world = await open(OVERLOADED);
    const report = await changed(world, { retries: 2, followUp: CHECK }, settings);
    expect(world.simulator.stats().accepted).toHaveLength(1);
    expect(report).toMatchObject({ outcomes: { errored: REQUESTS }, follow_ups: { selected: REQUESTS, started: 0, succeeded: 0, failed: 0 } });
    const line = (id: string) => ({ custom_id: id, outcome: 'errored', part: 1, status: 'not_started', workflow_id: `message-batches/follow-up/${world.jobId}/1/${id}` });
    expect(await linesOf(report)).toEqual(ids.map(line));

    expect(await again(world)).toMatchObject({ selected: REQUESTS, followUps: { selected: REQUESTS, started: REQUESTS, succeeded: REQUESTS } });
    expect(await linesOf(report)).toMatchObject(ids.map((id) => ({ custom_id: id, outcome: 'errored', status: 'completed', value: { valid: false, reason: 'errored' } })));
  });
}

if (LONG) together('those that a cancel has kept from a further round stand in slices, and run as these', async (open) => {
  const world = await open({ ...OVERLOADED, processingMs: 200, overloadedShare: 0.5 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(40), retries: 2, pollIntervalMs: 200, followUp: { ...CHECK, workflow: 'countSlice', taskQueue: `graders-${world.jobId}`, per: 7 } });
  // Nobody serves them, so it does not end.
  const batch = (await world.client()).workflow.getHandle(batchWorkflowId(world.jobId, 1, 1));
  await until(async () => (await batch.describe().catch(() => undefined))?.memo?.['phase'] === 'following_up');
  await job.signal('cancel');
  const report = await job.result();
  const { errored, succeeded } = report.outcomes;
  expect([errored + succeeded, errored > 0, report.status]).toEqual([40, true, 'canceled']);
  const lines = await linesOf(report);
  expect(lines.map(({ slice }) => slice)).toEqual(lines.map((_, index) => `1.1.${index + 1}`));
  expect(report.follow_ups).toMatchObject({ selected: Math.ceil(errored / 7) + Math.ceil(succeeded / 7), succeeded: 0 });
  const listed = lines.flatMap(({ custom_ids: of = [] }) => of);
  expect([listed.length, new Set(listed).size]).toEqual([40, 40]);

  const selected = lines.length;
  expect(await again(world, { workflow: 'checkJsonAnswersOfSlice', taskQueue: workflowTaskQueue(world.account) })).toMatchObject({ selected, followUps: { selected, succeeded: selected, answers: { valid: 0, invalid: 40, reasons: { errored, not_json: succeeded } } } });
});

together('one that has failed is not run with what a further round, which was allowed late, has found', async (open) => {
  const world = await open(OVERLOADED);
  const taskQueue = `graders-${world.jobId}`;
  const worker = await FollowUpWorker.start(world.temporal.address, taskQueue);
  try {
    const report = await changed(world, { retries: 0, followUp: { workflow: 'testFollowUp', taskQueue, on: ['succeeded', 'errored'] } }, { retries: 2 });
    expect(Object.fromEntries(worker.effects.runs)).toEqual(Object.fromEntries(ids.map((id) => [id, 2])));
    expect(report).toMatchObject({ outcomes: { succeeded: REQUESTS }, follow_ups: { selected: REQUESTS, started: REQUESTS, succeeded: REQUESTS, failed: 0 } });
    expect(await linesOf(report)).toMatchObject(ids.map((id) => ({ custom_id: id, outcome: 'succeeded', status: 'completed', workflow_id: `message-batches/follow-up/${world.jobId}/2/${id}` })));
    expect(await again(world)).toMatchObject({ selected: 0 });
  } finally {
    await worker.stop();
  }
});
