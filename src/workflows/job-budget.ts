/** What a job has spent, what its running parts may spend, and whether another part fits below the cap. US dollars. */
import type { BatchReport, Calibration, ExpectedUse, JobCost, PriceTable } from '../contract';
import { addToCalibration, costOf, expectedCost, reserveFor } from '../contract';

/** What is carried over a continue-as-new. */
export interface BudgetState {
  spent: number;
  calibration: Calibration;
}

/** A part that is still to come or runs. */
export interface BudgetedPart {
  part: number;
  expected?: ExpectedUse[];
}

export class JobBudget {
  private readonly reserved = new Map<number, number>();
  private readonly kept: BudgetState;

  constructor(
    private readonly prices: PriceTable,
    /** What the job may cost at most; undefined where that is not limited. */
    private readonly cap: () => number | undefined,
    kept?: BudgetState,
  ) {
    this.kept = kept ?? { spent: 0, calibration: {} };
  }

  state(): BudgetState {
    return this.kept;
  }

  /** What a part is to set aside now: the worst, until ended parts have shown what such requests cost. */
  private reserve({ expected = [] }: BudgetedPart): number {
    return reserveFor(expected, this.prices, this.kept.calibration);
  }

  /** Whether a part may be begun: it stays below the cap whatever it costs, as far as is known. */
  covers(part: BudgetedPart): boolean {
    const cap = this.cap();
    if (cap === undefined) return true;
    return this.withoutPrice(part).length === 0 && this.kept.spent + this.sumReserved() + this.reserve(part) <= cap;
  }

  /** Models without a price: what they cost is not known, so no cap can be held. */
  withoutPrice({ expected = [] }: BudgetedPart): string[] {
    return expectedCost(expected, this.prices).withoutPrice;
  }

  begin(part: BudgetedPart): void {
    this.reserved.set(part.part, this.reserve(part));
  }

  /** Takes what was set aside back, and counts what was really paid. */
  end({ part, expected = [] }: BudgetedPart, { cost, usageByModel = {}, outcomes }: BatchReport): void {
    this.reserved.delete(part);
    this.kept.spent += cost ?? costOf(usageByModel, this.prices).total;
    addToCalibration(this.kept.calibration, { expected, usageByModel, succeeded: outcomes.succeeded });
  }

  /** The part was not accepted. */
  release(part: number): void {
    this.reserved.delete(part);
  }

  /** @param rest the parts that have not ended. */
  cost(rest: BudgetedPart[]): JobCost {
    const cap = this.cap();
    const { spent, calibration } = this.kept;
    const expected = expectedCost(
      rest.flatMap((part) => part.expected ?? []),
      this.prices,
      calibration,
    );
    return { spent, reserved: this.sumReserved(), estimated: { low: spent + expected.low, high: spent + expected.high }, ...(cap !== undefined && { cap }) };
  }

  private sumReserved(): number {
    let sum = 0;
    for (const reserve of this.reserved.values()) sum += reserve;
    return sum;
  }
}
