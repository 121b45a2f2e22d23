import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  condition,
  ParentClosePolicy,
  sleep,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { FollowUpEnd, ListedFollowUp } from '../activities';
import type { FollowUpInput, FollowUpOptions, FollowUpSliceInput } from '../contract';
import { AS_RETURNED, FOLLOW_UP_BATCH_MEMO, FOLLOW_UP_NOT_FOUND, FOLLOW_UP_OF_ANOTHER_BATCH, workflowIdOfFollowUp } from '../contract';
import { cancelById, Children } from './children';
import { completedEnd, failedEnd, failureBytes } from './follow-up-end';

/** Of what follow-ups are started with, at once, in bytes: a message between worker and server may have 4 MB. */
const MOST_BYTES_STARTING = 1024 * 1024;

/** Between two tries to start one that the server refuses as started and does not find; doubled each time. In ms. */
const SHORTEST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10 * 60_000;

export interface FollowUpRunsOptions {
  options: FollowUpOptions;
  /** Of the batch that the results are from, where the list does not say it of each. */
  batchId?: string;
  /** Those whose last run did not complete run again, unless a workflow of this shard has started that run. */
  again?: boolean;
  /** An earlier workflow of this id may have run some that are on no record: these do not run again. */
  begunBefore?: boolean;
  /** What one is started with, in bytes as JSON. */
  startBytes: number;
  /**
   * The end of one that was there already: waits for it.
   * @param startedBy one that did not complete counts only where the workflow of this id has started it.
   * @param batchId one that was started for a result of another batch does not count.
   * @throws `FOLLOW_UP_NOT_FOUND` where Temporal has it no more, or where it does not count; `FOLLOW_UP_OF_ANOTHER_BATCH`, at once
   */
  endOfFound: (workflowId: string, startedBy?: string, batchId?: string) => Promise<FollowUpEnd>;
  /** One has started, or was found to have. */
  onStarted: () => void;
  /** One has ended as only a worker can end it. */
  onServed: () => void;
}

/** Runs follow-ups as children, each of them once: where one was started before, its end is waited for. */
export class FollowUpRuns {
  private readonly children = new Children();
  /** Those that were there already: their ends are asked for. */
  private readonly found = new Set<string>();
  /** Asked for, and not yet seen to have started. */
  private starting = 0;

  constructor(private readonly setting: FollowUpRunsOptions) {}

  get isCanceled(): boolean {
    return this.children.isCanceled;
  }

  /** Cancels all that run, whoever has started them. */
  cancel(): void {
    this.children.cancel();
    for (const workflowId of this.found) void cancelById(workflowId);
  }

  /**
   * Runs one, or where it was started before waits for the end of that.
   * @returns its end, with what its failure takes of the history, or undefined where a cancel has come before it was started, or started
   *   again: what is on record of it stands.
   */
  async end({ batchId = this.setting.batchId, ...input }: ListedFollowUp): Promise<(FollowUpEnd & { failureBytes?: number }) | undefined> {
    const { again = false, begunBefore = false, onStarted, onServed } = this.setting;
    const workflowId = workflowIdOfFollowUp(input);
    let reuse: WorkflowIdReusePolicy = again && !begunBefore ? WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY : WorkflowIdReusePolicy.REJECT_DUPLICATE;
    let pauseMs = SHORTEST_PAUSE_MS;
    let isForeign = false;
    for (let isFirst = true; ; isFirst = false) {
      // What one workflow task asks for travels in one message.
      while (!this.fits) await condition(() => this.fits);
      if (this.isCanceled) return undefined;
      try {
        const value = await this.children.run(() => this.start(input, { workflowId, batchId, reuse: isForeign ? WorkflowIdReusePolicy.ALLOW_DUPLICATE : reuse }));
        onServed();
        return completedEnd(workflowId, value);
      } catch (error) {
        if (error instanceof ChildWorkflowFailure) {
          const end = failedEnd(workflowId, error.cause);
          if (end.status === 'failed' || end.status === 'canceled') onServed();
          return { ...end, failureBytes: failureBytes(error.cause) };
        }
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        const end = await this.endUnlessGone(workflowId, batchId, again && isFirst);
        isForeign = end === 'foreign';
        if (!end || end === 'foreign') {
          // Refused and yet not there, again: only the server can mend that.
          if (!isFirst) await sleep(pauseMs);
          pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
          // Deleted in between, its id is free again; or it is to run again.
          if (again) reuse = WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY;
          continue;
        }
        // Its end is on no record: it was canceled because its shard was closed above it.
        const startsAnew = end.status === 'canceled' && isFirst && !this.isCanceled;
        if (startsAnew) {
          reuse = WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY;
        } else {
          onStarted();
          return end;
        }
      }
    }
  }

