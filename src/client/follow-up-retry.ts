import { isDeepStrictEqual } from 'node:util';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { WorkflowIdReusePolicy } from '@temporalio/common';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { Attention, FollowUpOverride, FollowUpRetryInput, FollowUpRetryResult, FollowUpRetryStatus } from '../contract';
import { cancelSignal, followUpRetryStatusQuery, followUpRetryWorkflowId, followUpShardStatusQuery, RETRIED_JOB_MEMO, resumeSignal } from '../contract';
import { FollowUpRetryConflictError } from './errors';
import { withShards } from './follow-up-progress';
import { answerOf } from './query';

const RETRY_WORKFLOW = 'retryFollowUpsWorkflow';

export interface RetryFollowUpsOptions {
  /** Another type, task queue, window or arguments than those that the job was started with. */
  followUp?: FollowUpOverride;
  /** Where the job's input lies now, if not where its report says: the metadata of the requests stand there. */
  inputPath?: string;
  /** From 1; default: the first that was not made. Known to be `retries` of the report, plus 1. */
  attempt?: number;
  /** Cancel it at once: an attempt that was stopped in the middle then ends with what is on record, and starts no more. */
  canceled?: boolean;
  /** Task queue of the workflow; default: the job's. */
  taskQueue?: string;
  /** Task queue of the activities; default: the workflow's own. */
  activityTaskQueue?: string;
  /** `started_at` of the job's report; default: that of the report that the server has. Tells its attempts from those of an earlier job of this id. */
  jobStartedAt?: string;
}

/** Whether an attempt that has ended says that it was made of another job. @param startedAt that of the job that is asked for; undefined: not known */
async function isOfAnotherJob(client: Client, workflowId: string, startedAt: string | undefined): Promise<boolean> {
  if (startedAt === undefined) return false;
  const { memo } = await client.workflow.getHandle(workflowId).describe();
  return !isAttemptOf(memo, startedAt);
}

/**
 * Whether an attempt was made of the job that started then. An earlier job of the same id that nobody remembers may have had attempts of
 * the same numbers. What does not say whose it is counts: an older release has started it.
 */
export function isAttemptOf(memo: Record<string, unknown> | undefined, startedAt: string): boolean {
  const of = memo?.[RETRIED_JOB_MEMO];
  return of === undefined || of === startedAt;
}

/** Who names none takes whatever runs. */
async function mustRunWith(workflow: WorkflowHandle, { jobId, followUp }: FollowUpRetryInput): Promise<void> {
  if (!followUp) return;
  const running = (await workflow.describe()).memo?.['followUp'] ?? null;
  if (!isDeepStrictEqual(running, JSON.parse(JSON.stringify(followUp)))) throw new FollowUpRetryConflictError(jobId);
}

export type FollowUpRetryStart = Omit<FollowUpRetryInput, 'resumed'> & Pick<RetryFollowUpsOptions, 'canceled' | 'jobStartedAt'> & { taskQueue: string };

/** How far an attempt is, with what its open shards have done. @returns undefined where no worker answers in time. */
export async function statusOfRetry(client: Client, workflowId: string): Promise<FollowUpRetryStatus | undefined> {
  const status = await answerOf(client, () => client.workflow.getHandle(workflowId).query(followUpRetryStatusQuery));
  if (!status) return undefined;
  const shards = await Promise.all(status.shards.map((id) => answerOf(client, () => client.workflow.getHandle(id).query(followUpShardStatusQuery))));
  return { ...status, followUps: withShards(status.followUps, shards), attention: status.attention && forRetry(status.attention, status.jobId) };
}

/** Its hints are those of jobs: a retry goes on by its own command, and what went wrong with files says itself what to do. */
function forRetry(attention: Attention, jobId: string): Attention {
  const hint = attention.code === 'storage' ? 'Do what is said of it, then run the same command again.' : attention.hint.replaceAll('message-batches resume', `message-batches retry-follow-ups ${jobId}`);
  return { ...attention, hint };
}

