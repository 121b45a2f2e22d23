import { type PartBudget, type PartLimits, PartSize } from './part-size';
import type { RequestLine } from './request-line';

/** What the requests of a part have in common. */
export interface PartGroup {
  /** Beta names, each once and in order. */
  betas?: string[];
  warm?: true;
}

export interface CutOptions {
  limits: PartLimits;
  budget?: PartBudget;
}

/**
 * Cuts requests into parts in their order. For each group one part is open, and closed when a request does not fit; the number of
 * groups is the caller's to bound.
 */
export class PartCutter {
  /** By the group's key. */
  private readonly open = new Map<string, PartSize>();
  private last: number;

  /** @param firstPart the number of the first part. */
  constructor(
    private readonly options: CutOptions,
    private readonly firstPart = 1,
  ) {
    this.last = firstPart - 1;
  }

  /** How many parts there are so far. */
  get parts(): number {
    return this.last - this.firstPart + 1;
  }

  /** @returns the part that the request belongs to; where that is a new one, the group's part before it is full. */
  place(request: RequestLine): PartSize {
    const key = setOf(request);
    const open = this.open.get(key);
    if (open?.take(request)) return open;
    const next = new PartSize(++this.last, this.options.limits, this.options.budget);
    next.take(request);
    this.open.set(key, next);
    return next;
  }
}

/** Requests with the same may share a part. */
export function setOf({ betas }: RequestLine): string {
  return betas ? betas.join() : '';
}
