/**
 * How long to wait between two looks at a batch: 5 % of its age, so its end is noticed within 5 % of
 * the time it took, and 24 hours cost about 165 looks instead of 1,440.
 */

const SHARE_OF_AGE = 0.05;

/** The shortest wait, reached a few seconds after the batch was created, in ms. */
const SHORTEST_MS = 5_000;

/** The first wait: a small batch can end at once, in ms. */
const FIRST_MS = 1_000;

/** At most this share is taken off, so that many batches created together are not looked at together. */
const JITTER = 0.05;

/** A server's hint is obeyed up to this long, in ms. */
const LONGEST_HINT_MS = 10 * 60_000;

export interface PollingInput {
  /** How old the batch is, in ms. */
  ageMs: number;
  /** The server's `retry-after`, in ms. */
  retryAfterMs?: number;
  /** A wait that the user has fixed, in ms. */
  fixedMs?: number;
  /** A number from 0 to 1. */
  random: number;
}

/** @returns the ms to wait before the next look. */
export function pollInterval({ ageMs, retryAfterMs = 0, fixedMs, random }: PollingInput): number {
  if (fixedMs !== undefined) return fixedMs;
  const age = Number.isFinite(ageMs) ? Math.max(0, ageMs) : 0;
  const growing = Math.max(age * SHARE_OF_AGE, Math.min(SHORTEST_MS, FIRST_MS + age));
  return Math.floor(Math.max(growing * (1 - JITTER * random), Math.min(retryAfterMs, LONGEST_HINT_MS)));
}