/** What an attempt waits for a person for, as its memo tells. */
export function attentionOfRetry({ memo }: WorkflowExecutionDescription, jobId: string): Attention | undefined {
  const attention = memo?.['attention'] as Attention | null | undefined;
  return attention ? forRetry(attention, jobId) : undefined;
}

/** Follow-ups of an ended job that run again. */
export class FollowUpRetry {
  private constructor(
    private readonly client: Client,
    private start: FollowUpRetryStart,
    private workflow: WorkflowHandle,
  ) {}

  /** The attempt that runs now. @returns undefined where it does not */
  static async running(client: Client, start: FollowUpRetryStart): Promise<FollowUpRetry | undefined> {
    const workflow = client.workflow.getHandle(followUpRetryWorkflowId(start.jobId, start.attempt));
    try {
      const { status, memo } = await workflow.describe();
      const isOurs = start.jobStartedAt === undefined || isAttemptOf(memo, start.jobStartedAt);
      return status.name === 'RUNNING' && isOurs ? new FollowUpRetry(client, start, workflow) : undefined;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  /** Starts the first attempt that was not made, or attaches to the one that runs. @throws FollowUpRetryConflictError */
  static async start(client: Client, start: FollowUpRetryStart): Promise<FollowUpRetry> {
    // One that was terminated or failed goes on from what is on record.
    let workflowIdReusePolicy: WorkflowIdReusePolicy = 'ALLOW_DUPLICATE_FAILED_ONLY';
    for (let { attempt } = start; ; ) {
      const { taskQueue, canceled = false, jobStartedAt, ...input } = { ...start, attempt };
      const workflowId = followUpRetryWorkflowId(input.jobId, attempt);
      try {
        const options = {
          workflowId,
          taskQueue,
          workflowIdReusePolicy,
          staticSummary: `Failed follow-ups of job ${input.jobId}, again`,
          memo: { followUp: input.followUp ?? null, ...(jobStartedAt !== undefined && { [RETRIED_JOB_MEMO]: jobStartedAt }) },
          args: [input satisfies FollowUpRetryInput],
        };
        const workflow = canceled
          ? await client.workflow.signalWithStart(RETRY_WORKFLOW, { ...options, signal: cancelSignal })
          : await client.workflow.start(RETRY_WORKFLOW, { ...options, workflowIdConflictPolicy: 'USE_EXISTING' });
        if (!canceled) await mustRunWith(workflow, input);
        return new FollowUpRetry(client, { ...start, attempt }, workflow);
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        // An earlier job of this id, which nobody remembers, has made an attempt of this number: ours is made all the same.
        const isFree: boolean = workflowIdReusePolicy !== 'ALLOW_DUPLICATE' && (await isOfAnotherJob(client, workflowId, jobStartedAt));
        workflowIdReusePolicy = isFree ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY';
        if (!isFree) attempt++;
      }
    }
  }

  get workflowId(): string {
    return this.workflow.workflowId;
  }

  /** How far it is. @returns undefined where no worker answers in time. */
  async status(): Promise<FollowUpRetryStatus | undefined> {
    return statusOfRetry(this.client, this.workflowId);
  }

  /** What it waits for a person for, as the server knows it without a worker. */
  async attention(): Promise<Attention | undefined> {
    return attentionOfRetry(await this.workflow.describe(), this.start.jobId);
  }

  /** Cancels those that run, and starts no more; what became of those that ended is kept. */
  async cancel(): Promise<void> {
    await this.workflow.signal(cancelSignal);
  }

  /** Looks again at what waits for a person. */
  async resume(): Promise<void> {
    await this.workflow.signal(resumeSignal);
  }

  /** Waits for the end, however long it takes. @throws WorkflowFailedError */
  async result(): Promise<FollowUpRetryResult> {
    for (;;) {
      const result = (await this.workflow.result()) as FollowUpRetryResult;
      if (!result.superseded) return result;
      // The server had forgotten that attempt.
      const next = await FollowUpRetry.start(this.client, { ...this.start, attempt: (result.followUps.retries ?? 0) + 1 });
      [this.start, this.workflow] = [next.start, next.workflow];
    }
  }
}
