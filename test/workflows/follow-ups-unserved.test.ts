/**
 * Follow-ups that no worker serves, or none serves any more: a person is told, they go on once somebody serves them, and a cancel does not
 * wait for those that have not begun.
 */
import { cancelSignal } from '../../src/contract';
import type { WorkflowHandle } from '@temporalio/client';
import type { FollowUpService } from '../../src/activities';
import type { Attention } from '../../src/contract';
import { FollowUpBatch, plain } from '../support/follow-ups/batch';
import { followUpServer } from '../support/follow-ups/follow-up-server';
import { FollowUpWorker } from '../support/follow-ups/worker';
import type { FollowUpEffects } from '../support/follow-ups/effects';
import type { Behaviour } from '../support/follow-ups/workflows';
import { finishSignal } from '../support/follow-ups/workflows';
import { LONG } from '../support/long-form';
import type { Afterwards } from '../support/side-by-side';
import { testsTogether } from '../support/side-by-side';

const temporal = followUpServer();
/** Most of the time they wait for a look at who serves them. */
const together = testsTogether({ timeoutMs: 120_000 });

async function begin(afterwards: Afterwards, behaviours: Behaviour[] = plain(8), perShard = 4): Promise<FollowUpBatch> {
  const batch = await FollowUpBatch.start({ address: temporal.address, behaviours, perShard });
  afterwards(() => batch.close());
  batch.service = unserved(batch);
  return batch;
}

function unserved(batch: FollowUpBatch): FollowUpService {
  return { kind: 'unserved', message: `no worker polls ${batch.queue} for testFollowUp` };
}

/** All of them begin, and then their worker is gone. */
async function beginAndLose(afterwards: Afterwards, behaviours: Behaviour[]): Promise<{ batch: FollowUpBatch; run: WorkflowHandle; effects: FollowUpEffects }> {
  const batch = await begin(afterwards, behaviours, behaviours.length);
  batch.service = { kind: 'served' };
  batch.polling = unserved(batch);
  const run = await batch.run({ window: behaviours.length });
  const worker = await FollowUpWorker.start(temporal.address, batch.queue);
  const { effects } = worker;
  await effects.begun(behaviours.length);
  // They have got through their first workflow tasks: what comes next waits for whoever comes next.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await worker.stop();
  return { batch, run, effects };
}

