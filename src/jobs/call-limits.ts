/**
 * What one worker has learned from the API about calls, for all workers of the account.
 *
 *   accounts/KEY/limits.json   calls a minute, as the API tells them
 *   accounts/KEY/pause.json    until when the API wants no calls
 *
 * That a record cannot be read or written is no reason to make no calls: what this worker itself knows holds then.
 */
import { joinLocation, readRecord, replaceRecord } from '../storage';

interface LimitsRecord {
  calls_per_minute: number;
  learned_at: string;
}

interface PauseRecord {
  until: string;
}

export interface KnownLimits {
  /** Undefined: no bound is known. */
  callsPerMinute?: number;
  /** Ms since 1970; may have passed. */
  pausedUntil: number;
}

/** How soon a worker hears of what others have learned, ms. */
const LOOK_EVERY_MS = 1_000;

/** Longest pause of all workers, ms: a limit of calls a minute is free again by then. The call that was refused obeys all of its `retry-after`. */
const LONGEST_PAUSE_MS = 60_000;

export class CallLimits {
  private known: KnownLimits = { pausedUntil: 0 };
  private lookedAt = -Infinity;
  /** The end of the pause that was last found recorded; NaN without one. */
  private seenUntil = NaN;

  /** @param folder `accounts/KEY` */
  constructor(
    private readonly folder: string,
    private readonly now: () => number,
  ) {}

  async read(): Promise<KnownLimits> {
    const now = this.now();
    // Also where the clock was set back.
    if (Math.abs(now - this.lookedAt) >= LOOK_EVERY_MS) {
      this.lookedAt = now;
      const [limits, pause] = await Promise.all([this.readIfPossible<LimitsRecord>('limits'), this.readIfPossible<PauseRecord>('pause')]);
      if (isCount(limits?.calls_per_minute)) this.known.callsPerMinute = limits.calls_per_minute;
      const until = Date.parse(pause?.until ?? '');
      // Once: a record from before a clock was set back stays as it is, and would hold calls until that time comes again.
      if (until !== this.seenUntil && until > this.known.pausedUntil) this.known.pausedUntil = until;
      this.seenUntil = until;
    }
    // The same of what is known here: nothing holds calls for longer than one pause can.
    this.known.pausedUntil = Math.min(this.known.pausedUntil, now + LONGEST_PAUSE_MS);
    return this.known;
  }

  /** The API has told its limit. Anything but a whole number above 0 is left alone. */
  async learnCallsPerMinute(callsPerMinute: number): Promise<void> {
    if (!isCount(callsPerMinute) || (await this.read()).callsPerMinute === callsPerMinute) return;
    this.known.callsPerMinute = callsPerMinute;
    await this.writeIfPossible('limits', { calls_per_minute: callsPerMinute, learned_at: new Date(this.now()).toISOString() } satisfies LimitsRecord);
  }

  /** The API wants no calls for so long, ms. */
  async pause(forMs: number): Promise<void> {
    const until = this.now() + Math.min(forMs, LONGEST_PAUSE_MS);
    if (until <= (await this.read()).pausedUntil) return;
    this.known.pausedUntil = until;
    await this.writeIfPossible('pause', { until: new Date(until).toISOString() } satisfies PauseRecord);
  }

  private async readIfPossible<T>(name: string): Promise<T | undefined> {
    return readRecord<T>(this.path(name)).catch(() => undefined);
  }

  private async writeIfPossible(name: string, record: LimitsRecord | PauseRecord): Promise<void> {
    await replaceRecord(this.path(name), record).catch(() => undefined);
  }

  private path(name: string): string {
    return joinLocation(this.folder, `${name}.json`);
  }
}

function isCount(value: number | undefined): value is number {
  return Number.isSafeInteger(value) && value! > 0;
}
