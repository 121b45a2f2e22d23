/** Follow-ups that no worker serves: a person is told, they go on once somebody serves them, and a cancel does not wait for them. */
import { cancelSignal } from '../../src/contract';
import type { Attention } from '../../src/contract';
import { FollowUpBatch, plain } from '../support/follow-ups/batch';
import { FollowUpWorker, quiet } from '../support/follow-ups/worker';
import { sharedTemporal } from '../support/shared-temporal';
import type { TemporalServer } from '../support/temporal-server';

const shared = sharedTemporal();
let temporal: TemporalServer;
let batch: FollowUpBatch;

beforeAll(async () => {
  quiet();
  temporal = await shared.start();
});

afterAll(() => shared.stop());

beforeEach(async () => {
  batch = await FollowUpBatch.start({ address: temporal.address, behaviours: plain(8), perShard: 4 });
  batch.service = { kind: 'unserved', message: `no worker polls ${batch.queue} for testFollowUp` };
});

afterEach(() => batch.close());

/** Waits until the batch asks for a person, or no longer does. */
async function attention(isAsked: boolean): Promise<Attention | undefined> {
  for (;;) {
    const { attention } = await batch.status();
    if ((attention !== undefined) === isAsked) return attention;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('it is told within 60 s, also without a worker of ours, and is over as soon as somebody serves them', async () => {
  const began = Date.now();
  const run = await batch.run({ window: 4 });
  expect(await attention(true)).toMatchObject({ code: 'follow_up_unserved', message: `no worker polls ${batch.queue} for testFollowUp`, hint: expect.stringContaining('Start a worker') });
  expect(Date.now() - began).toBeLessThan(60_000);
  expect((await run.describe()).memo?.['attention']).toMatchObject({ code: 'follow_up_unserved' });
  expect(batch.asked[0]).toEqual({ workflow: 'testFollowUp', taskQueue: batch.queue, workflowIds: [batch.id(0), batch.id(1), batch.id(2)] });

  // At once, and not at the next of its own looks.
  const asked = batch.asked.length;
  await run.signal('resume');
  while (batch.asked.length === asked) await new Promise((resolve) => setTimeout(resolve, 50));

  const worker = await FollowUpWorker.start(temporal.address, batch.queue);
  await attention(false);
  await run.result();
  await worker.stop();
  expect(batch.report?.followUps).toEqual({ selected: 8, started: 8, succeeded: 8, failed: 0 });
  expect((await run.describe()).memo?.['attention']).toBeUndefined();
}, 120_000);

test('a cancel does not wait for them: they stand as canceled, and are closed, so that their ids are free', async () => {
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
}, 120_000);
