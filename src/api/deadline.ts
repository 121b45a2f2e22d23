/**
 * A point in time that is watched on two clocks. The wall clock can be set back; the monotonic one stands still
 * while a machine sleeps. The deadline has passed as soon as either says so.
 */
import { DeadlinePassedError } from './errors';

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Deadline {
  private readonly monotonic: number;

  constructor(readonly at: Date) {
    this.monotonic = performance.now() + (at.getTime() - Date.now());
  }

  /** Ms that are left, by the clock that leaves less; below 0 once it has passed. */
  remainingMs(): number {
    return Math.min(this.at.getTime() - Date.now(), this.monotonic - performance.now());
  }

  passed(): boolean {
    return this.remainingMs() <= 0;
  }

  /** Calls `action` once, when the deadline has passed; returns what stops that. */
  onPassed(action: () => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    const look = () => {
      const remaining = this.remainingMs();
      if (remaining <= 0) action();
      else timer = setTimeout(look, Math.min(Math.ceil(remaining), LONGEST_TIMER_MS));
    };
    look();
    return () => clearTimeout(timer);
  }

  /**
   * Runs `work` with a signal that is aborted when the deadline has passed, or when the caller's own is.
   * @throws DeadlinePassedError, or the reason of the caller's signal, where the work rejects because of them
   */
  async bound<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const onAbort = () => stop.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const cancel = this.onPassed(() => stop.abort(new DeadlinePassedError(this.at)));
    try {
      return await work(stop.signal);
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
