import { Context } from '@temporalio/activity';
import { followUpFiles, selectFollowUps as select } from '../jobs';
import { followUpsOnRecord } from './follow-up-options';
import type { ActivityDependencies } from './dependencies';
import { jobFolder, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import type { FollowUpShard, SelectFollowUpsInput, ShardedList } from './payloads';
import { shardsAs } from './sharded-list';

/**
 * Writes the list of a part's follow-ups and cuts it into shards. Where it was written before, that one stands: a shard has
 * the same number and the same follow-ups, whoever asks and whenever.
 */
export function selectFollowUpsActivity(deps: ActivityDependencies) {
  return async function selectFollowUps(input: SelectFollowUpsInput): Promise<FollowUpShard[] | ShardedList> {
    return runActivity(deps, async () => {
      const { ref, requests, withoutRetryable, activityTaskQueue, mayBeCuts = false } = input;
      const options = await followUpsOnRecord(jobFolder(deps, ref.jobId), input.options);
      const partFolder = partFolderOf(ref);
      const common = { jobId: ref.jobId, round: ref.round, part: ref.part, activityTaskQueue };
      const shards = await select({ partFolder, requests, options, withoutRetryable, common, signal: Context.current().cancellationSignal });
      return shardsAs(mayBeCuts, ref, followUpFiles(partFolder).list, shards);
    });
  };
}
