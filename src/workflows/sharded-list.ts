import type { FollowUpShard, ShardedList } from '../activities';

/** The shards one by one, whichever way they were told. */
export function eachShard(told: FollowUpShard[] | ShardedList): FollowUpShard[] {
  if (Array.isArray(told)) return told;
  const { ref, list, cuts } = told;
  return cuts.map(([offset, length, count]) => ({ ref, list: { uri: list, offset, length }, count }));
}
