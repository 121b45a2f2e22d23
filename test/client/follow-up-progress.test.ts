/** Counts of follow-ups, of a batch and its shards; the shards are stand-ins here. */
import type { ObservedPart } from '../../src/client';
import { followUpsOfJob, observedFollowUps, withRunningShards } from '../../src/client/follow-up-progress';
import type { BatchStatus, FollowUpCounts } from '../../src/contract';
import { noUsage } from '../../src/contract';

function batch(more: Partial<BatchStatus>): BatchStatus {
  return { jobId: 'job', round: 1, part: 1, phase: 'following_up', requests: 3000, polls: 1, stored: { lines: 3000, bytes: 1 }, usage: noUsage(), problems: [], cancelRequested: false, cancelSent: true, paused: false, ...more };
}

/** Answers for the shards that are named, and remembers who was asked. */
function shards(answers: Record<string, FollowUpCounts>) {
  const asked: string[] = [];
  const ask = async (id: string): Promise<FollowUpCounts | undefined> => {
    asked.push(id);
    return answers[id];
  };
  return { ask, asked };
}

const ended = { selected: 3000, started: 1000, succeeded: 990, failed: 10 };

test('what ended shards have come to, and what those that run have done so far', async () => {
  const { ask } = shards({ two: { selected: 1000, started: 1000, succeeded: 994, failed: 1 }, three: { selected: 1000, started: 45, succeeded: 0, failed: 0 } });
  const status = await withRunningShards(batch({ followUps: ended, followUpShards: ['two', 'three'] }), ask);
  expect(status.followUps).toEqual({ selected: 3000, started: 2045, succeeded: 1984, failed: 11 });
});

test('a shard that does not answer counts as nothing done', async () => {
  const { ask } = shards({ three: { selected: 1000, started: 45, succeeded: 5, failed: 0 } });
  const status = await withRunningShards(batch({ followUps: ended, followUpShards: ['two', 'three'] }), ask);
  expect(status.followUps).toEqual({ selected: 3000, started: 1045, succeeded: 995, failed: 10 });
});

test('only a few are asked, and none of a batch that has no follow-ups now', async () => {
  const many = shards({});
  await withRunningShards(batch({ followUps: ended, followUpShards: Array.from({ length: 50 }, (_, index) => `${index}`) }), many.ask);
  expect(many.asked).toEqual(['0', '1', '2', '3']);
  const none = shards({});
  for (const status of [batch({ phase: 'ended', followUps: ended, followUpShards: ['two'] }), batch({ followUpShards: ['two'] }), batch({ followUps: ended })]) expect(await withRunningShards(status, none.ask)).toBe(status);
  expect(none.asked).toEqual([]);
});

test('those of a job: of the parts that have ended, and of those that run', () => {
  const part = (status?: BatchStatus): ObservedPart => ({ round: 1, part: 1, workflowId: 'x', status });
  expect(followUpsOfJob(undefined, [part(), part(batch({}))])).toBeUndefined();
  expect(followUpsOfJob(ended, [])).toEqual({ ...ended, running: 0 });
  expect(followUpsOfJob(ended, [part(batch({ followUps: { selected: 100, started: 60, succeeded: 8, failed: 2 } })), part()])).toEqual({ selected: 3100, started: 1060, running: 50, succeeded: 998, failed: 12 });
  // One that had ended before its start was asked for was never started by this run.
  expect(observedFollowUps({ selected: 2, started: 0, succeeded: 2, failed: 0 }).running).toBe(0);
});
