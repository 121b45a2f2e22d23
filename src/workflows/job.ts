import { allHandlersFinished, CancelledFailure, CancellationScope, condition, continueAsNew, patched, setHandler, upsertMemo, workflowInfo } from '@temporalio/workflow';
import type { SignalDefinition } from '@temporalio/workflow';
import type { PartFacts, PartReference, PlannedJob, PlanRoundOptions } from '../activities';
import type { Attention, BatchReport, JobCarriedState, JobInput, JobPhase, JobReport, JobSettings, JobStatus } from '../contract';
import {
  addUsage,
  attentionSignal,
  cancelSignal,
  DEFAULT_BASE_URL,
  jobIdOfWorkflow,
  jobStatusQuery,
  noOutcomes,
  noUsage,
  OUTCOMES,
  pauseSignal,
  resumeSignal,
  settingsSignal,
} from '../contract';
import { activities } from './activity-profiles';
import { AttentionDesk } from './attention';
import { JobBudget } from './job-budget';
import { JobPart } from './job-part';
import { CurrentSettings } from './job-settings';

/** The job itself, among those who ask for a person. */
const OWN = 'job';

/** Parts that run at once. The room in the API's queue is what really bounds them; more would only make this history longer. */
const MOST_RUNNING = 100;

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
  private readonly running = new Map<number, JobPart>();
  /** Of this round, in their order. */
  private parts: PartFacts[] = [];
  private budget?: JobBudget;
  /** Why nothing is sent any more, where it is no cancel: the cap is reached. */
  private stopped?: string;
  /** False in runs that a release has begun which ran one part after another. */
  private sideBySide = true;
  /** Numbers of those that were begun, or need nothing. */
  private readonly begun = new Set<number>();
  /** Changes whenever a part ends. */
  private ended = 0;
  /** The last split that was asked for. */
  private splitting: Promise<void> = Promise.resolve();
  /** What a part threw that is none of its own matters: the job ends with it. */
  private failure?: { error: unknown };
  private cancelRecorded: Promise<void> | undefined;
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
    setHandler(jobStatusQuery, () => this.observed(), { description: 'Phase, parts, outcomes, usage, cost, what waits for a person' });
    setHandler(cancelSignal, () => this.cancel(), { description: 'Cancel at the API, keep what is done' });
    setHandler(pauseSignal, () => this.pause(), { description: 'Create nothing until resumed' });
    setHandler(resumeSignal, () => this.resume(), { description: 'Go on after a pause, or try again what waits for a person' });
    setHandler(settingsSignal, (settings) => this.change(settings), { description: 'Changes retries, the limit of the queue, or what the job may cost' });
    setHandler(attentionSignal, ({ round, part, attention }) => this.attentionChanged(`${round}.${part}`, attention), { description: 'From a batch: it waits for a person, or no longer' });
  }

  private observed(): JobStatus {
    const rest = this.parts.filter(({ part }) => !this.begun.has(part) || this.running.has(part));
    const { retries, queueLimit } = this.settings;
    return { ...this.status, retries, queueLimit, cost: this.budget?.cost(rest) };
  }

  /** Handlers are synchronous where they can be; what they tell the parts is sent by `tellParts`. */
  cancel(): void {
    if (this.status.cancelRequested) return;
    this.status.cancelRequested = true;
    // Whatever waits for a person looks again: a canceled job may need none.
    this.desk.resume();
    // Not in the caller's scope, which is the canceled one where the workflow itself was canceled.
    void CancellationScope.nonCancellable(async () => {
      this.cancelRecorded = this.desk.untilDone(() => this.acts.recordCancel(this.status.jobId));
      await Promise.all([this.cancelRecorded, this.tellParts(cancelSignal)]);
    });
  }

  cancelWorkflow(): void {
    this.workflowCanceled = true;
    this.cancel();
  }

  private pause(): void {
    this.status.paused = true;
    void this.tellParts(pauseSignal);
  }

  private resume(): void {
    this.status.paused = false;
    this.desk.resume();
    for (const part of this.running.values()) part.resume();
    void this.tellParts(resumeSignal);
  }

  private change(settings: JobSettings): void {
    this.settings.change(settings);
    // Where it waits for money, there may be some now.
    if (settings.maxCost !== undefined) this.desk.resume();
    if (settings.queueLimit !== undefined) void this.tellParts(settingsSignal, settings);
  }

  private async tellParts<Args extends [] | [JobSettings]>(signal: SignalDefinition<Args>, ...args: Args): Promise<void> {
    await Promise.all([...this.running.values()].map((part) => part.tell(signal, ...args)));
  }

  private attentionChanged(who: string, attention: Attention | undefined): void {
    if (attention) this.attention.set(who, attention);
    else this.attention.delete(who);
    this.status.attention = [...this.attention.values()][0];
    upsertMemo({ attention: this.status.attention ?? null });
  }

  async run(): Promise<JobReport> {
    this.sideBySide = patched('parts-side-by-side');
    this.enter('planning');
    const planned = await this.plan();
    if (planned.report) return this.finished(planned.report);
    this.status.account = planned.account;
    this.status.output = planned.output;
    this.status.requests = planned.requests;
    this.status.startedAt = planned.startedAt;
    if (planned.cancelRequested) this.status.cancelRequested = true;
    if (planned.prices) this.budget = new JobBudget(planned.prices, () => this.settings.maxCost, this.carried.budget);
    upsertMemo({ requests: planned.requests, output: planned.output });

    this.enter('running');
    await this.runRounds(planned);
    this.enter('merging');
    await this.cancelRecorded;
    const report = await this.desk.untilDone(() => this.acts.finishJob(this.status.jobId, this.stopped));
    if (this.input.deleteFromApi) await this.desk.untilDone(() => this.acts.deleteBatches(this.status.jobId));
    return this.finished(report);
  }

  private async plan(): Promise<PlannedJob> {
    const { requests, output, account, simulated = false, betas = [], ids } = this.input;
    const input = { jobId: this.status.jobId, requests, output, account, simulated, betas, ids, ...this.cutting(), resumed: this.input.resumed !== undefined };
    return this.desk.untilDone(() => this.acts.planJob(input));
  }

  private async runRounds(planned: PlannedJob): Promise<void> {
    for (;;) {
      const { round } = this.carried;
      this.parts = round === 1 ? (planned.planned ?? factsOf(planned.parts)) : await this.planRound(round, planned.output);
      this.begun.clear();
      for (let part = 1; part <= this.carried.partsDone; part++) this.begun.add(part);
      this.status.round = round;
      this.status.parts.total = this.parts.filter(({ splitInto }) => !splitInto).length;
      await this.runParts(planned);
      if (this.carried.retryable === 0) return;
      // A round that an earlier run has begun is waited for, whatever is asked for now.
      if (!this.mayRetry() && (await this.begunParts(round + 1, planned.output)).length === 0) return;
      this.carried.round++;
      this.carried.partsDone = this.carried.retryable = 0;
      this.status.parts.ended = 0;
    }
  }

  /** Whether what this round leaves will be sent again. */
  private mayRetry(): boolean {
    return this.carried.round <= this.settings.retries && !this.stops();
  }

  /** Only what was begun is brought to its end. */
  private stops(): boolean {
    return this.status.cancelRequested || this.stopped !== undefined;
  }

  /** Runs the parts of a round side by side. They are begun in their order, so that a number tells which ones were. */
  private async runParts(planned: PlannedJob): Promise<void> {
    for (;;) {
      if (this.failure) throw this.failure.error;
      if (workflowInfo().continueAsNewSuggested && this.begun.size > 0) {
        await condition(() => this.running.size === 0);
        await this.continueAsNew();
      }
      const { ended } = this;
      const stops = this.stops();
      const part = await this.nextPart(planned);
      if (!part && this.running.size === 0) return;
      if (part && this.needsNothing(part)) {
        this.begun.add(part.part);
        if (part.reused) this.status.parts.ended++;
        continue;
      }
      const isSame = (): boolean => this.ended === ended && this.stops() === stops;
      await condition(() => !isSame() || (part !== undefined && this.mayBegin(part)) || this.isStuck(part));
      if (!isSame() || !part) continue;
      if (this.mayBegin(part)) this.begin(part, planned);
      else await this.askForMoney(part);
    }
  }

  private needsNothing({ reused = false, splitInto }: PartFacts): boolean {
    return reused || splitInto !== undefined;
  }

  private mayBegin(part: PartFacts): boolean {
    if (this.status.paused && !this.status.cancelRequested) return false;
    if (this.running.size >= (this.sideBySide ? MOST_RUNNING : 1)) return false;
    // What an earlier run has begun is brought to its end, whatever it costs.
    if (this.stops()) return true;
    const warms = !part.warm && this.parts.some(({ part: number, warm }) => warm && this.running.has(number));
    return !warms && this.hasMoneyFor(part);
  }

  private hasMoneyFor(part: PartFacts): boolean {
    return this.budget?.covers(part) ?? true;
  }

  /** Nothing runs that could set money free. */
  private isStuck(part: PartFacts | undefined): boolean {
    return part !== undefined && this.running.size === 0 && !this.status.paused && !this.hasMoneyFor(part);
  }

  /** The cap is reached: what is left stays unsent. Where it cannot be held because a price is not known, a person decides. */
  private async askForMoney(part: PartFacts): Promise<void> {
    const most = `The job may cost $${this.settings.maxCost} at most`;
    const unpriced = this.budget?.withoutPrice(part) ?? [];
    if (unpriced.length === 0) {
      this.stopped = `${most}, and the next batch might have exceeded that`;
      return;
    }
    const hint = 'Take the cap away with `message-batches resume --max-cost none`, or cancel the job.';
    await this.desk.ask('spend_limit', `${most}, and no price of ${unpriced.join(', ')} is known`, () => this.hasMoneyFor(part) || this.stops(), hint);
    if (this.hasMoneyFor(part)) await this.desk.clear();
  }

  /** The part after the last one that was begun. Once the job stops, or beyond the last round, only one that an earlier run has begun: its batch is to be waited for. */
  private async nextPart({ output }: PlannedJob): Promise<PartFacts | undefined> {
    const { round } = this.carried;
    const isNew = ({ part }: PartFacts): boolean => !this.begun.has(part);
    if (!this.stops() && round <= this.settings.retries + 1) return this.parts.find(isNew);
    const begunBefore = await this.begunParts(round, output);
    return this.parts.find((part) => isNew(part) && begunBefore.includes(part.part));
  }

  private begunParts(round: number, output: string): Promise<number[]> {
    return this.desk.untilDone(() => this.acts.begunParts({ jobId: this.status.jobId, round, output }));
  }

  private async planRound(round: number, output: string): Promise<PartFacts[]> {
    const { betas, maxRequestsPerBatch } = this.input;
    const ref = { jobId: this.status.jobId, round, output, betas };
    if (this.sideBySide) return this.desk.untilDone(() => this.acts.planNextRound(ref, this.cutting()));
    return factsOf(await this.desk.untilDone(() => this.acts.planRound(ref, maxRequestsPerBatch)));
  }

  /** How requests are cut into parts. */
  private cutting(): PlanRoundOptions {
    const { maxRequestsPerBatch, warmCache } = this.input;
    const { queueLimit, maxCost } = this.settings;
    return { maxRequestsPerBatch, warmCache, queueLimit, maxCost };
  }

  private begin(facts: PartFacts, planned: PlannedJob): void {
    const { round } = this.carried;
    const { part: number, requests } = facts;
    const part = this.part(number, planned);
    this.begun.add(number);
    this.running.set(number, part);
    this.budget?.begin(facts);
    this.status.running.push({ round, part: number, workflowId: part.workflowId, requests });
    void this.runToEnd(facts, part);
  }

  private async runToEnd(facts: PartFacts, part: JobPart): Promise<void> {
    const { part: number } = facts;
    try {
      const report = await part.run();
      if (report.tooLarge === undefined) this.take(facts, report);
      else await this.split(facts, report.tooLarge, part);
    } catch (error) {
      this.failure ??= { error };
    }
    this.running.delete(number);
    this.status.running = this.status.running.filter((each) => each.part !== number);
    this.status.parts.ended++;
    this.ended++;
    // One that was ended from outside could not take back what it asked for.
    if (this.attention.has(`${part.ref.round}.${number}`) && this.sideBySide) this.attentionChanged(`${part.ref.round}.${number}`, undefined);
  }

  /**
   * Cuts a part in two that the API has found too large; the halves are begun like all others. One after another, as each takes the next
   * two numbers. A single request cannot be cut: it stays unsent.
   */
  private async split(facts: PartFacts, tooLarge: string, { ref }: JobPart): Promise<void> {
    this.budget?.release(facts.part);
    const before = this.splitting;
    this.splitting = (async () => {
      await before;
      const last = Math.max(...this.parts.map(({ part }) => part));
      const { parts } = await this.desk.untilDone(() => this.acts.splitPart(ref, [last + 1, last + 2]));
      if (parts.length === 0) return this.leaveUnsent(facts, tooLarge, ref);
      facts.splitInto = parts.map(({ part }) => part);
      const halves = parts.map(({ part, requests, expected }): PartFacts => ({ part, requests, expected, warm: facts.warm }));
      this.parts = [...this.parts, ...halves].sort((one, other) => one.part - other.part);
      this.status.parts.total = this.parts.filter(({ splitInto }) => !splitInto).length;
      this.status.parts.ended--;
    })();
    await this.splitting;
  }

  private async leaveUnsent(facts: PartFacts, tooLarge: string, ref: PartReference): Promise<void> {
    const { jobId, round, part } = ref;
    const outcomes = { ...noOutcomes(), unsent: facts.requests };
    const report = { jobId, round, part, requests: facts.requests, outcomes, retryable: 0, usage: noUsage(), problems: [], unsentReason: `The API refused the batch: ${tooLarge}`, simulated: this.status.simulated };
    this.take(facts, await this.desk.untilDone(() => this.acts.reportPart(ref, report)));
  }

  private take(facts: PartFacts, report: BatchReport): void {
    this.budget?.end(facts, report);
    // What will be sent again is not final yet.
    const again = this.mayRetry() ? report.retryable : 0;
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

  private part(number: number, planned: PlannedJob): JobPart {
    const { simulated, betas, pollIntervalMs, createGraceMs, followUp, activityTaskQueue } = this.input;
    const { round } = this.carried;
    return new JobPart({
      input: {
        jobId: this.status.jobId,
        round,
        part: number,
        output: planned.output,
        account: planned.account,
        simulated,
        betas,
        pollIntervalMs,
        createGraceMs,
        followUp,
        willRetry: round <= this.settings.retries,
        activityTaskQueue,
        queueLimit: this.settings.queueLimit,
      },
      summary: `round ${round}, part ${number} of ${this.parts.length}`,
      told: () => ({ cancelRequested: this.status.cancelRequested, paused: this.status.paused, settings: this.settings.changed }),
      onAttention: (attention) => this.attentionChanged(`${round}.${number}`, attention),
      onWait: () => this.goOnInNewRun(),
    });
  }

  /** Where only workflows of an earlier run are waited for. */
  private async goOnInNewRun(): Promise<void> {
    const nothingElse = [...this.running.values()].every((part) => part.waitsForEarlierRun);
    if (!nothingElse || !workflowInfo().continueAsNewSuggested) return;
    for (const number of this.running.keys()) this.begun.delete(number);
    await this.continueAsNew();
  }

  /** The parts up to this number have been begun; those beyond that were begun too show that they are done as soon as they are begun again. */
  private partsDone(): number {
    let done = 0;
    while (this.begun.has(done + 1)) done++;
    return done;
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
      resumed: { ...this.carried, partsDone: this.partsDone(), cancelRequested, workflowCanceled: this.workflowCanceled, paused, outcomes, usage, settings: this.settings.changed, budget: this.budget?.state() },
    });
  }
}

/** Of a plan that an older release has told of. */
function factsOf(parts: number[]): PartFacts[] {
  return parts.map((requests, index) => ({ part: index + 1, requests }));
}