/** Waits until the batch asks for a person, or no longer does. */
async function attention(batch: FollowUpBatch, isAsked: boolean): Promise<Attention | undefined> {
  for (;;) {
    const { attention } = await batch.status();
    if ((attention !== undefined) === isAsked) return attention;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

together('it is told within 60 s, also without a worker of ours, and is over as soon as somebody serves them', async (afterwards) => {
  const batch = await begin(afterwards);
  const began = Date.now();
  const run = await batch.run({ window: 4 });
  expect(await attention(batch, true)).toMatchObject({ code: 'follow_up_unserved', message: `no worker polls ${batch.queue} for testFollowUp`, hint: expect.stringContaining('Start a worker') });
  expect(Date.now() - began).toBeLessThan(60_000);
  expect((await run.describe()).memo?.['attention']).toMatchObject({ code: 'follow_up_unserved' });
  expect(batch.asked[0]).toEqual({ workflow: 'testFollowUp', taskQueue: batch.queue, workflowIds: [0, 1, 2, 3].map((index) => batch.id(index)) });

  // At once, and not at the next of its own looks.
  const asked = batch.asked.length;
  await run.signal('resume');
  while (batch.asked.length === asked) await new Promise((resolve) => setTimeout(resolve, 50));

  const worker = await FollowUpWorker.start(temporal.address, batch.queue);
  await attention(batch, false);
  await run.result();
  await worker.stop();
  expect(batch.report?.followUps).toEqual({ selected: 8, started: 8, succeeded: 8, failed: 0 });
  expect((await run.describe()).memo?.['attention']).toBeUndefined();
});

together('a cancel does not wait for them: they stand as canceled, and are closed, so that their ids are free', async (afterwards) => {
  const batch = await begin(afterwards);
  const run = await batch.run({ window: 4 });
  while ((await batch.status().catch(() => undefined))?.followUpShards === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  while ((await batch.followUp(3).describe().catch(() => undefined)) === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  const canceled = Date.now();
  await run.signal(cancelSignal);
  await run.result();
  expect(Date.now() - canceled).toBeLessThan(20_000);
  expect(batch.report?.followUps).toEqual({ selected: 8, started: 4, succeeded: 0, failed: 4 });
  expect([...batch.ends.values()].map(({ status }) => status)).toEqual(['canceled', 'canceled', 'canceled', 'canceled']);
  expect((await batch.followUp(0).describe()).status.name).toBe('TERMINATED');
  const worker = await FollowUpWorker.start(temporal.address, batch.queue);
  await worker.stop();
  expect([...worker.effects.runs.values()]).toEqual([]);
});

together('workers that are gone after they have served are told of as well, and it is over once one is back', async (afterwards) => {
  const { batch, run, effects } = await beginAndLose(afterwards, plain(3).map(() => ({ waits: true })));
  // First it is seen that they were served, and then, with nobody having asked, that nobody serves them any more.
  expect(await attention(batch, true)).toMatchObject({ code: 'follow_up_unserved', message: `no worker polls ${batch.queue} for testFollowUp` });
  expect(batch.asked.at(-1)).toMatchObject({ isServed: true });
  for (const index of [0, 1, 2]) await batch.followUp(index).signal(finishSignal);
  const worker = await FollowUpWorker.start(temporal.address, batch.queue, effects);
  await attention(batch, false);
  await run.result();
  await worker.stop();
  expect(batch.report?.followUps).toEqual({ selected: 3, started: 3, succeeded: 3, failed: 0 });
});

together('canceled, those that had begun are waited for, and a person is told so; those that no worker has taken up are closed', async (afterwards) => {
  const { batch, run, effects } = await beginAndLose(afterwards, plain(4).map(() => ({ waits: true, tidies: true })));
  // As far as the server tells, of the other two.
  batch.begun = new Set([0, 1]);
  await run.signal(cancelSignal);
  expect(await attention(batch, true)).toMatchObject({
    code: 'cancel_unserved',
    message: `no worker polls ${batch.queue} for testFollowUp: canceled follow-ups that had begun cannot end: ${batch.id(0)} and 1 more`,
    hint: expect.stringContaining('terminate them'),
  });
  expect((await batch.followUp(3).describe()).status.name).toBe('TERMINATED');
  expect((await batch.followUp(0).describe()).status.name).toBe('RUNNING');
  // One is given up by a person, the other ends in order.
  await batch.followUp(0).terminate('by hand');
  const worker = await FollowUpWorker.start(temporal.address, batch.queue, effects);
  await batch.followUp(1).signal(finishSignal);
  await run.result();
  await worker.stop();
  expect((await batch.status()).attention).toBeUndefined();
  expect(batch.report?.followUps).toEqual({ selected: 4, started: 4, succeeded: 0, failed: 4 });
  expect([0, 1, 2, 3].map((index) => batch.ends.get(index)?.status)).toEqual(['terminated', 'canceled', 'canceled', 'canceled']);
});

if (LONG) together('what was told is taken back also where the shard has gone on in a new run meanwhile', async (afterwards) => {
  // With sixty of such arguments a history is full.
  const batch = await begin(afterwards, Array.from({ length: 80 }, (_, index) => (index === 79 ? { waits: true } : {})), 80);
  const run = await batch.run({ window: 60, args: ['a'.repeat(60_000)] });
  await attention(batch, true);
  const first = (await batch.shard(1).describe()).runId;
  // Ended by hand, they say nothing of whether they are served.
  for (let index = 0; index < 60; index++) await batch.followUp(index).terminate();
  while ((await batch.shard(1).describe()).runId === first) await new Promise((resolve) => setTimeout(resolve, 50));
  const worker = await FollowUpWorker.start(temporal.address, batch.queue);
  // The shard still runs, so that nobody but it can say so.
  await attention(batch, false);
  await batch.followUp(79).signal(finishSignal);
  await run.result();
  await worker.stop();
  expect(batch.report?.followUps).toEqual({ selected: 80, started: 80, succeeded: 20, failed: 60 });
});
