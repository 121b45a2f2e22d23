/** The parts of one round of a job, side by side. */
import { condition, workflowInfo } from '@temporalio/workflow';
import type { SignalDefinition } from '@temporalio/workflow';
import type { PartFacts, PartReference, PlannedJob } from '../activities';
import type { Attention, BatchReport, JobInput, JobSettings, JobStatus } from '../contract';
import { addFollowUps, addUsage, finalOutcomes, noFollowUps, noOutcomes, noUsage, OUTCOMES, withdrawSignal } from '../contract';
import type { activities } from './activity-profiles';
import type { AttentionDesk } from './attention';
import type { JobBudget } from './job-budget';
import { JobPart } from './job-part';
import type { CurrentSettings } from './job-settings';

/** Parts that run at once. The room in the API's queue is what really bounds them; more would only make this history longer. */
const MOST_RUNNING = 100;

/** What a round needs of its job. */
export interface RoundJob {
  input: JobInput;
  planned: PlannedJob;
  acts: ReturnType<typeof activities>;
  /** Shared; the round keeps it true of its parts. */
  status: JobStatus;
  settings: CurrentSettings;
  desk: AttentionDesk;
  budget?: JobBudget;
  /** False in runs that a release has begun which ran one part after another. */
  sideBySide: boolean;
  /** Whether only what was begun is brought to its end. */
  stops(): boolean;
  /** From now on it does, for this reason. */
  stop(reason: string): void;
  /** Parts of a round for which a create was begun, by the records. */
  begunParts(round: number): Promise<number[]>;
  /** @param who a part, as `round.part`. */
  attentionChanged(who: string, attention: Attention | undefined): void;
  isAskedFor(who: string): boolean;
  /** Called when no part runs but those that wait for a workflow of an earlier run. */
  continueAsNew(): Promise<never>;
}

export class JobRound {
  /** Requests of ended parts that may be sent again. */
  retryable: number;
  private readonly running = new Map<number, JobPart>();
  /** Numbers of parts that were begun, or need nothing. */
  private readonly begun = new Set<number>();
  /** Changes whenever a part ends. */
  private ended = 0;
  /** The last split that was asked for. */
  private splitting: Promise<void> = Promise.resolve();
  /** What a part threw that no person can mend: the job ends with it. */
  private failure?: { error: unknown };
  /** The history is long, and all that runs waits for workflows of an earlier run: what comes next is for a new run. */
  private goesOn = false;

  /**
   * @param parts in their order.
   * @param carried of an earlier run of this workflow.
   */
  constructor(
    private readonly job: RoundJob,
    private readonly round: number,
    private parts: PartFacts[],
    carried: { partsDone: number; alsoDone?: number[]; retryable: number },
  ) {
    for (let part = 1; part <= carried.partsDone; part++) this.begun.add(part);
    for (const part of carried.alsoDone ?? []) this.begun.add(part);
    this.retryable = carried.retryable;
    job.status.round = round;
    job.status.parts = { total: parts.filter(({ splitInto }) => !splitInto).length, ended: this.begun.size };
  }

  /** Parts that have not ended. */
  get rest(): PartFacts[] {
    return this.parts.filter(({ part }) => !this.begun.has(part) || this.running.has(part));
  }

  /** Tells all parts that run. */
  async tell<Args extends [] | [JobSettings]>(signal: SignalDefinition<Args>, ...args: Args): Promise<void> {
    await Promise.all([...this.running.values()].map((part) => part.tell(signal, ...args)));
  }

  /** What waits for a person tries again. */
  resume(): void {
    for (const part of this.running.values()) part.resume();
  }

  /** Whether what this round leaves will be sent again. */
  mayRetry(): boolean {
    return this.round <= this.job.settings.retries && !this.job.stops();
  }

