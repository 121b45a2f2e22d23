/** What a job has spent, what its running parts may spend, and whether another part fits below the cap. US dollars. */
import type { BatchReport, Calibration, ExpectedUse, JobCost, PriceTable } from '../contract';
import { addToCalibration, costOf, expectedCost } from '../contract';

/** What is carried over a continue-as-new. */
export interface BudgetState {
  spent: number;
  calibration: Calibration;
}

/** A part that is still to come or runs. */
export interface BudgetedPart {
  part: number;
  requests: number;
  expected?: ExpectedUse[];
}

export class JobBudget {
  /** What running parts may cost at their worst, in the order in which they were begun. */
  private readonly reserved = new Map<number, number>();
  private readonly kept: BudgetState;

  constructor(
    /** Undefined where the worker that planned the job has none. */
    private readonly prices: PriceTable | undefined,
    /** What the job may cost at most; undefined where that is not limited. */
    private readonly cap: () => number | undefined,
    kept?: BudgetState,
  ) {
    this.kept = kept ?? { spent: 0, calibration: {} };
  }

  state(): BudgetState {
    return this.kept;
  }

  /**
   * Whether a part may be begun: all that runs stays below the cap with it, whatever the answers cost. What earlier parts have cost says
   * nothing certain of later ones, so it is not reckoned with here.
   */
  covers(part: BudgetedPart): boolean {
    const cap = this.cap();
    if (cap === undefined) return true;
    return this.withoutPrice(part).length === 0 && this.kept.spent + this.sumReserved() + this.worst(part) <= cap;
  }

  /** What keeps the cap from being held for this part: models without a price, or that nothing is known of what it may cost. */
  withoutPrice({ expected }: BudgetedPart): string[] {
    if (!this.prices || !expected) return ['these requests'];
    return expectedCost(expected, this.prices).withoutPrice;
  }

  /** Numbers of running parts that do not fit below the cap any more, those that were begun last. */
  beyondCap(): number[] {
    const cap = this.cap();
    if (cap === undefined) return [];
    let sum = this.kept.spent;
    return [...this.reserved].filter(([, reserve]) => (sum += reserve) > cap).map(([part]) => part);
  }

  /** @returns what was set aside */
  begin(part: BudgetedPart): number {
    const worst = this.worst(part);
    this.reserved.set(part.part, worst);
    return worst;
  }

  /** Takes what was set aside back, and counts what was really paid. What is missing may have been paid, and is counted at its worst. */
  end(part: BudgetedPart, { batchId, cost, usageByModel, outcomes }: BatchReport): void {
    this.reserved.delete(part.part);
    if (!this.prices || batchId === undefined) return;
    const worst = this.worst(part);
    const known = usageByModel && costOf(usageByModel, this.prices);
    // Where the results name a model that has no price, or nobody has told of their usage, it may have been all of it.
    const paid = known && known.withoutPrice.length === 0 ? (cost ?? known.total) : Math.max(cost ?? 0, worst);
    this.kept.spent += paid + (worst * outcomes.missing) / Math.max(part.requests, 1);
    if (usageByModel) addToCalibration(this.kept.calibration, { expected: part.expected ?? [], usageByModel, succeeded: outcomes.succeeded });
  }

  /** The part was not accepted. */
  release(part: number): void {
    this.reserved.delete(part);
  }

  /** @param rest the parts that have not ended. @returns undefined where no prices are known */
  cost(rest: BudgetedPart[]): JobCost | undefined {
    if (!this.prices) return undefined;
    const cap = this.cap();
    const { spent, calibration } = this.kept;
    const expected = expectedCost(
      rest.flatMap((part) => part.expected ?? []),
      this.prices,
      calibration,
    );
    return { spent, reserved: this.sumReserved(), estimated: { low: spent + expected.low, high: spent + expected.high }, ...(cap !== undefined && { cap }) };
  }

  private worst({ expected = [] }: BudgetedPart): number {
    return this.prices ? expectedCost(expected, this.prices).worst : 0;
  }

  private sumReserved(): number {
    let sum = 0;
    for (const reserve of this.reserved.values()) sum += reserve;
    return sum;
  }
}
