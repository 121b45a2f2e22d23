import { recordEnds } from '../jobs';
import { type ActivityDependencies, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import { unlessRetryGone } from './gone-retry';
import type { RecordFollowUpsInput } from './payloads';

/** Puts ends of follow-ups on record, in a file that is whole and synced when this resolves. The same name again changes nothing. */
export function recordFollowUpsActivity(deps: ActivityDependencies) {
  return async function recordFollowUps({ ref, name, ends }: RecordFollowUpsInput): Promise<void> {
    await runActivity(deps, () => unlessRetryGone(ref, () => recordEnds(partFolderOf(ref), name, ends), undefined));
  };
}
