/** Shards of follow-ups over several runs: one that has gone on in a new one is canceled, and one of an earlier batch workflow is still there. */
import { cancelSignal, followUpShardStatusQuery } from '../../src/contract';
import type { FollowUpBatch } from '../support/follow-ups/batch';
import { servedBatches } from '../support/follow-ups/served-batches';
import type { FollowUpWorker } from '../support/follow-ups/worker';
import type { Behaviour } from '../support/follow-ups/workflows';
import { finishSignal } from '../support/follow-ups/workflows';
import { until } from '../support/until';
import { LONG } from '../support/long-form';

const served = servedBatches();
let batch: FollowUpBatch;
let worker: FollowUpWorker;

async function begin(behaviours: Behaviour[], perShard: number): Promise<void> {
  ({ batch, worker } = await served.begin(behaviours, perShard));
}

/** Until so many have: that one has begun says nothing of its end. */
function hasSucceeded(count: number): Promise<unknown> {
  return until(async () => (await batch.shard(1).query(followUpShardStatusQuery)).succeeded === count);
}

test('a cancel reaches a shard that has gone on in a new run, and what runs there', async () => {
  // With sixty of such arguments, which they also return, a history is full; in the next run twenty fit side by side.
  await begin(Array.from({ length: 80 }, () => ({ waits: true })), 80);
  const run = await batch.run({ window: 60, args: ['a'.repeat(60_000)] });
  await until(async () => (await batch.shard(1).describe().catch(() => undefined)));
  const first = (await batch.shard(1).describe()).runId;
  await worker.effects.begun(60);
  for (let index = 0; index < 60; index++) await batch.followUp(index).signal(finishSignal);
  await worker.effects.begun(80);
  expect((await batch.shard(1).describe()).runId).not.toBe(first);
  await run.signal(cancelSignal);
  await run.result();
  expect(batch.report?.followUps).toEqual({ selected: 80, started: 80, succeeded: 60, failed: 20 });
  const { ends } = batch;
  expect(Array.from({ length: 80 }, (_, index) => ends.get(index)?.status)).toEqual(Array.from({ length: 80 }, (_, index) => (index < 60 ? 'completed' : 'canceled')));
  expect((await batch.shard(1).describe()).status.name).toBe('CANCELLED');
  expect([...worker.effects.runs.values()].every((runs) => runs === 1)).toBe(true);
}, 120_000);

test('a batch that is started again waits for a shard of before, whose follow-ups still tidy up, and then goes on with the rest', async () => {
  await begin([{ waits: true, tidies: true }, {}, { waits: true, tidies: true }, {}, {}, {}], 6);
  const first = await batch.run({ window: 3 });
  // Two of three places are taken by those that wait.
  await worker.effects.begun(6);
  await hasSucceeded(4);
  await first.terminate('by hand');
  const again = await batch.run({ window: 3 });
  await until(async () => (await batch.status().catch(() => undefined))?.followUpShards);
  expect((await batch.shard(1).describe()).status.name).toBe('RUNNING');
  for (const index of [0, 2]) {
    await until(async () => (await batch.followUp(index).describe()).raw.workflowExtendedInfo?.cancelRequested);
    await batch.followUp(index).signal(finishSignal);
  }
  await again.result();
  expect(batch.report?.followUps).toEqual({ selected: 6, started: 6, succeeded: 4, failed: 2 });
  const { ends } = batch;
  expect([0, 1, 2, 3, 4, 5].map((index) => ends.get(index)?.status)).toEqual(['canceled', 'completed', 'canceled', 'completed', 'completed', 'completed']);
  expect([...worker.effects.runs.values()]).toEqual([1, 1, 1, 1, 1, 1]);
  expect((await batch.status()).attention).toBeUndefined();
}, 120_000);

if (LONG) test('a batch that is started again, and canceled, waits for a shard of before and has what became of its follow-ups', async () => {
  await begin([{ waits: true, tidies: true }, {}, {}], 3);
  const first = await batch.run({ window: 2 });
  await worker.effects.begun(3);
  await hasSucceeded(2);
  await first.terminate('by hand');
  const again = await batch.run({ window: 2 });
  await until(async () => (await batch.status().catch(() => undefined))?.followUpShards);
  await again.signal(cancelSignal);
  // Of a shard that is still open, nothing can be said yet.
  await expect(Promise.race([again.result(), new Promise((resolve) => setTimeout(() => resolve('waits'), 3_000))])).resolves.toBe('waits');
  await batch.followUp(0).signal(finishSignal);
  await again.result();
  expect(batch.report?.followUps).toEqual({ selected: 3, started: 3, succeeded: 2, failed: 1 });
  expect([0, 1, 2].map((index) => batch.ends.get(index)?.status)).toEqual(['canceled', 'completed', 'completed']);
}, 120_000);
