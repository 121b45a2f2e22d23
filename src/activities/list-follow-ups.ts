import type { DataReference } from '../contract';
import { readListPage } from '../jobs';
import { type ActivityDependencies, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import type { FollowUpPage, ShardReference } from './payloads';
import { locationOf } from './plan-job';

/**
 * Reads the next follow-ups of a shard's list: as many as fit one answer. `next` is where the following ones begin.
 * @param ref leaves out those whose end is on record, and counts them. With the number of the shard, only its own files of ends
 *   are read. A follow-up that was not started has no end.
 */
export function listFollowUpsActivity(deps: ActivityDependencies) {
  return async function listFollowUps(list: DataReference, ref?: ShardReference): Promise<FollowUpPage> {
    return runActivity(deps, () => readListPage({ ...list, uri: locationOf(list) }, ref && { partFolder: partFolderOf(ref), shard: ref.shard }));
  };
}
