/** From a batch to its follow-ups: a bounded number of shards, each a child workflow. */
import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy, workflowInfo } from '@temporalio/workflow';
import type { FollowUpShard, PartReference } from '../activities';
import type { FollowUpCounts, FollowUpOptions } from '../contract';
import { followUpShardWorkflowId } from '../contract';
import type { activities } from './activity-profiles';
import type { followUpShardWorkflow } from './follow-up-shard';

export interface FollowUpRun {
  acts: ReturnType<typeof activities>;
  ref: PartReference;
  requests: number;
  options: FollowUpOptions;
  withoutRetryable: boolean;
  activityTaskQueue?: string;
}

/** Runs all follow-ups of a part, shard after shard. Failed ones are counted and stop nothing. */
export async function runFollowUps(run: FollowUpRun, progress: (counts: FollowUpCounts) => void): Promise<void> {
  const { ref, requests, options } = run;
  const activityTaskQueue = run.activityTaskQueue ?? workflowInfo().taskQueue;
  const shards = await run.acts.selectFollowUps({ ref, requests, options, withoutRetryable: run.withoutRetryable, activityTaskQueue });
  const counts: FollowUpCounts = { selected: 0, started: 0, succeeded: 0, failed: 0 };
  for (const shard of shards) counts.selected += shard.count;
  progress({ ...counts });
  for (const [index, shard] of shards.entries()) {
    const ended = await runShard(run, shard, index + 1, activityTaskQueue);
    counts.started += ended.started;
    counts.succeeded += ended.succeeded;
    counts.failed += ended.failed;
    progress({ ...counts });
  }
}

function runShard(run: FollowUpRun, shard: FollowUpShard, number: number, activityTaskQueue: string): Promise<FollowUpCounts> {
  const { jobId, round, part } = run.ref;
  return executeChild<typeof followUpShardWorkflow>('followUpShardWorkflow', {
    workflowId: followUpShardWorkflowId(jobId, round, part, number),
    args: [{ shard, options: run.options, activityTaskQueue }],
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
}
