import type { FollowUpShard, ShardedList } from '../activities';

/** The shards one by one. @param answered as the activity gave it: one of an older release knows only shards one by one */
export function shardsOf(answered: FollowUpShard[] | ShardedList): FollowUpShard[] {
  if (Array.isArray(answered)) return answered;
  const { ref, list, cuts } = answered;
  return cuts.map(([offset, length, count]) => ({ ref, list: { uri: list, offset, length }, count }));
}
