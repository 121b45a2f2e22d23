import {
  allHandlersFinished,
  CancelledFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  setHandler,
  sleep,
  startChild,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { SignalDefinition } from '@temporalio/workflow';
import type { PlannedJob } from '../activities';
import type { Attention, AttentionChange, BatchReport, JobCarriedState, JobInput, JobPhase, JobReport, JobStatus } from '../contract';
import {
  addUsage,
  attentionSignal,
  batchWorkflowId,
  cancelSignal,
  DEFAULT_BASE_URL,
  jobIdOfWorkflow,
  jobStatusQuery,
  noOutcomes,
  noUsage,
  OUTCOMES,
  pauseSignal,
  resumeSignal,
} from '../contract';
import { activities } from './activity-profiles';
import { AttentionDesk } from './attention';
import type { batchWorkflow } from './batch';

/** Rounds after the first that errored-but-retryable and expired requests may get. */
const DEFAULT_RETRIES = 2;

/** How soon a part is started again whose workflow of an earlier run is still open, in ms; doubled up to the longest. */
const FIRST_STILL_RUNNING_MS = 5_000;
const LONGEST_STILL_RUNNING_MS = 60_000;

/**
 * A job of any size: plan, one batch after another, further rounds for what may be sent again, merge, report.
 *
 * Signals `cancel`, `pause`, `resume`; query `status`. Every fact that money hangs on is in the job folder, so a
 * job that is started again (after it was terminated, deleted, or its server set back) goes on from there.
 */
export async function batchJobWorkflow(input: JobInput): Promise<JobReport> {
  const run = new JobRun(input);
  run.listen();
  CancellationScope.current().cancelRequested.catch(() => run.cancelWorkflow());
  const report = await CancellationScope.nonCancellable(() => run.run());
  if (run.workflowCanceled) throw new CancelledFailure('The job was canceled; its partial results are kept');
  return report;
}

class JobRun {
  private readonly acts;
  private readonly status: JobStatus;
  private readonly desk = new AttentionDesk(async (attention) => this.showAttention(attention));
  private readonly carried: JobCarriedState;
  private cancelRecorded: Promise<void> | undefined;
  /** The workflow itself was canceled, in this run or before a continue-as-new. */
  workflowCanceled: boolean;

  constructor(private readonly input: JobInput) {
    this.acts = activities(input.activityTaskQueue);
    this.carried = input.resumed ?? { round: 1, partsDone: 0, retryable: 0, cancelRequested: false, workflowCanceled: false, paused: false };
    this.workflowCanceled = this.carried.workflowCanceled;
    this.status = {
      jobId: input.jobId ?? jobIdOfWorkflow(workflowInfo().workflowId),
      phase: 'planning',
      simulated: input.simulated ?? false,
      account: input.account ?? { label: 'default', baseUrl: DEFAULT_BASE_URL },
      round: this.carried.round,
      parts: { total: 0, ended: this.carried.partsDone },
      outcomes: this.carried.outcomes ?? noOutcomes(),
      usage: noUsage(),
      running: [],
      cancelRequested: this.carried.cancelRequested,
      paused: this.carried.paused,
      problems: [],
      startedAt: workflowInfo().startTime.toISOString(),
    };
    // Added, and not taken as it is: a run of an older release may have carried fewer fields.
    addUsage(this.status.usage, this.carried.usage);
  }

  listen(): void {
    setHandler(jobStatusQuery, () => this.status, { description: 'Phase, parts, outcomes, usage, what waits for a person' });
    setHandler(cancelSignal, () => this.cancel(), { description: 'Cancel at the API, keep what is done' });
    setHandler(pauseSignal, () => this.pause(), { description: 'Create nothing until resumed' });
    setHandler(resumeSignal, () => this.resume(), { description: 'Go on after a pause, or try again what waits for a person' });
    setHandler(attentionSignal, (change) => this.partAttention(change), { description: 'From a batch: it waits for a person, or no longer' });
  }

  /** Handlers are synchronous where they can be; what they tell a child is sent by `tellChild`. */
  cancel(): void {
    if (this.status.cancelRequested) return;
    this.status.cancelRequested = true;
    // Whatever waits for a person looks again: a canceled job may need none.
    this.desk.resume();
    // Not in the caller's scope, which is the canceled one where the workflow itself was canceled.
    void CancellationScope.nonCancellable(async () => {
      this.cancelRecorded = this.desk.untilDone(() => this.acts.recordCancel(this.status.jobId));
      await Promise.all([this.cancelRecorded, this.tellChild(cancelSignal)]);
    });
  }

  cancelWorkflow(): void {
    this.workflowCanceled = true;
    this.cancel();
  }

  private pause(): void {
    this.status.paused = true;
    void this.tellChild(pauseSignal);
  }

  private resume(): void {
    this.status.paused = false;
    this.desk.resume();
    void this.tellChild(resumeSignal);
  }

  private async tellChild(signal: SignalDefinition<[]>): Promise<void> {
    const [running] = this.status.running;
    if (!running) return;
    // By its id, as it may be the child of an earlier run of this job; one that has just ended needs no telling.
    const tell = (): Promise<void> => getExternalWorkflowHandle(running.workflowId).signal(signal);
    // Not in the handler's scope, which is the canceled one where the workflow itself was canceled.
    await CancellationScope.nonCancellable(tell).catch(() => undefined);
  }

  private partAttention({ attention }: AttentionChange): void {
    this.showAttention(attention);
  }

  private showAttention(attention: Attention | undefined): void {
    this.status.attention = attention;
    upsertMemo({ attention: attention ?? null });
  }

  async run(): Promise<JobReport> {
    this.enter('planning');
    const planned = await this.plan();
    if (planned.report) return this.finished(planned.report);
    this.status.account = planned.account;
    this.status.output = planned.output;
    this.status.requests = planned.requests;
    this.status.startedAt = planned.startedAt;
    if (planned.cancelRequested) this.status.cancelRequested = true;
    upsertMemo({ requests: planned.requests, output: planned.output });

    this.enter('running');
    await this.runRounds(planned);
    this.enter('merging');
    await this.cancelRecorded;
    const report = await this.desk.untilDone(() => this.acts.finishJob(this.status.jobId));
    if (this.input.deleteFromApi) await this.desk.untilDone(() => this.acts.deleteBatches(this.status.jobId));
    return this.finished(report);
  }

  private async plan(): Promise<PlannedJob> {
    const { requests, output, account, simulated = false, betas = [], maxRequestsPerBatch } = this.input;
    return this.desk.untilDone(() => this.acts.planJob({ jobId: this.status.jobId, requests, output, account, simulated, betas, maxRequestsPerBatch, resumed: this.input.resumed !== undefined }));
  }

  private async runRounds(planned: PlannedJob): Promise<void> {
    const retries = this.input.retries ?? DEFAULT_RETRIES;
    for (;;) {
      const { round } = this.carried;
      const parts = round === 1 ? planned.parts : await this.planRound(round, planned.output);
      this.status.round = round;
      this.status.parts.total = parts.length;
      const willRetry = round <= retries;
      for (;;) {
        const part = await this.nextPart(round, planned.output);
        if (part === undefined || part > parts.length) break;
        await this.runPart(round, part, planned, willRetry);
        this.status.parts.ended = this.carried.partsDone = part;
        if (workflowInfo().continueAsNewSuggested) await this.continueAsNew();
      }
      if (this.carried.retryable === 0) return;
      // A round that an earlier run has begun is waited for, whatever is asked for now.
      const mayBegin = willRetry && !this.status.cancelRequested;
      if (!mayBegin && (await this.begunParts(round + 1, planned.output)).length === 0) return;
      this.carried.round++;
      this.carried.partsDone = this.carried.retryable = 0;
      this.status.parts.ended = 0;
    }
  }

  /** The part after the last one that has ended. Once canceled, or beyond the last round, only one that an earlier run has begun: its batch is to be waited for. */
  private async nextPart(round: number, output: string): Promise<number | undefined> {
    const retries = this.input.retries ?? DEFAULT_RETRIES;
    if (!this.status.cancelRequested && round <= retries + 1) return this.carried.partsDone + 1;
    return (await this.begunParts(round, output)).find((part) => part > this.carried.partsDone);
  }

  private begunParts(round: number, output: string): Promise<number[]> {
    return this.desk.untilDone(() => this.acts.begunParts({ jobId: this.status.jobId, round, output }));
  }

  private planRound(round: number, output: string): Promise<number[]> {
    const { betas, maxRequestsPerBatch } = this.input;
    return this.desk.untilDone(() => this.acts.planRound({ jobId: this.status.jobId, round, output, betas }, maxRequestsPerBatch));
  }

  private async runPart(round: number, part: number, planned: PlannedJob, willRetry: boolean): Promise<void> {
    const workflowId = batchWorkflowId(this.status.jobId, round, part);
    this.status.running = [{ round, part, workflowId }];
    const report = await this.batch(workflowId, round, part, planned, willRetry);
    this.status.running = [];
    // What will be sent again is not final yet.
    const again = willRetry && !this.status.cancelRequested ? report.retryable : 0;
    this.carried.retryable += report.retryable;
    for (const outcome of OUTCOMES) this.status.outcomes[outcome] += report.outcomes[outcome];
    if (again > 0) this.takeBack(report, again);
    addUsage(this.status.usage, report.usage);
    this.status.problems.push(...report.problems);
  }

  /** Takes retryable requests out of the final outcomes: expired ones first, the rest is errored. */
  private takeBack(report: BatchReport, retryable: number): void {
    const expired = Math.min(report.outcomes.expired, retryable);
    this.status.outcomes.expired -= expired;
    this.status.outcomes.errored -= retryable - expired;
  }

  private async batch(workflowId: string, round: number, part: number, planned: PlannedJob, willRetry: boolean): Promise<BatchReport> {
    let stillRunningMs = FIRST_STILL_RUNNING_MS;
    for (;;) {
      try {
        await condition(() => !this.status.paused || this.status.cancelRequested);
        const child = await startChild<typeof batchWorkflow>('batchWorkflow', {
          workflowId,
          args: [
            {
              jobId: this.status.jobId,
              round,
              part,
              output: planned.output,
              account: planned.account,
              simulated: this.input.simulated,
              betas: this.input.betas,
              pollIntervalMs: this.input.pollIntervalMs,
              createGraceMs: this.input.createGraceMs,
              followUp: this.input.followUp,
              willRetry,
              activityTaskQueue: this.input.activityTaskQueue,
            },
          ],
          // A job that is terminated must not leave a batch running that nobody waits for.
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
          staticSummary: `round ${round}, part ${part} of ${this.status.parts.total}`,
        });
        // What was asked for while the child was being started has not reached it.
        if (this.status.cancelRequested) await this.tellChild(cancelSignal);
        if (this.status.paused) await this.tellChild(pauseSignal);
        return await child.result();
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) {
          // The child of an earlier run of this job: it is told what this one was told, and waited for.
          if (this.status.cancelRequested) await this.tellChild(cancelSignal);
          await sleep(stillRunningMs);
          stillRunningMs = Math.min(stillRunningMs * 2, LONGEST_STILL_RUNNING_MS);
          if (workflowInfo().continueAsNewSuggested) await this.continueAsNew();
        } else if (error instanceof ChildWorkflowFailure) {
          // Canceled from outside, it has put its report on record: the next one only reads that.
          if (isCancellation(error)) continue;
          await this.desk.ask('part_failed', `The workflow of round ${round}, part ${part} ended without a report: ${error.cause?.message ?? error.message}`);
          await this.desk.clear();
        } else {
          throw error;
        }
      }
    }
  }

  private finished(report: JobReport): JobReport {
    this.status.report = report;
    this.status.outcomes = report.outcomes;
    this.status.usage = report.usage;
    this.status.problems = report.problems;
    this.status.output = report.output;
    this.status.requests = report.input.requests;
    this.status.endedAt = report.ended_at;
    this.enter('ended');
    return report;
  }

  private enter(phase: JobPhase): void {
    this.status.phase = phase;
    upsertMemo({ phase });
  }

  private async continueAsNew(): Promise<never> {
    await this.cancelRecorded;
    await condition(allHandlersFinished);
    const { cancelRequested, paused, outcomes, usage } = this.status;
    return continueAsNew<typeof batchJobWorkflow>({
      ...this.input,
      jobId: this.status.jobId,
      resumed: { ...this.carried, cancelRequested, workflowCanceled: this.workflowCanceled, paused, outcomes, usage },
    });
  }
}
