import type { ListSlice } from '../jobs';
import type { FollowUpShard, PartReference, ShardedList } from './payloads';

/** Half of what Temporal takes of an answer. */
const MOST_BYTES = 1_000_000;

/**
 * The shards of a list; told by their cuts where one by one they are many and the workflow knows that form. Few are told one by one also then: a
 * worker of an older release, which may go on with the workflow, knows nothing else.
 * @param list its location
 */
export function shardsAs(mayBeCuts: boolean, ref: PartReference, list: string, slices: readonly ListSlice[]): FollowUpShard[] | ShardedList {
  const shards = slices.map(({ offset, length, count }) => ({ ref, list: { uri: list, offset, length }, count }));
  if (!mayBeCuts || Buffer.byteLength(JSON.stringify(shards)) <= MOST_BYTES) return shards;
  return { ref, list, cuts: slices.map(({ offset, length, count }) => [offset, length, count]) };
}