  private get fits(): boolean {
    return this.starting === 0 || (this.starting + 1) * this.setting.startBytes <= MOST_BYTES_STARTING;
  }

  private async start(input: FollowUpInput | FollowUpSliceInput, { workflowId, batchId, reuse }: Start): Promise<ChildWorkflowHandle<Workflow>> {
    const { options, onStarted } = this.setting;
    const { workflow, taskQueue, args } = options;
    this.starting++;
    try {
      const child = await startChild(workflow, {
        workflowId,
        taskQueue: taskQueue ?? workflowInfo().taskQueue,
        // Null, from another language, is the same as nothing.
        args: [input, ...(args ?? [])],
        typeInfo: AS_RETURNED,
        workflowIdReusePolicy: reuse,
        ...(batchId !== undefined && { memo: { [FOLLOW_UP_BATCH_MEMO]: batchId } }),
        // Nobody would watch them any more; and they are to end in order, which TERMINATE would not let them.
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        staticSummary: 'slice' in input ? `${input.count} results` : input.outcome,
      });
      onStarted();
      return child;
    } finally {
      this.starting--;
    }
  }

  /** @returns undefined where Temporal has it no more, or where it does not count; `foreign` where it was of another batch, and has ended. */
  private async endUnlessGone(workflowId: string, batchId: string | undefined, onlyOwn: boolean): Promise<FollowUpEnd | 'foreign' | undefined> {
    this.found.add(workflowId);
    if (this.isCanceled) void cancelById(workflowId);
    try {
      return await this.setting.endOfFound(workflowId, ...knownOf(onlyOwn ? workflowInfo().workflowId : undefined, batchId));
    } catch (error) {
      const answer = answerOf(error);
      if (answer?.type === FOLLOW_UP_NOT_FOUND) return undefined;
      if (answer?.type !== FOLLOW_UP_OF_ANOTHER_BATCH) throw error;
      this.found.delete(workflowId);
      if (answer.details?.[0] === 'open') await this.untilFree(workflowId);
      return 'foreign';
    } finally {
      this.found.delete(workflowId);
    }
  }

  /** Waits for one of another batch, which is not ours to cancel; where a cancel comes first, nothing of ours needs its id any more. */
  private async untilFree(workflowId: string): Promise<void> {
    const ended = this.setting.endOfFound(workflowId).catch((error: unknown) => {
      if (!isAnswer(error)) throw error;
    });
    ended.catch(() => undefined);
    await Promise.race([ended, condition(() => this.isCanceled)]);
  }
}

interface Start {
  workflowId: string;
  batchId?: string;
  reuse: WorkflowIdReusePolicy;
}

/** What `endOfFollowUp` is asked with, and no more than is needed. */
function knownOf(startedBy: string | undefined, batchId: string | undefined): [startedBy?: string, batchId?: string] {
  if (batchId !== undefined) return [startedBy, batchId];
  return startedBy === undefined ? [] : [startedBy];
}

function answerOf(error: unknown): ApplicationFailure | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && (cause.type === FOLLOW_UP_NOT_FOUND || cause.type === FOLLOW_UP_OF_ANOTHER_BATCH) ? cause : undefined;
}

/** @param error of `endOfFound`: there is nothing that a person could see to. */
export function isAnswer(error: unknown): boolean {
  return answerOf(error) !== undefined;
}
