/** Histories of many follow-ups, and of many shards, stay below 10,000 events and 10 MB, whatever these are started with and return. */
import { batchWorkflowId } from '../../src/contract';
import { plain } from '../support/follow-ups/batch';
import { runsOf } from '../support/follow-ups/runs';
import { servedBatches } from '../support/follow-ups/served-batches';

const served = servedBatches();

test('1,000 with 4 KB of metadata that return 4 KB each', async () => {
  const { batch } = await served.begin(Array.from({ length: 1_000 }, (_, index) => ({ note: 'm'.repeat(4_000), valueBytes: 4_000, ...(index === 500 && { fail: 'It does not fit' }) })), 500);
  await (await batch.run({ workflow: 'plainFollowUp', window: 100 })).result();
  expect(batch.report?.followUps).toEqual({ selected: 1_000, started: 1_000, succeeded: 999, failed: 1 });
  expect(batch.ends.size).toBe(1_000);
  const runs = [...(await runsOf(batch.client, batch.shard(1).workflowId)), ...(await runsOf(batch.client, batch.shard(2).workflowId))];
  const sizes = runs.map(({ historyLength, historySize }) => ({ events: historyLength, megabytes: (historySize ?? 0) / 1024 / 1024 }));
  // They have gone on in new runs.
  expect(sizes.length).toBeGreaterThan(2);
  for (const { events, megabytes } of sizes) {
    expect(events).toBeLessThan(10_000);
    expect(megabytes).toBeLessThan(10);
  }
}, 300_000);

test('a batch of many shards with large arguments goes on in a new run between two of them, and nothing runs twice', async () => {
  const { batch, worker } = await served.begin(plain(80), 1);
  await (await batch.run({ window: 4, args: ['a'.repeat(60_000)] })).result();
  expect(batch.report?.followUps).toEqual({ selected: 80, started: 80, succeeded: 80, failed: 0 });
  expect([...worker.effects.runs.values()]).toEqual(Array.from({ length: 80 }, () => 1));
  const runs = await runsOf(batch.client, batchWorkflowId(batch.jobId, 1, 1));
  expect(runs).toHaveLength(2);
  expect(batch.opened).toBe(2);
}, 300_000);