  /** Runs the parts of a round side by side. They are begun in their order, so that a number tells which ones were. */
  async run(): Promise<void> {
    for (;;) {
      if (this.failure) {
        // The others come to their end first: a job that fails has its batches canceled.
        await condition(() => this.running.size === 0);
        throw this.failure.error;
      }
      if (this.goesOn) await this.job.continueAsNew();
      if (!this.job.sideBySide && this.running.size > 0) {
        await condition(() => this.running.size === 0 || this.goesOn);
        continue;
      }
      if (workflowInfo().continueAsNewSuggested && this.begun.size > 0) {
        await condition(() => this.running.size === 0 || this.goesOn || this.failure !== undefined);
        if (this.failure) continue;
        await this.job.continueAsNew();
      }
      const { ended } = this;
      const stops = this.job.stops();
      const part = await this.nextPart();
      if (!part && this.running.size === 0) return;
      if (part && this.needsNothing(part)) {
        this.begun.add(part.part);
        if (part.reused) this.job.status.parts.ended++;
        continue;
      }
      const isSame = (): boolean => this.ended === ended && this.job.stops() === stops && !this.goesOn;
      await condition(() => !isSame() || (part !== undefined && this.mayBegin(part)) || this.isStuck(part));
      if (!isSame() || !part) continue;
      if (this.mayBegin(part)) this.begin(part);
      else await this.askForMoney(part);
    }
  }

  private needsNothing({ reused = false, splitInto }: PartFacts): boolean {
    return reused || splitInto !== undefined;
  }

  private mayBegin(part: PartFacts): boolean {
    if (this.job.status.paused && !this.job.status.cancelRequested) return false;
    if (this.running.size >= (this.job.sideBySide ? MOST_RUNNING : 1)) return false;
    // What an earlier run has begun is brought to its end, whatever it costs.
    if (this.job.stops()) return true;
    const warms = !part.warm && this.parts.some(({ part: number, warm }) => warm && this.running.has(number));
    return !warms && this.hasMoneyFor(part);
  }

  private hasMoneyFor(part: PartFacts): boolean {
    return this.job.budget?.covers(part) ?? true;
  }

  /** Parts that do not fit below the cap any more are not sent, where they were not yet: those that were begun first come first. */
  capChanged(): void {
    const tooMuch = new Set(this.job.budget?.beyondCap() ?? []);
    const most = `The job may cost $${this.job.settings.maxCost} at most`;
    for (const [number, part] of this.running) if (tooMuch.has(number)) void part.tell(withdrawSignal, `${most}, and this batch might have exceeded that`);
  }

  /** Nothing runs that could set money free. */
  private isStuck(part: PartFacts | undefined): boolean {
    return part !== undefined && this.running.size === 0 && !this.job.status.paused && !this.hasMoneyFor(part);
  }

  /** The cap is reached: what is left stays unsent. Where it cannot be held because a price is not known, a person decides. */
  private async askForMoney(part: PartFacts): Promise<void> {
    const most = `The job may cost $${this.job.settings.maxCost} at most`;
    const unpriced = this.job.budget?.withoutPrice(part) ?? [];
    if (unpriced.length === 0) {
      this.job.stop(`${most}, and the next batch might have exceeded that`);
      return;
    }
    const hint = 'Take the cap away with `message-batches resume --max-cost none`, or cancel the job.';
    await this.job.desk.ask('spend_limit', `${most}, and no price of ${unpriced.join(', ')} is known`, () => this.hasMoneyFor(part) || this.job.stops(), hint);
    if (this.hasMoneyFor(part)) await this.job.desk.clear();
  }

  /** The part after the last one that was begun. Once the job stops, or beyond the last round, only one that an earlier run has begun: its batch is to be waited for. */
  private async nextPart(): Promise<PartFacts | undefined> {
    const { round } = this;
    const isNew = ({ part }: PartFacts): boolean => !this.begun.has(part);
    if (!this.job.stops() && round <= this.job.settings.retries + 1) return this.parts.find(isNew);
    const begunBefore = await this.job.begunParts(round);
    return this.parts.find((part) => isNew(part) && begunBefore.includes(part.part));
  }

  private begin(facts: PartFacts): void {
    const { round } = this;
    const { part: number, requests } = facts;
    const part = this.part(number);
    this.begun.add(number);
    this.running.set(number, part);
    const reserved = this.job.budget?.begin(facts);
    this.job.status.running.push({ round, part: number, workflowId: part.workflowId, requests, reserved });
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
    this.job.status.running = this.job.status.running.filter((each) => each.part !== number);
    this.job.status.parts.ended++;
    this.ended++;
    // One that was ended from outside could not take back what it asked for.
    if (this.job.isAskedFor(`${part.ref.round}.${number}`) && this.job.sideBySide) this.job.attentionChanged(`${part.ref.round}.${number}`, undefined);
  }

