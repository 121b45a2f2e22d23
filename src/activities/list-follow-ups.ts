import type { DataReference } from '../contract';
import { readListPage } from '../jobs';
import { type ActivityDependencies, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import { unlessRetryGone } from './gone-retry';
import type { FollowUpPage, PartReference } from './payloads';
import { locationOf } from './plan-job';

/**
 * Reads the next follow-ups of a shard's list: as many as fit one answer. `next` is where the following ones begin.
 * @param ref leaves out those whose end is on record, and counts them. A follow-up that was not started has no end.
 */
export function listFollowUpsActivity(deps: ActivityDependencies) {
  return async function listFollowUps(list: DataReference, ref?: PartReference): Promise<FollowUpPage> {
    return runActivity(deps, () => {
      const read = (): Promise<FollowUpPage> => readListPage({ ...list, uri: locationOf(list) }, ref && partFolderOf(ref));
      return ref ? unlessRetryGone(ref, read, { inputs: [] }) : read();
    });
  };
}
