import { isDeepStrictEqual } from 'node:util';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { Attention, FollowUpOverride, FollowUpRetryInput, FollowUpRetryResult, FollowUpRetryStatus } from '../contract';
import { cancelSignal, followUpRetryStatusQuery, followUpRetryWorkflowId, followUpShardStatusQuery, resumeSignal } from '../contract';
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
  /** Task queue of the workflow; default: the job's. */
  taskQueue?: string;
  /** Task queue of the activities; default: the workflow's own. */
  activityTaskQueue?: string;
}

/** Who names none takes whatever runs. */
async function mustRunWith(workflow: WorkflowHandle, { jobId, followUp }: FollowUpRetryInput): Promise<void> {
  if (!followUp) return;
  const running = (await workflow.describe()).memo?.['followUp'] ?? null;
  if (!isDeepStrictEqual(running, JSON.parse(JSON.stringify(followUp)))) throw new FollowUpRetryConflictError(jobId);
}

export type FollowUpRetryStart = Omit<FollowUpRetryInput, 'resumed'> & { taskQueue: string };

/** How far an attempt is, with what its open shards have done. @returns undefined where no worker answers in time. */
export async function statusOfRetry(client: Client, workflowId: string): Promise<FollowUpRetryStatus | undefined> {
  const status = await answerOf(client, () => client.workflow.getHandle(workflowId).query(followUpRetryStatusQuery));
  if (!status) return undefined;
  const shards = await Promise.all(status.shards.map((id) => answerOf(client, () => client.workflow.getHandle(id).query(followUpShardStatusQuery))));
  return { ...status, followUps: withShards(status.followUps, shards) };
}

/** What an attempt waits for a person for, as its memo tells. */
export function attentionOfRetry({ memo }: WorkflowExecutionDescription): Attention | undefined {
  return (memo?.['attention'] as Attention | null | undefined) ?? undefined;
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
      return (await workflow.describe()).status.name === 'RUNNING' ? new FollowUpRetry(client, start, workflow) : undefined;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  /** Starts the first attempt that was not made, or attaches to the one that runs. @throws FollowUpRetryConflictError */
  static async start(client: Client, start: FollowUpRetryStart): Promise<FollowUpRetry> {
    for (let { attempt } = start; ; attempt++) {
      const { taskQueue, ...input } = { ...start, attempt };
      try {
        const workflow = await client.workflow.start(RETRY_WORKFLOW, {
          workflowId: followUpRetryWorkflowId(input.jobId, attempt),
          taskQueue,
          workflowIdConflictPolicy: 'USE_EXISTING',
          // One that was terminated or failed goes on from what is on record.
          workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
          staticSummary: `Failed follow-ups of job ${input.jobId}, again`,
          memo: { followUp: input.followUp ?? null },
          args: [input satisfies FollowUpRetryInput],
        });
        await mustRunWith(workflow, input);
        return new FollowUpRetry(client, { ...start, attempt }, workflow);
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
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
    return attentionOfRetry(await this.workflow.describe());
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