  /**
   * Cuts a part in two that the API has found too large; the halves are begun like all others. One after another, as each takes the next
   * two numbers. A single request cannot be cut: it stays unsent.
   */
  private async split(facts: PartFacts, tooLarge: string, { ref }: JobPart): Promise<void> {
    this.job.budget?.release(facts.part);
    const before = this.splitting;
    this.splitting = (async () => {
      await before.catch(() => undefined);
      const last = Math.max(...this.parts.map(({ part }) => part));
      const { parts } = await this.job.desk.untilDone(() => this.job.acts.splitPart(ref, [last + 1, last + 2]));
      if (parts.length === 0) return this.leaveUnsent(facts, tooLarge, ref);
      facts.splitInto = parts.map(({ part }) => part);
      const halves = parts.map(({ part, requests, expected }): PartFacts => ({ part, requests, expected, warm: facts.warm }));
      this.parts = [...this.parts, ...halves].sort((one, other) => one.part - other.part);
      this.job.status.parts.total = this.parts.filter(({ splitInto }) => !splitInto).length;
      this.job.status.parts.ended--;
    })();
    await this.splitting;
  }

  private async leaveUnsent(facts: PartFacts, tooLarge: string, ref: PartReference): Promise<void> {
    const { jobId, round, part } = ref;
    const outcomes = { ...noOutcomes(), unsent: facts.requests };
    const report = { jobId, round, part, requests: facts.requests, outcomes, retryable: 0, usage: noUsage(), problems: [], unsentReason: `The API refused the batch: ${tooLarge}`, simulated: this.job.status.simulated };
    this.take(facts, await this.job.desk.untilDone(() => this.job.acts.reportPart(ref, report)));
  }

  private take(facts: PartFacts, report: BatchReport): void {
    this.job.budget?.end(facts, report);
    // What will be sent again is not final yet.
    const again = this.mayRetry() ? report.retryable : 0;
    this.retryable += report.retryable;
    const final = finalOutcomes(report.outcomes, again);
    for (const outcome of OUTCOMES) this.job.status.outcomes[outcome] += final[outcome];
    addUsage(this.job.status.usage, report.usage);
    if (report.followUps) addFollowUps((this.job.status.followUps ??= noFollowUps()), report.followUps);
    this.job.status.problems.push(...report.problems);
  }

  private part(number: number): JobPart {
    const { simulated, betas, pollIntervalMs, createGraceMs, followUp, activityTaskQueue } = this.job.input;
    const { planned } = this.job;
    const { round } = this;
    return new JobPart({
      input: {
        jobId: this.job.status.jobId,
        round,
        part: number,
        output: planned.output,
        account: planned.account,
        simulated,
        betas,
        pollIntervalMs,
        createGraceMs,
        // What is on record stands also where a later run of the job names none.
        followUp: planned.followUp ?? followUp,
        willRetry: round <= this.job.settings.retries,
        activityTaskQueue,
        queueLimit: this.job.settings.queueLimit,
      },
      summary: `round ${round}, part ${number} of ${this.parts.length}`,
      told: () => ({ cancelRequested: this.job.status.cancelRequested, paused: this.job.status.paused, settings: this.job.settings.changed }),
      onAttention: (attention) => this.job.attentionChanged(`${round}.${number}`, attention),
      onWait: () => this.goOnInNewRun(),
    });
  }

  /** Where only workflows of an earlier run are waited for, and the history is long, it is waited for in a new run. */
  private async goOnInNewRun(): Promise<void> {
    const nothingElse = [...this.running.values()].every((part) => part.waitsForEarlierRun);
    if (nothingElse && workflowInfo().continueAsNewSuggested) this.goesOn = true;
    if (this.goesOn) await condition(() => false);
  }

  /** The parts up to this number have ended. */
  get partsDone(): number {
    let done = 0;
    while (this.hasEnded(done + 1)) done++;
    return done;
  }

  /** Numbers of parts beyond that have ended. */
  get alsoDone(): number[] {
    const { partsDone } = this;
    return [...this.begun].filter((part) => part > partsDone && this.hasEnded(part)).sort((a, b) => a - b);
  }

  private hasEnded(part: number): boolean {
    return this.begun.has(part) && !this.running.has(part);
  }
}
