/** One part of a job: its batch workflow is started, steered, and waited for, whatever becomes of it. */
import { CancellationScope, ChildWorkflowCancellationType, ChildWorkflowFailure, condition, getExternalWorkflowHandle, isCancellation, ParentClosePolicy, sleep, startChild } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { SignalDefinition } from '@temporalio/workflow';
import type { PartReference } from '../activities';
import type { Attention, BatchInput, BatchReport, JobSettings } from '../contract';
import { batchWorkflowId, cancelSignal, pauseSignal, settingsSignal } from '../contract';
import { AttentionDesk } from './attention';
import type { batchWorkflow } from './batch';

/** How soon a part is started again whose workflow of an earlier run is still open, in ms; doubled up to the longest. */
const FIRST_STILL_RUNNING_MS = 5_000;
const LONGEST_STILL_RUNNING_MS = 10 * 60_000;

export interface JobPartOptions {
  input: BatchInput & PartReference;
  /** What Temporal shows of the child. */
  summary: string;
  /** What the job was told so far; a child that has just been started has not heard of it. */
  told: () => { cancelRequested: boolean; paused: boolean; settings: JobSettings };
  onAttention: (attention: Attention | undefined) => void;
  /** Called where the part waits for a workflow of an earlier run, so that a long wait does not grow the history without end. */
  onWait: () => Promise<void>;
}

export class JobPart {
  readonly workflowId: string;
  readonly ref: PartReference;
  /** It is open, but no child of this run: whoever goes on in a new run finds it again. */
  waitsForEarlierRun = false;
  private readonly desk: AttentionDesk;

  constructor(private readonly options: JobPartOptions) {
    const { jobId, round, part, output, betas } = options.input;
    this.workflowId = batchWorkflowId(jobId, round, part);
    this.ref = { jobId, round, part, output, betas };
    this.desk = new AttentionDesk(async (attention) => options.onAttention(attention));
  }

  /** By its id, as it may be the child of an earlier run of this job; one that has just ended needs no telling. */
  async tell<Args extends [] | [JobSettings] | [string]>(signal: SignalDefinition<Args>, ...args: Args): Promise<void> {
    const tell = (): Promise<void> => getExternalWorkflowHandle(this.workflowId).signal(signal, ...args);
    // Not in the handler's scope, which is the canceled one where the workflow itself was canceled.
    await CancellationScope.nonCancellable(tell).catch(() => undefined);
  }

  resume(): void {
    this.desk.resume();
  }

  /** Runs the part to its report. */
  async run(): Promise<BatchReport> {
    const { input, summary, told, onWait } = this.options;
    let stillRunningMs = FIRST_STILL_RUNNING_MS;
    for (;;) {
      try {
        await condition(() => !told().paused || told().cancelRequested);
        const child = await startChild<typeof batchWorkflow>('batchWorkflow', {
          workflowId: this.workflowId,
          args: [input],
          // A job that is terminated must not leave a batch running that nobody waits for.
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
          staticSummary: summary,
        });
        // What was asked for while the child was being started has not reached it.
        const { cancelRequested, paused, settings } = told();
        if (cancelRequested) await this.tell(cancelSignal);
        if (paused) await this.tell(pauseSignal);
        if (settings.queueLimit !== undefined && (settings.queueLimit ?? undefined) !== input.queueLimit) await this.tell(settingsSignal, settings);
        return await child.result();
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) {
          // The child of an earlier run of this job: it is told what this one was told, and waited for.
          if (told().cancelRequested) await this.tell(cancelSignal);
          this.waitsForEarlierRun = true;
          await sleep(stillRunningMs);
          stillRunningMs = Math.min(stillRunningMs * 2, LONGEST_STILL_RUNNING_MS);
          await onWait();
          this.waitsForEarlierRun = false;
        } else if (error instanceof ChildWorkflowFailure) {
          // Canceled from outside, it has put its report on record: the next one only reads that.
          if (isCancellation(error)) continue;
          await this.desk.ask('part_failed', `The workflow of round ${input.round}, part ${input.part} ended without a report: ${error.cause?.message ?? error.message}`);
          await this.desk.clear();
        } else {
          throw error;
        }
      }
    }
  }
}
