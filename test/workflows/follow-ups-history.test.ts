/** Histories of follow-ups stay below 10 MB, whatever these fail with. `npm run test:long` has many of them, and many shards. */
import { runsOf } from '../support/follow-ups/runs';
import { servedBatches } from '../support/follow-ups/served-batches';

const served = servedBatches();

test('150 that fail with 200 KB each, of which little is put on record', async () => {
  const { batch } = await served.begin(Array.from({ length: 150 }, () => ({ failBytes: 100_000 })), 150);
  await (await batch.run({ workflow: 'plainFollowUp', window: 30 })).result();
  expect(batch.report?.followUps).toEqual({ selected: 150, started: 150, succeeded: 0, failed: 150 });
  for (const { historySize } of await runsOf(batch.client, batch.shard(1).workflowId)) expect((historySize ?? 0) / 1024 / 1024).toBeLessThan(10);
});
