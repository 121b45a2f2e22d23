/** How the first release ran follow-ups: for batches and shards that it has begun, which must go on as they began. */
import { CancellationScope, ChildWorkflowCancellationType, ChildWorkflowFailure, executeChild, ParentClosePolicy, startChild, WorkflowIdReusePolicy, workflowInfo } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { FollowUpPage, FollowUpShard, PartReference } from '../activities';
import type { DataReference, FollowUpCounts, FollowUpInput, FollowUpOptions } from '../contract';
import { addFollowUps, AS_RETURNED, DEFAULT_FOLLOW_UP_WINDOW, followUpShardWorkflowId, followUpWorkflowId, noFollowUps } from '../contract';
import { activities } from './activity-profiles';
import type { followUpShardWorkflow } from './follow-up-shard';
import { eachShard } from './sharded-list';

export interface FirstReleaseRun {
  acts: ReturnType<typeof activities>;
  ref: PartReference;
  requests: number;
  options: FollowUpOptions;
  withoutRetryable: boolean;
  activityTaskQueue: string;
}

/** Runs all follow-ups of a part, shard after shard. Failed ones are counted and stop nothing. */
export async function runFirstReleaseFollowUps({ acts, ...selection }: FirstReleaseRun, progress: (counts: FollowUpCounts) => void): Promise<void> {
  const { ref, options, activityTaskQueue } = selection;
  // It asks for no other form than one by one.
  const shards = eachShard(await acts.selectFollowUps(selection));
  const counts = noFollowUps();
  for (const shard of shards) counts.selected += shard.count;
  progress({ ...counts });
  for (const [index, shard] of shards.entries()) {
    const ended = await executeChild<typeof followUpShardWorkflow>('followUpShardWorkflow', {
      workflowId: followUpShardWorkflowId(ref.jobId, ref.round, ref.part, index + 1),
      args: [{ shard, options, activityTaskQueue }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
    addFollowUps(counts, { ...ended, selected: 0 });
    progress({ ...counts });
  }
}

/** What a shard got from the first release. */
export interface FirstReleaseShardInput {
  shard: FollowUpShard;
  options: FollowUpOptions;
  activityTaskQueue: string;
}

/** Ends with counts; what became of each follow-up is not put on record. */
export async function runFirstReleaseShard({ shard, options, activityTaskQueue }: FirstReleaseShardInput): Promise<FollowUpCounts> {
  const acts = activities(activityTaskQueue);
  const counts: FollowUpCounts = { ...noFollowUps(), selected: shard.count };
  const running = new Set<Promise<void>>();
  let list: DataReference | undefined = shard.list;
  while (list) {
    const page: FollowUpPage = await acts.listFollowUps(list);
    for (const input of page.inputs as FollowUpInput[]) {
      while (running.size >= (options.window ?? DEFAULT_FOLLOW_UP_WINDOW)) await Promise.race(running);
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
      typeInfo: AS_RETURNED,
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
