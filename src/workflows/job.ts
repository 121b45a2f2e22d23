import { allHandlersFinished, CancelledFailure, CancellationScope, condition, continueAsNew, log, patched, setHandler, upsertMemo, workflowInfo } from '@temporalio/workflow';
import type { PartFacts, PlannedJob, PlanRoundOptions } from '../activities';
import type { Attention, JobCarriedState, JobInput, JobPhase, JobReport, JobSettings, JobStatus } from '../contract';
import {
  addUsage,
  attentionSignal,
  cancelSignal,
  DEFAULT_BASE_URL,
  jobIdOfWorkflow,
  jobStatusQuery,
  noFollowUps,
  noOutcomes,
  noUsage,
  pauseSignal,
  resumeSignal,
  settingsSignal,
} from '../contract';
import { activities } from './activity-profiles';
import { AttentionDesk } from './attention';
import { JobBudget } from './job-budget';
import { JobNotices } from './job-notices';
import type { RoundJob } from './job-round';
import { JobRound } from './job-round';
import { CurrentSettings } from './job-settings';

/** The job itself, among those who ask for a person. */
const OWN = 'job';

/**
 * A job of any size: plan, its parts side by side, further rounds for what may be sent again, merge, report.
 *
 * Signals `cancel`, `pause`, `resume`, `settings`; query `status`. Every fact that money hangs on is in the job folder, so a
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
  private readonly desk = new AttentionDesk(async (attention) => this.attentionChanged(OWN, attention));
  /** By whom it is asked for: the job itself, or a part. */
  private readonly attention = new Map<string, Attention>();
  private readonly carried: JobCarriedState;
  private readonly settings: CurrentSettings;
  private readonly notices: JobNotices;
  private round?: JobRound;
  private budget?: JobBudget;
  /** Why nothing is sent any more, where it is no cancel: the cap is reached. */
  private stopped?: string;
  private cancelRecorded: Promise<void> | undefined;
  private recordedChanges: Promise<void> = Promise.resolve();
  /** The workflow itself was canceled, in this run or before a continue-as-new. */
  workflowCanceled: boolean;

  constructor(private readonly input: JobInput) {
    this.acts = activities(input.activityTaskQueue);
    this.carried = input.resumed ?? { round: 1, partsDone: 0, retryable: 0, cancelRequested: false, workflowCanceled: false, paused: false };
    this.settings = new CurrentSettings(input);
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
      followUps: this.carried.followUps ?? (input.followUp && noFollowUps()),
      running: [],
      cancelRequested: this.carried.cancelRequested,
      paused: this.carried.paused,
      problems: [],
      startedAt: workflowInfo().startTime.toISOString(),
    };
    this.notices = new JobNotices({ acts: this.acts, jobId: this.status.jobId, targets: input.notify ?? [], onProblem: (problem) => void this.status.problems.push(problem) });
    // Added, and not taken as it is: a run of an older release may have carried fewer fields.
    addUsage(this.status.usage, this.carried.usage);
  }

  listen(): void {
    setHandler(jobStatusQuery, () => this.observed(), { description: 'Phase, parts, outcomes, usage, cost, what waits for a person' });
    setHandler(cancelSignal, () => this.cancel(), { description: 'Cancel at the API, keep what is done' });
    setHandler(pauseSignal, () => this.pause(), { description: 'Create nothing until resumed' });
    setHandler(resumeSignal, () => this.resume(), { description: 'Go on after a pause, or try again what waits for a person' });
    setHandler(settingsSignal, (settings) => this.change(settings), { description: 'Changes retries, the limit of the queue, or what the job may cost' });
    setHandler(attentionSignal, ({ round, part, attention }) => this.attentionChanged(`${round}.${part}`, attention), { description: 'From a batch: it waits for a person, or no longer' });
  }

  private observed(): JobStatus {
    const { retries, queueLimit } = this.settings;
    return { ...this.status, retries, queueLimit, cost: this.budget?.cost(this.round?.rest ?? []) };
  }

  /** Handlers are synchronous where they can be; what they tell the parts is sent meanwhile. */
  cancel(): void {
    if (this.status.cancelRequested) {
      // Said again where a person is asked about a batch that the API does not know, it gives that one up.
      const asksForLost = [...this.attention.values()].some(({ code }) => code === 'batch_not_found');
      if (asksForLost && patched('lost-batch')) void CancellationScope.nonCancellable(async () => this.round?.tell(cancelSignal));
      return;
    }
    this.status.cancelRequested = true;
    // Whatever waits for a person looks again: a canceled job may need none.
    this.desk.resume();
    this.round?.resume();
    // Not in the caller's scope, which is the canceled one where the workflow itself was canceled.
    void CancellationScope.nonCancellable(async () => {
      this.cancelRecorded = this.desk.untilDone(() => this.acts.recordCancel(this.status.jobId));
      await Promise.all([this.cancelRecorded, this.round?.tell(cancelSignal)]);
    });
  }

  cancelWorkflow(): void {
    this.workflowCanceled = true;
    this.cancel();
  }

  private pause(): void {
    if (!this.status.paused) this.notices.paused(new Date().toISOString());
    this.status.paused = true;
    void this.round?.tell(pauseSignal);
  }

  private resume(): void {
    this.status.paused = false;
    this.desk.resume();
    this.round?.resume();
    void this.round?.tell(resumeSignal);
  }

  private change(settings: JobSettings): void {
    this.settings.change(settings);
    // Not in the handler's scope, which is the canceled one where the workflow itself was canceled.
    void CancellationScope.nonCancellable(() => {
      const record = (): Promise<void> => this.desk.untilDone(() => this.acts.recordSettings(this.status.jobId, settings));
      this.recordedChanges = this.recordedChanges.then(record).catch((error: unknown) => log.warn('A changed setting could not be put on record', { error: String(error) }));
      return this.recordedChanges;
    });
    // Where it waits for money, there may be some now.
    if (settings.maxCost !== undefined) {
      this.desk.resume();
      this.round?.capChanged();
    }
    if (settings.queueLimit !== undefined) void this.round?.tell(settingsSignal, settings);
  }

  private attentionChanged(who: string, attention: Attention | undefined): void {
    if (attention) this.attention.set(who, attention);
    else this.attention.delete(who);
    const before = this.status.attention;
    this.status.attention = [...this.attention.values()][0];
    // Of many parts that wait for the same, one is enough to be told of.
    if (attention && !before) this.notices.paused(attention.since, attention);
    upsertMemo({ attention: this.status.attention ?? null });
  }

  async run(): Promise<JobReport> {
    const sideBySide = patched('parts-side-by-side');
    this.enter('planning');
    const planned = await this.plan();
    if (planned.report) {
      // An earlier run may have ended before it could tell.
      await this.notices.ended();
      return this.finished(planned.report);
    }
    this.status.account = planned.account;
    this.status.output = planned.output;
    this.status.requests = planned.requests;
    this.status.startedAt = planned.startedAt;
    if (planned.settings) this.settings.recorded(planned.settings);
    if (planned.cancelRequested) this.status.cancelRequested = true;
    this.budget = new JobBudget(planned.prices, () => this.settings.maxCost, this.carried.budget);
    upsertMemo({ requests: planned.requests, output: planned.output });

    this.enter('running');
    await this.runRounds(planned, sideBySide);
    this.enter('merging');
    await Promise.all([this.cancelRecorded, this.recordedChanges]);
    const report = await this.desk.untilDone(() => this.acts.finishJob(this.status.jobId, this.stopped));
    if (this.input.deleteFromApi) await this.desk.untilDone(() => this.acts.deleteBatches(this.status.jobId));
    await this.notices.ended();
    return this.finished(report);
  }

  private async plan(): Promise<PlannedJob> {
    const { requests, output, account, simulated = false, betas = [], ids, reuse, retryOf, followUp } = this.input;
    const input = { jobId: this.status.jobId, requests, output, account, simulated, betas, ids, reuse, retryOf, retries: this.input.retries, ...this.cutting(), followUp, resumed: this.input.resumed !== undefined };
    return this.desk.untilDone(() => this.acts.planJob(input));
  }

  private async runRounds(planned: PlannedJob, sideBySide: boolean): Promise<void> {
    const job = this.roundJob(planned, sideBySide);
    for (;;) {
      const { round } = this.carried;
      const parts = round === 1 ? (planned.planned ?? factsOf(planned.parts)) : await this.planRound(round, job);
      this.round = new JobRound(job, round, parts, this.carried);
      await this.round.run();
      if (this.round.retryable === 0) return;
      // A round that an earlier run has begun is waited for, whatever is asked for now.
      if (!this.round.mayRetry() && (await job.begunParts(round + 1)).length === 0) return;
      this.carried.round++;
      this.carried.partsDone = this.carried.retryable = 0;
      this.carried.alsoDone = undefined;
    }
  }

  private roundJob(planned: PlannedJob, sideBySide: boolean): RoundJob {
    const { input, acts, status, settings, desk, budget } = this;
    return {
      input,
      planned,
      acts,
      status,
      settings,
      desk,
      budget,
      sideBySide,
      stops: () => status.cancelRequested || this.stopped !== undefined,
      stop: (reason) => void (this.stopped = reason),
      begunParts: (round) => desk.untilDone(() => acts.begunParts({ jobId: status.jobId, round, output: planned.output })),
      attentionChanged: (who, attention) => this.attentionChanged(who, attention),
      isAskedFor: (who) => this.attention.has(who),
      continueAsNew: () => this.continueAsNew(),
    };
  }

  private async planRound(round: number, { planned, sideBySide }: RoundJob): Promise<PartFacts[]> {
    const { betas, maxRequestsPerBatch } = this.input;
    const ref = { jobId: this.status.jobId, round, output: planned.output, betas };
    if (sideBySide) return this.desk.untilDone(() => this.acts.planNextRound(ref, this.cutting()));
    return factsOf(await this.desk.untilDone(() => this.acts.planRound(ref, maxRequestsPerBatch)));
  }

  /** How requests are cut into parts. */
  private cutting(): PlanRoundOptions {
    const { maxRequestsPerBatch, warmCache } = this.input;
    const { queueLimit, maxCost } = this.settings;
    return { maxRequestsPerBatch, warmCache, queueLimit, maxCost };
  }

  private finished(report: JobReport): JobReport {
    this.status.report = report;
    this.status.outcomes = report.outcomes;
    this.status.usage = report.usage;
    if (report.follow_ups) {
      const { selected, started, succeeded, failed } = report.follow_ups;
      this.status.followUps = { selected, started, succeeded, failed };
    }
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
    await Promise.all([this.cancelRecorded, this.recordedChanges]);
    await this.notices.sent();
    await condition(allHandlersFinished);
    const { cancelRequested, paused, outcomes, usage, followUps } = this.status;
    const { partsDone, alsoDone, retryable } = this.round ?? this.carried;
    return continueAsNew<typeof batchJobWorkflow>({
      ...this.input,
      jobId: this.status.jobId,
      resumed: { round: this.carried.round, partsDone, alsoDone, retryable, cancelRequested, workflowCanceled: this.workflowCanceled, paused, outcomes, usage, followUps, settings: this.settings.changed, budget: this.budget?.state() },
    });
  }
}

/** Of a plan that an older release has told of. */
function factsOf(parts: number[]): PartFacts[] {
  return parts.map((requests, index) => ({ part: index + 1, requests }));
}
