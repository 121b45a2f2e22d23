/** How many follow-ups are done: a batch knows what its ended shards have come to, those that run know the rest. */
import type { BatchStatus, FollowUpCounts } from '../contract';
import { addFollowUps, noFollowUps } from '../contract';
import type { ObservedFollowUps, ObservedPart } from './observed-status';

/** Shards of one batch that are asked: the next one begins when a tenth of the window is left of the one before. */
const MOST_SHARDS_ASKED = 4;

/**
 * The status of a batch with what its open shards have done so far. What was selected the batch knows of all of them.
 * @param ask for the counts of a shard by its workflow id; undefined where it does not answer, which counts as nothing done
 */
export async function withRunningShards(status: BatchStatus, ask: (workflowId: string) => Promise<FollowUpCounts | undefined>): Promise<BatchStatus> {
  const { phase, followUps, followUpShards = [] } = status;
  if (phase !== 'following_up' || !followUps || followUpShards.length === 0) return status;
  const answers = await Promise.all(followUpShards.slice(0, MOST_SHARDS_ASKED).map(ask));
  return { ...status, followUps: withShards(followUps, answers) };
}

/** Counts with what open shards have come to so far; one that has not answered counts as nothing done. What is selected is known without them. */
export function withShards(followUps: FollowUpCounts, shards: readonly (FollowUpCounts | undefined)[]): FollowUpCounts {
  const sum = { ...followUps };
  for (const shard of shards) if (shard) addFollowUps(sum, { ...shard, selected: 0 });
  return sum;
}

/** @param ended of the parts that have ended @returns undefined where there are none anywhere */
export function followUpsOfJob(ended: FollowUpCounts | undefined, running: readonly ObservedPart[]): ObservedFollowUps | undefined {
  const all = [ended, ...running.map(({ status }) => status?.followUps)].filter((counts) => counts !== undefined);
  if (all.length === 0) return undefined;
  const sum = noFollowUps();
  for (const counts of all) addFollowUps(sum, counts);
  return observedFollowUps(sum);
}

/** Counts with how many run; of a report, what else it has is left out. */
export function observedFollowUps({ selected, started, succeeded, failed, canceled }: FollowUpCounts): ObservedFollowUps {
  return { selected, started, running: Math.max(0, started - succeeded - failed - (canceled ?? 0)), succeeded, failed, ...(canceled !== undefined && { canceled }) };
}
