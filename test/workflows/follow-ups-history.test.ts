/** Histories of follow-ups stay below 10,000 events and 10 MB, whatever these are started with and return. */
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { batchWorkflowId } from '../../src/contract';
import type { FollowUpBatch } from '../support/follow-ups/batch';
import { plain } from '../support/follow-ups/batch';
import { servedBatches } from '../support/follow-ups/served-batches';
import type { FollowUpWorker } from '../support/follow-ups/worker';
import type { Behaviour } from '../support/follow-ups/workflows';
import { LONG } from '../support/long-form';

const served = servedBatches();
let batch: FollowUpBatch;
let worker: FollowUpWorker;

async function begin(behaviours: Behaviour[], perShard: number): Promise<void> {
  ({ batch, worker } = await served.begin(behaviours, perShard));
}

/** All runs of a workflow. */
async function runsOf(workflowId: string): Promise<WorkflowExecutionDescription[]> {
  const runs: WorkflowExecutionDescription[] = [];
  for await (const { runId } of batch.client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) runs.push(await batch.client.workflow.getHandle(workflowId, runId).describe());
  return runs;
}

test('1,000 with 4 KB of metadata that return 4 KB each', async () => {
  await begin(Array.from({ length: 1_000 }, (_, index) => ({ note: 'm'.repeat(4_000), valueBytes: 4_000, ...(index === 500 && { fail: 'It does not fit' }) })), 500);
  await (await batch.run({ workflow: 'plainFollowUp', window: 100 })).result();
  expect(batch.report?.followUps).toEqual({ selected: 1_000, started: 1_000, succeeded: 999, failed: 1 });
  expect(batch.ends.size).toBe(1_000);
  const runs = [...(await runsOf(batch.shard(1).workflowId)), ...(await runsOf(batch.shard(2).workflowId))];
  const sizes = runs.map(({ historyLength, historySize }) => ({ events: historyLength, megabytes: (historySize ?? 0) / 1024 / 1024 }));
  // They have gone on in new runs.
  expect(sizes.length).toBeGreaterThan(2);
  for (const { events, megabytes } of sizes) {
    expect(events).toBeLessThan(10_000);
    expect(megabytes).toBeLessThan(10);
  }
}, 300_000);

test('150 that fail with 200 KB each, of which little is put on record', async () => {
  await begin(Array.from({ length: 150 }, () => ({ failBytes: 100_000 })), 150);
  await (await batch.run({ workflow: 'plainFollowUp', window: 30 })).result();
  expect(batch.report?.followUps).toEqual({ selected: 150, started: 150, succeeded: 0, failed: 150 });
  for (const { historySize } of await runsOf(batch.shard(1).workflowId)) expect((historySize ?? 0) / 1024 / 1024).toBeLessThan(10);
});

if (LONG) test('a batch of many shards with large arguments goes on in a new run between two of them, and nothing runs twice', async () => {
  await begin(plain(80), 1);
  await (await batch.run({ window: 4, args: ['a'.repeat(60_000)] })).result();
  expect(batch.report?.followUps).toEqual({ selected: 80, started: 80, succeeded: 80, failed: 0 });
  expect([...worker.effects.runs.values()]).toEqual(Array.from({ length: 80 }, () => 1));
  const runs = await runsOf(batchWorkflowId(batch.jobId, 1, 1));
  expect(runs).toHaveLength(2);
  expect(batch.opened).toBe(2);
}, 300_000);
