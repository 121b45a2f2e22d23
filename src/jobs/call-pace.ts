/** Holds calls back so that all workers of an account together make no more of them a minute than the API allows. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccountReference } from '../contract';
import { accountKey } from '../contract';
import { joinLocation } from '../storage';
import { CallLimits } from './call-limits';
import { CallPlaces } from './call-places';
import { beginOf, placesOf, windowAt } from './call-windows';

export interface Clock {
  /** Ms since 1970. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export interface CallPaceOptions {
  /** Bound of all workers together; it goes before what the API tells. Default: that, and none where it tells nothing. */
  callsPerMinute?: number;
  /** For tests. */
  clock?: Clock;
}

export interface PlaceOptions {
  /** Whoever waits leaves at once; rejects with its reason. */
  signal?: AbortSignal;
  /** Goes before all others of this process. */
  first?: boolean;
}

interface Waiter {
  first: boolean;
  go(): void;
  fail(reason: unknown): void;
}

/** Nobody is kept alive by a wait that nobody waits for. */
const CLOCK: Clock = { now: () => Date.now(), sleep: (ms) => sleep(ms, undefined, { ref: false }) };

/** One for each worker of an account. Workers that share a storage root share the bound. */
export class CallPace {
  private readonly limits: CallLimits;
  private readonly places: CallPlaces;
  private readonly clock: Clock;
  private readonly given?: number;
  private readonly waiting: Waiter[] = [];
  private isServing = false;
  /** What this process has taken where the folder could not be used. */
  private alone = { window: -1, taken: 0 };

  constructor(storageRoot: string, account: AccountReference, { callsPerMinute, clock = CLOCK }: CallPaceOptions = {}) {
    if (callsPerMinute !== undefined && !(Number.isSafeInteger(callsPerMinute) && callsPerMinute > 0)) {
      throw new RangeError('callsPerMinute is a whole number from 1.');
    }
    const folder = joinLocation(storageRoot, 'accounts', accountKey(account));
    this.clock = clock;
    this.given = callsPerMinute;
    this.limits = new CallLimits(folder, () => clock.now());
    this.places = new CallPlaces(joinLocation(folder, 'calls'));
  }

  /** Waits until one call may be made, which must be made at once. In the order of asking. */
  place({ signal, first = false }: PlaceOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
        waiter.fail(signal?.reason);
      };
      const settle = (): void => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter = {
        first,
        go: () => (settle(), resolve()),
        fail: (reason) => (settle(), reject(reason)),
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const behind = first ? this.waiting.findIndex((other) => !other.first) : -1;
      this.waiting.splice(behind === -1 ? this.waiting.length : behind, 0, waiter);
      if (!this.isServing) void this.serve();
    });
  }

  /** The API told how many calls a minute it allows. Other workers know it within a second, new ones at once. */
  async learnCallsPerMinute(callsPerMinute: number): Promise<void> {
    await this.limits.learnCallsPerMinute(callsPerMinute);
  }

  /** The API wants no calls for so long: no worker of the account makes one, for at most a minute. @param forMs ms */
  async pause(forMs: number): Promise<void> {
    await this.limits.pause(forMs);
  }

  private async serve(): Promise<void> {
    this.isServing = true;
    try {
      while (this.waiting.length > 0) {
        const waitMs = await this.tryOnce();
        // Nobody may be left who waits for the place; it is lost then.
        if (waitMs === 0) this.waiting.shift()?.go();
        else await this.clock.sleep(waitMs);
      }
    } catch (error) {
      for (const waiter of this.waiting.splice(0)) waiter.fail(error);
    } finally {
      this.isServing = false;
    }
  }

  /** @returns 0 where a call may be made now, else how long to wait before the next try, ms */
  private async tryOnce(): Promise<number> {
    const known = await this.limits.read();
    const now = this.clock.now();
    if (known.pausedUntil > now) return known.pausedUntil - now;
    const perMinute = this.given ?? known.callsPerMinute;
    if (perMinute === undefined) return 0;
    const window = windowAt(now);
    const taken = await this.places.take(window, perMinute).catch(() => this.takeAlone(window, perMinute));
    const after = this.clock.now();
    // A slow store: the place is of a window that has passed, and lost.
    if (taken && windowAt(after) === window) return 0;
    return Math.max(1, beginOf(window + 1) - after);
  }

  /** A folder that cannot be written must not stop calls for ever: the bound then holds for this process. */
  private takeAlone(window: number, perMinute: number): boolean {
    if (this.alone.window !== window) this.alone = { window, taken: 0 };
    return this.alone.taken++ < placesOf(window, perMinute);
  }
}
