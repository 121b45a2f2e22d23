/** Whether some worker serves the follow-ups of a shard, and still does while they run. */
import { condition } from '@temporalio/workflow';
import type { FollowUpService } from '../activities';

/** How long nothing may end before it is asked whether they are served, in ms: where none was seen to be yet; and where some were. */
const ASK_MS = 15_000;
const ASK_OF_SERVED_MS = 30_000;
/** How long canceled follow-ups get to end before it is asked whether anybody can end them, in ms. */
const CANCEL_PATIENCE_MS = 5_000;
/** The server forgets workers only after a while: so long it is asked often, in ms. */
const OFTEN_MS = 120_000;
/** The longest that doubling comes to; from then on it is a twentieth of the silence, so that a year of it takes 200 looks. */
const LONGEST_DOUBLED_MS = 10 * 60_000;

/** How long to wait until it is asked again, in ms. @param silentMs for how long nothing has ended, and nobody has heard anything new. */
export function askInterval(silentMs: number, oftenMs: number): number {
  return silentMs < OFTEN_MS ? oftenMs : Math.max(Math.min(silentMs, LONGEST_DOUBLED_MS), silentMs / 20);
}

export interface ServiceWatchOptions {
  /** Asks about those that run. @param isServed a worker has served them: what is asked is whether anybody still polls. */
  ask: (isServed: boolean) => Promise<FollowUpService>;
  running: () => number;
  /** Told when nobody serves them, at each look, and with undefined once somebody does. */
  onService: (message: string | undefined) => void;
}

/** What is known from an earlier run. */
export interface KnownService {
  /** A worker was seen to serve them. */
  isServed: boolean;
  /** Nobody did, in these words, and a person was told. */
  message?: string;
}

export class ServiceWatch {
  isServed: boolean;
  private message?: string;
  private resumes = 0;
  /** How many were seen to end as only a worker can end them. */
  private moves = 0;
  private isCanceled = false;

  constructor(
    private readonly options: ServiceWatchOptions,
    { isServed, message }: KnownService = { isServed: false },
  ) {
    this.isServed = isServed;
    this.message = message;
  }

  /** One of them has ended as only a worker can end it. */
  seenServed(): void {
    this.isServed = true;
    this.moves++;
    this.change(undefined);
  }

  /** A person says that there is something to be seen. */
  resume(): void {
    this.resumes++;
  }

  /** They are canceled: from now on `untilEnded` watches. */
  cancel(): void {
    this.isCanceled = true;
  }

  /** Watches for as long as they run: a worker that has served them may be gone for good. */
  async watch(): Promise<void> {
    const { running, ask } = this.options;
    let silentMs = 0;
    for (;;) {
      await condition(() => running() > 0 || this.isCanceled);
      const { resumes, moves, message, isServed } = this;
      const oftenMs = isServed ? ASK_OF_SERVED_MS : ASK_MS;
      const waitMs = askInterval(silentMs, oftenMs);
      // A short wait is not cut off by an end: a timer for each would double the history.
      await condition(() => this.isCanceled || this.resumes > resumes || (this.moves > moves && waitMs > oftenMs), waitMs);
      if (this.isCanceled) return;
      const isAsked = this.resumes > resumes;
      if ((this.moves > moves && !isAsked) || running() === 0) {
        silentMs = 0;
        continue;
      }
      const service = await ask(isServed);
      if (this.isCanceled) return;
      this.take(service);
      silentMs = isAsked || this.message !== message ? 0 : silentMs + waitMs;
    }
  }

  /**
   * Waits until canceled follow-ups have ended. Those that have begun may be tidying up: they are waited for, and a person is told where
   * nobody is there who could end them.
   * @param closeUnbegun called when nobody serves them, to end those that no worker has taken up.
   */
  async untilEnded(closeUnbegun: () => Promise<void>): Promise<void> {
    const { running } = this.options;
    let silentMs = 0;
    for (;;) {
      const { resumes, message } = this;
      const waitMs = silentMs === 0 ? CANCEL_PATIENCE_MS : askInterval(silentMs, ASK_MS);
      await condition(() => running() === 0 || this.resumes > resumes, waitMs);
      if (running() > 0) {
        const service = await this.look();
        if (service.kind === 'unserved') await closeUnbegun();
        if (running() > 0) this.take(service);
      }
      if (running() === 0) break;
      silentMs = this.resumes > resumes || this.message !== message ? 0 : silentMs + waitMs;
    }
    this.change(undefined);
  }

  /** Of canceled ones both are asked: whether any of them has begun, and whether anybody is there for those that have. */
  private async look(): Promise<FollowUpService> {
    const { ask } = this.options;
    if (!this.isServed) {
      const service = await ask(false);
      if (service.kind !== 'served') return service;
    }
    return ask(true);
  }

  private take(service: FollowUpService): void {
    if (service.kind === 'served') this.isServed = true;
    this.change(service.kind === 'unserved' ? service.message : undefined);
  }

  private change(message: string | undefined): void {
    if (message === undefined && this.message === undefined) return;
    this.message = message;
    this.options.onService(message);
  }
}
