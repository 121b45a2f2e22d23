/** A token bucket: as many calls as fit into a minute, and then as many as come back each second. */

export class RateLimiter {
  private tokens: number | undefined;
  private filledAt = 0;

  /**
   * Counts one call.
   * @param perMinute the limit that holds now
   * @param now ms
   */
  take(perMinute: number, now: number): { allowed: boolean; remaining: number; waitMs: number; fullAt: number } {
    const perMs = perMinute / 60_000;
    const tokens = Math.min(perMinute, (this.tokens ?? perMinute) + (now - this.filledAt) * perMs);
    const allowed = tokens >= 1;
    this.tokens = allowed ? tokens - 1 : tokens;
    this.filledAt = now;
    return {
      allowed,
      remaining: Math.floor(this.tokens),
      waitMs: allowed ? 0 : (1 - tokens) / perMs,
      fullAt: now + (perMinute - this.tokens) / perMs,
    };
  }
}
