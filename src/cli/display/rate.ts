import type { ObservedJobStatus } from '../../client';
import { totalOf } from '../../contract';

/** Over about so many ms a change of the rate shows. */
const SMOOTHED_OVER_MS = 10_000;
/** How long it must have been looked at before it is told, in ms. */
const TOLD_AFTER_MS = 3000;

/** How many results a second are stored, smoothed. */
export class StoringRate {
  private first: number | undefined;
  private last: { at: number; stored: number } | undefined;
  private rate = 0;

  /** Takes a look at the job into account. */
  add(status: ObservedJobStatus, now: Date): void {
    const at = now.getTime();
    const stored = storedResults(status);
    this.first ??= at;
    if (this.last && at > this.last.at) {
      const elapsed = at - this.last.at;
      // What will be sent again is taken back when its part has ended: no results were lost.
      const current = (Math.max(0, stored - this.last.stored) * 1000) / elapsed;
      const weight = this.rate === 0 ? 1 : 1 - Math.exp(-elapsed / SMOOTHED_OVER_MS);
      this.rate += weight * (current - this.rate);
    }
    this.last = { at, stored };
  }

  /** @returns undefined where nothing is stored, or it is too early to tell. */
  get perSecond(): number | undefined {
    if (this.first === undefined || this.last === undefined || this.last.at - this.first < TOLD_AFTER_MS) return undefined;
    return this.rate >= 0.5 ? this.rate : undefined;
  }
}

function storedResults({ outcomes, running }: ObservedJobStatus): number {
  return totalOf(outcomes) + running.reduce((sum, part) => sum + (part.status?.stored.lines ?? 0), 0);
}

/**
 * When the results of this round will be stored, in ms from now, where that can be told honestly: nobody knows how long
 * the API works on a batch, so only once all of them have ended there.
 */
export function storingLeftMs({ phase, parts, running }: ObservedJobStatus, perSecond: number | undefined): number | undefined {
  if (perSecond === undefined || phase !== 'running' || parts.ended + running.length < parts.total) return undefined;
  let left = 0;
  for (const { status } of running) {
    if (status?.phase !== 'storing') return undefined;
    left += Math.max(0, status.requests - status.stored.lines);
  }
  return left > 0 ? (left / perSecond) * 1000 : undefined;
}
