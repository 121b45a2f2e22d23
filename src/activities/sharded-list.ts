import type { ListSlice } from '../jobs';
import type { FollowUpShard, PartReference, ShardedList } from './payloads';

/** The shards of a list, in the form that was asked for. @param list its location */
export function shardsAs(asCuts: boolean, ref: PartReference, list: string, slices: readonly ListSlice[]): FollowUpShard[] | ShardedList {
  if (asCuts) return { ref, list, cuts: slices.map(({ offset, length, count }) => [offset, length, count]) };
  return slices.map(({ offset, length, count }) => ({ ref, list: { uri: list, offset, length }, count }));
}
