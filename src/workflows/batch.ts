import {
  allHandlersFinished,
  ApplicationFailure,
  CancelledFailure,
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { KnownCreate, LedgerResult, PartReference, StoredResults } from '../activities';
import type { BatchCarriedState, BatchInput, BatchPhase, BatchReport, BatchStatus, FollowUpCounts, JobSettings } from '../contract';
import { accountWorkflowId, attentionSignal, batchStatusQuery, cancelSignal, DEFAULT_BASE_URL, followUpShardWorkflowId, jobIdOfWorkflow, noOutcomes, noUsage, pauseSignal, resumeSignal, settingsSignal, withdrawSignal } from '../contract';
import { activities } from './activity-profiles';
import { Admission } from './admission';
import { AttentionDesk } from './attention';
import type { AcceptedCreate } from './batch-creation';
import { BatchCreation } from './batch-creation';
import { BatchEnd } from './batch-end';
import { runFirstReleaseFollowUps } from './first-release-follow-ups';
import { resumeShards, runFollowUps } from './follow-ups';
import type { FollowUpsDone } from './follow-ups';
import { eachShard } from './sharded-list';

/** See `BatchCarriedState.followUps`. */
type BatchFollowUps = NonNullable<BatchCarriedState['followUps']>;

const DEFAULT_CREATE_GRACE_MS = 120_000;

/** Why a part was not sent whose own workflow was canceled: the job was not. */
const WORKFLOW_CANCELED = 'The workflow of this part was canceled before it was sent, by hand or because that of its job was terminated';

/**
 * One message batch: create, wait, stream results, follow-ups, report.
 *
 * Signals `cancel`, `pause`, `resume`; query `status`. Cancel (by signal, or of the workflow) asks the API to
 * cancel, waits for the end and keeps the partial results; a canceled workflow then ends as Cancelled.
 */
export async function batchWorkflow(input: BatchInput): Promise<BatchReport> {
  const run = new BatchRun(input);
  run.listen();
  CancellationScope.current().cancelRequested.catch(() => run.cancelWorkflow());
  // Nothing of this may be cut off half-way: a cancel takes the same careful way as the signal.
  const report = await CancellationScope.nonCancellable(() => run.run());
  if (run.workflowCanceled) throw new CancelledFailure('The batch was canceled; its partial results are kept');
  return report;
}

class BatchRun {
  private readonly acts;
  private readonly graceMs: number;
  private readonly ref: Omit<PartReference, 'output'> & { output: string };
  private readonly status: BatchStatus;
  private readonly desk = new AttentionDesk((attention) => this.attentionChanged(attention));
  private admission?: Admission;
  private queueLimit?: number;
  /** Its job does not want it any more, for this reason. */
  private withdrawn?: string;
  /** Asked for by a signal or on record: not only because its job was closed. */
  private cancelWanted = false;
  private canceledAt?: number;
  /** The API does not know the batch, and somebody who was asked about it has canceled: it is not waited for. */
  private isGivenUp = false;
  private followUpScope?: CancellationScope;
  /** The workflow itself was canceled, in this run or before a continue-as-new. */
  workflowCanceled: boolean;

  constructor(private readonly input: BatchInput) {
    const { resumed } = input;
    this.acts = activities(input.activityTaskQueue);
    this.queueLimit = input.queueLimit;
    this.graceMs = input.createGraceMs ?? DEFAULT_CREATE_GRACE_MS;
    this.workflowCanceled = resumed?.workflowCanceled ?? false;
    this.cancelWanted = resumed?.cancelWanted ?? false;
    this.ref = {
      jobId: input.jobId ?? jobIdOfWorkflow(workflowInfo().workflowId),
      round: input.round ?? 1,
      part: input.part ?? 1,
      output: input.output ?? '',
      betas: input.betas,
    };
    this.status = {
      jobId: this.ref.jobId,
      round: this.ref.round,
      part: this.ref.part,
      phase: 'opening',
      requests: 0,
      polls: resumed?.polls ?? 0,
      stored: { lines: 0, bytes: 0 },
      usage: noUsage(),
      problems: [],
      cancelRequested: resumed?.cancelRequested ?? false,
      cancelSent: resumed?.cancelSent ?? false,
      paused: resumed?.paused ?? false,
    };
  }

  listen(): void {
    setHandler(batchStatusQuery, () => ({ ...this.status, attention: this.desk.current }), { description: 'Phase, batch id, counts, polls, results stored, problems' });
    setHandler(cancelSignal, () => this.wantCancel(), { description: 'Cancel at the API, keep what is done' });
    setHandler(pauseSignal, () => void (this.status.paused = true), { description: 'Create nothing until resumed' });
    setHandler(resumeSignal, () => this.resume(), { description: 'Go on after a pause, or try again what waits for a person' });
    setHandler(settingsSignal, (settings) => this.change(settings), { description: 'Changes the limit of the processing queue' });
    setHandler(withdrawSignal, (reason) => void (this.withdrawn = reason), { description: 'From the job: do not create this batch any more, where it was not created yet' });
  }

  cancel(): void {
    if (this.desk.current?.code === 'batch_not_found' && patched('lost-batch')) {
      this.isGivenUp = true;
      this.desk.resume();
    }
    if (this.status.cancelRequested) return;
    this.status.cancelRequested = true;
    this.canceledAt = Date.now();
    // Whatever waits for a person looks again: a canceled batch may need none.
    this.desk.resume();
    this.followUpScope?.cancel();
  }

  private wantCancel(): void {
    this.cancelWanted = true;
    this.cancel();
  }

  cancelWorkflow(): void {
    this.workflowCanceled = true;
    this.cancel();
  }

  private resume(): void {
    this.status.paused = false;
    this.desk.resume();
    const { followUpShards } = this.status;
    if (followUpShards) void CancellationScope.nonCancellable(() => resumeShards(followUpShards));
  }

  private change({ queueLimit }: JobSettings): void {
    if (queueLimit === undefined) return;
    this.queueLimit = queueLimit ?? undefined;
    this.admission?.setQueueLimit(this.queueLimit);
  }

  async run(): Promise<BatchReport> {
    await this.plan();
    const opened = await this.desk.untilDone(() => this.acts.openPart(this.ref));
    if ('report' in opened) return this.finished(opened.report);
    this.status.requests = opened.requests;
    if (opened.cancelRequested) this.wantCancel();
    if (opened.splitInto) return this.finished({ ...this.blankReport(), tooLarge: 'It was cut in two before' });

    // What the part's own requests ask for as well.
    if (opened.betas) this.ref.betas = opened.betas;
    const creation = this.creation();
    let known: KnownCreate & { ended?: boolean } = opened.create;
    for (;;) {
      const obtained = await creation.obtain(opened, known);
      if (obtained.kind === 'unsent') {
        // Nobody wanted this batch canceled: it stays to be sent by whoever goes on with the job.
        if (await this.isOnlyOrphaned()) throw new CancelledFailure('The job was closed before this part was sent');
        return this.report(unsent(opened.requests, this.workflowCanceled ? WORKFLOW_CANCELED : obtained.reason));
      }
      if (obtained.kind === 'too_large') return this.tooLarge(obtained.message);
      const { followUps: begun } = this.input.resumed ?? {};
      const ended = begun ?? (await this.end().wait(obtained));
      if (!begun) await this.admission?.left();
      const { ledger, stored } = await this.store(obtained);
      if (ledger.disproved) {
        // The batch that was adopted is somebody else's: look again for the one that may be ours.
        known = { kind: 'open', attempt: obtained.attempt };
        this.status.batchId = undefined;
        this.status.cancelSent = false;
        continue;
      }
      const followUps = await this.followUp(obtained.batchId, { endedAt: ended.endedAt, stored });
      return this.report({ ...ledgerReport(ledger), batchId: obtained.batchId, createdAt: obtained.createdAt, endedAt: ended.endedAt, followUps, simulated: obtained.simulated });
    }
  }

  /** The workflow was canceled because its job's was closed (terminated, failed), and not by anybody who meant it. */
  private async isOnlyOrphaned(): Promise<boolean> {
    const { parent } = workflowInfo();
    if (!this.admission || !this.workflowCanceled || this.cancelWanted || !parent) return false;
    const { round, part } = this.ref;
    // A run that is still there can be told something.
    const told = getExternalWorkflowHandle(parent.workflowId, parent.runId).signal(attentionSignal, { round, part });
    return told.then(
      () => false,
      () => true,
    );
  }

  private creation(): BatchCreation {
    const { acts, ref, status, desk, graceMs, input } = this;
    if (patched('admission')) {
      this.admission = new Admission({
        accountId: accountWorkflowId(input.account ?? { label: 'default', baseUrl: DEFAULT_BASE_URL }),
        jobId: ref.jobId,
        requests: status.requests,
        queueLimit: this.queueLimit,
        onQueue: (queue) => (status.queue = queue),
      });
    }
    return new BatchCreation({ acts, ref, status, desk, graceMs, admission: this.admission, withdrawn: () => this.withdrawn, enter: (phase) => this.enter(phase), continueAsNew: () => this.continueAsNew() });
  }

  private end(): BatchEnd {
    const { acts, ref, status, desk, input } = this;
    return new BatchEnd({
      acts,
      ref,
      status,
      desk,
      pollIntervalMs: input.pollIntervalMs,
      canceledAt: () => this.canceledAt,
      isGivenUp: () => this.isGivenUp,
      enter: (phase) => this.enter(phase),
      continueAsNew: () => this.continueAsNew(),
    });
  }

  /** Nothing of it is on record: its job cuts the part. A batch that is no part of a job cannot be cut. */
  private async tooLarge(message: string): Promise<BatchReport> {
    if (this.input.requests !== undefined) return this.report(unsent(this.status.requests, `The API refused the batch: ${message}`));
    return this.finished({ ...this.blankReport(), tooLarge: message });
  }

  /** A batch that is no part of a job is planned here, as a job of one part. */
  private async plan(): Promise<void> {
    if (this.input.requests === undefined) return;
    const planned = await this.acts.planJob({
      jobId: this.ref.jobId,
      requests: this.input.requests,
      output: this.input.output,
      account: this.input.account,
      simulated: this.input.simulated ?? false,
      betas: this.input.betas ?? [],
      followUp: this.input.followUp,
    });
    this.ref.output = planned.output;
    if (planned.parts.length > 1) {
      throw ApplicationFailure.nonRetryable(`${planned.requests} requests make ${planned.parts.length} batches: start batchJobWorkflow for them`, 'InvalidInput');
    }
  }

  private async store(batch: AcceptedCreate): Promise<{ ledger: LedgerResult; stored: StoredResults }> {
    this.enter('storing');
    const { ref, status } = this;
    const stored = this.input.resumed?.followUps?.stored ?? await this.desk.untilDone(() => (this.isGivenUp ? this.acts.storeResults(ref, batch.batchId, status.requests, true) : this.acts.storeResults(ref, batch.batchId, status.requests)));
    this.status.stored = { lines: stored.lines, bytes: stored.bytes };
    const ledger = await this.desk.untilDone(() => this.acts.closeLedger(this.ref, batch.batchId, this.status.requests, batch.adopted, stored));
    if (!ledger.disproved) {
      this.status.outcomes = ledger.outcomes;
      this.status.retryable = this.input.willRetry ? ledger.retryable : 0;
      this.status.usage = ledger.usage;
      this.status.cost = ledger.cost;
      this.status.problems = ledger.problems;
    }
    return { ledger, stored };
  }

  /** @param before what was done of the batch, which a continue-as-new among the follow-ups takes along. */
  private async followUp(batchId: string, before: Pick<BatchFollowUps, 'endedAt' | 'stored'>): Promise<FollowUpCounts | undefined> {
    const { followUp } = this.input;
    if (!followUp) return undefined;
    this.enter('following_up');
    const { acts, ref, input } = this;
    const activityTaskQueue = input.activityTaskQueue ?? workflowInfo().taskQueue;
    const selection = { ref, requests: this.status.requests, options: followUp, withoutRetryable: input.willRetry ?? false, activityTaskQueue };
    // A scope of its own, so that a cancel reaches the shards and their children.
    const scope = new CancellationScope();
    this.followUpScope = scope;
    if (this.status.cancelRequested) scope.cancel();
    if (!patched('follow-up-window')) {
      const run = (): Promise<void> => runFirstReleaseFollowUps({ acts, ...selection }, (counts) => (this.status.followUps = counts));
      await this.desk.untilDone(() => scope.run(run)).catch((error: unknown) => {
        if (!scope.consideredCancelled) throw error;
      });
      return this.status.followUps;
    }
    const shards = eachShard(await this.desk.untilDone(() => acts.selectFollowUps({ ...selection, mayBeCuts: true })));
    const run = (): Promise<FollowUpsDone> =>
      runFollowUps({
        shards,
        options: followUp,
        activityTaskQueue,
        batchId,
        done: input.resumed?.followUps,
        workflowId: (number) => followUpShardWorkflowId(ref.jobId, ref.round, ref.part, number),
        desk: this.desk,
        onProgress: (counts, open) => {
          this.status.followUps = counts;
          this.status.followUpShards = open.length > 0 ? open : undefined;
        },
      });
    const { counts, shards: done } = await scope.run(run);
    if (done < shards.length && !this.status.cancelRequested) await this.continueAsNew({ ...before, shards: done, counts });
    return counts;
  }

  private async report(facts: Partial<BatchReport> & Pick<BatchReport, 'outcomes'>): Promise<BatchReport> {
    const report: BatchReport = { ...this.blankReport(), ...facts };
    // Older releases gave nothing back.
    const whole: BatchReport | undefined = await this.desk.untilDone(() => this.acts.reportPart(this.ref, report));
    return this.finished(whole ?? report);
  }

  private blankReport(): BatchReport {
    return {
      jobId: this.ref.jobId,
      round: this.ref.round,
      part: this.ref.part,
      requests: this.status.requests,
      outcomes: noOutcomes(),
      retryable: 0,
      usage: this.status.usage,
      problems: [],
      simulated: this.input.simulated ?? false,
    };
  }

  private finished(report: BatchReport): BatchReport {
    this.status.outcomes = report.outcomes;
    this.status.usage = report.usage;
    this.status.batchId = report.batchId;
    this.enter('ended');
    return report;
  }

  /** The phase also stands in the memo, so that it can be read where no worker runs. */
  private enter(phase: BatchPhase): void {
    if (this.status.phase === phase) return;
    this.status.phase = phase;
    upsertMemo({ phase, batchId: this.status.batchId });
  }

  private async attentionChanged(attention: BatchStatus['attention']): Promise<void> {
    upsertMemo({ attention: attention ?? null });
    const { parent } = workflowInfo();
    if (!parent) return;
    const { round, part } = this.ref;
    try {
      await getExternalWorkflowHandle(parent.workflowId).signal(attentionSignal, { round, part, attention });
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.warn('The job of this batch could not be told', { error: String(error) });
    }
  }

  private async continueAsNew(followUps?: BatchFollowUps): Promise<never> {
    await condition(allHandlersFinished);
    return continueAsNew<typeof batchWorkflow>({
      ...this.input,
      requests: undefined,
      // What was changed meanwhile.
      queueLimit: this.queueLimit,
      output: this.ref.output,
      jobId: this.ref.jobId,
      resumed: {
        cancelRequested: this.status.cancelRequested,
        cancelSent: this.status.cancelSent,
        paused: this.status.paused,
        polls: this.status.polls,
        workflowCanceled: this.workflowCanceled,
        cancelWanted: this.cancelWanted,
        followUps,
      },
    });
  }
}

function unsent(requests: number, unsentReason: string): Pick<BatchReport, 'outcomes' | 'unsentReason'> {
  return { outcomes: { ...noOutcomes(), unsent: requests }, unsentReason };
}

function ledgerReport({ outcomes, retryable, usage, problems }: LedgerResult): Pick<BatchReport, 'outcomes' | 'retryable' | 'usage' | 'problems'> {
  return { outcomes, retryable, usage, problems };
}
