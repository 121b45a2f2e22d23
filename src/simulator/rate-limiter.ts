/** Calls in a sliding minute: how many there were, and whether one more is allowed. */

const MINUTE_MS = 60_000;

/** Moments of the last minute. */
class SlidingMinute {
  private readonly times: number[] = [];
  /** Before this index they are older than a minute. */
  private begin = 0;

  add(now: number): void {
    this.times.push(now);
  }

  /** How many lie in the minute that ends now. */
  count(now: number): number {
    while (this.begin < this.times.length && this.times[this.begin]! <= now - MINUTE_MS) this.begin++;
    const count = this.times.length - this.begin;
    // Now and then only, for the rest has to move to the front.
    if (this.begin > 1_000 && this.begin > count) {
      this.times.splice(0, this.begin);
      this.begin = 0;
    }
    return count;
  }

  /** The n-th last, from 1. */
  last(n: number): number | undefined {
    return this.times.at(-n);
  }
}

export class RateLimiter {
  private readonly received = new SlidingMinute();
  private readonly allowed = new SlidingMinute();
  /** Most calls received in any sliding minute, those that were refused among them. */
  peak = 0;
  /** Calls that were refused because there were too many. */
  refused = 0;

  /** Counts a call, whatever becomes of it. @param now ms */
  receive(now: number): void {
    this.received.add(now);
    this.peak = Math.max(this.peak, this.received.count(now));
  }

  /**
   * Allows a call, which counts for a minute then, or refuses it.
   * @param perMinute the limit that holds now
   * @param now ms
   * @returns `waitMs` until one more is allowed, `fullAt` when all are, ms
   */
  take(perMinute: number, now: number): { allowed: boolean; remaining: number; waitMs: number; fullAt: number } {
    const most = Math.floor(perMinute);
    const before = this.allowed.count(now);
    const allowed = before < most;
    if (allowed) this.allowed.add(now);
    else this.refused++;
    const waitMs = allowed ? 0 : this.allowed.last(most)! + MINUTE_MS - now;
    return { allowed, remaining: Math.max(0, most - before - (allowed ? 1 : 0)), waitMs, fullAt: this.allowed.last(1)! + MINUTE_MS };
  }
}
