import {
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { FollowUpShard } from '../activities';
import type { DataReference, FollowUpCounts, FollowUpInput, FollowUpOptions } from '../contract';
import { followUpWorkflowId } from '../contract';
import { activities } from './activity-profiles';

/** Children that run side by side in one shard. */
const DEFAULT_WINDOW = 50;

export interface FollowUpShardInput {
  shard: FollowUpShard;
  options: FollowUpOptions;
  activityTaskQueue: string;
}

/** Starts a child workflow for each of at most 1,000 results, side by side in a bounded window; ends with counts. */
export async function followUpShardWorkflow({ shard, options, activityTaskQueue }: FollowUpShardInput): Promise<FollowUpCounts> {
  const acts = activities(activityTaskQueue);
  const counts: FollowUpCounts = { selected: shard.count, started: 0, succeeded: 0, failed: 0 };
  const running = new Set<Promise<void>>();
  let list: DataReference | undefined = shard.list;
  while (list) {
    const page: Awaited<ReturnType<typeof acts.listFollowUps>> = await acts.listFollowUps(list);
    for (const input of page.inputs as FollowUpInput[]) {
      while (running.size >= (options.window ?? DEFAULT_WINDOW)) await Promise.race(running);
      const child: Promise<void> = runOne(input, options, counts).finally(() => running.delete(child));
      running.add(child);
      // Seen by whoever awaits it below; until then it must not count as unhandled.
      child.catch(() => undefined);
    }
    list = page.next;
  }
  await Promise.all(running);
  return counts;
}

async function runOne(input: FollowUpInput, options: FollowUpOptions, counts: FollowUpCounts): Promise<void> {
  try {
    const child = await startChild(options.workflow, {
      workflowId: followUpWorkflowId(input.jobId, input.round, input.customId),
      taskQueue: options.taskQueue ?? workflowInfo().taskQueue,
      args: [input],
      // A follow-up that has ended well never runs twice, whatever is run again above it.
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
    counts.started++;
    await child.result();
    counts.succeeded++;
  } catch (error) {
    // A cancel of this shard ends it; one of a single follow-up from outside is that one's failure.
    if (CancellationScope.current().consideredCancelled) throw error;
    if (error instanceof WorkflowExecutionAlreadyStartedError) counts.succeeded++;
    else if (error instanceof ChildWorkflowFailure) counts.failed++;
    else throw error;
  }
}
