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

/** Each end that a worker has brought about begins the silence anew: where the history has room for less than this, in events, it is asked more seldom whatever ends. */
const AMPLE_EVENTS = 880;
/** That begins with this interval, in ms, and doubles with each five looks, of eleven events each: the last of them take a year. */
const SCARCE_MS = 60_000;
const DOUBLED_EACH_EVENTS = 55;

/**
 * How long to wait until it is asked again, in ms; for ever where the history has no room for it.
 *
 * @param silentMs for how long nothing has ended, and nobody has heard anything new.
 * @param eventsLeft what the history has room for.
 */
export function askInterval(silentMs: number, oftenMs: number, eventsLeft: number): number {
  const wished = silentMs < OFTEN_MS ? oftenMs : Math.max(Math.min(silentMs, LONGEST_DOUBLED_MS), silentMs / 20);
  return Math.max(wished, affordedInterval(eventsLeft));
}

function affordedInterval(eventsLeft: number): number {
  if (eventsLeft >= AMPLE_EVENTS) return 0;
  return eventsLeft > 0 ? Math.round(SCARCE_MS * 2 ** ((AMPLE_EVENTS - eventsLeft) / DOUBLED_EACH_EVENTS)) : Infinity;
}

/** Of a wait, what is counted as silence: one that was over because the history had room again says nothing of how long it was. */
function counted(waitMs: number): number {
  return Number.isFinite(waitMs) ? waitMs : 0;
}

export interface ServiceWatchOptions {
  /** Asks about those that run. @param isServed a worker has served some: what is asked is whether those that run still are. */
  ask: (isServed: boolean) => Promise<FollowUpService>;
  running: () => number;
  /** What the history has room for, beside the ends of those that run. */
  eventsLeft: () => number;
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
    const { running, ask, eventsLeft } = this.options;
    let silentMs = 0;
    for (;;) {
      await condition(() => running() > 0 || this.isCanceled);
      const { resumes, moves, message, isServed } = this;
      const oftenMs = isServed ? ASK_OF_SERVED_MS : ASK_MS;
      const waitMs = askInterval(silentMs, oftenMs, eventsLeft());
      // The shortest wait is not cut off by an end: a timer for each would double the history.
      const isCutOff = waitMs > askInterval(0, oftenMs, eventsLeft());
      await this.wait(() => this.isCanceled || this.resumes > resumes || (isCutOff && this.moves > moves), waitMs, eventsLeft);
      if (this.isCanceled) return;
      const isAsked = this.resumes > resumes;
      if ((this.moves > moves && !isAsked) || running() === 0) {
        silentMs = 0;
        continue;
      }
      const service = await ask(isServed);
      if (this.isCanceled) return;
      this.take(service);
      silentMs = this.resumes > resumes || this.message !== message ? 0 : silentMs + counted(waitMs);
    }
  }

  /**
   * Waits until canceled follow-ups have ended. Those that have begun may be tidying up: they are waited for, and a person is told where
   * nobody is there who could end them.
   * @param closeUnbegun called when nobody serves them, or not all of them, to end those that no worker has taken up; returns whether there were any.
   */
  async untilEnded(closeUnbegun: () => Promise<boolean>): Promise<void> {
    const { running, eventsLeft } = this.options;
    let silentMs = 0;
    // However full the history was, they must end: these looks have a room of their own.
    let moreEvents = Infinity;
    const left = (): number => eventsLeft() + moreEvents;
    for (;;) {
      const { resumes, message } = this;
      const waitMs = askInterval(silentMs, silentMs === 0 ? CANCEL_PATIENCE_MS : ASK_MS, left());
      await this.wait(() => running() === 0 || this.resumes > resumes, waitMs, left);
      // What the cancel itself adds is in the history now.
      moreEvents = Math.min(moreEvents, Math.max(0, AMPLE_EVENTS - eventsLeft()));
      if (running() > 0) {
        let service = await this.look();
        // Those that are left may be served all the same: a person is told of these alone.
        if (service.kind === 'unserved' && (await closeUnbegun()) && running() > 0) service = await this.look();
        if (running() > 0) this.take(service);
      }
      if (running() === 0) break;
      silentMs = this.resumes > resumes || this.message !== message ? 0 : silentMs + counted(waitMs);
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

  /** A wait that the history has no room to end, ends where there is room again. */
  private async wait(until: () => boolean, waitMs: number, eventsLeft: () => number): Promise<void> {
    if (waitMs === Infinity) await condition(() => until() || eventsLeft() > 0);
    else await condition(until, waitMs);
  }

  private take(service: FollowUpService): void {
    // It says nothing new: what a person was told stands.
    if (service.kind === 'busy') return;
    if (service.kind === 'served') this.isServed = true;
    this.change(service.kind === 'unserved' ? service.message : undefined);
  }

  private change(message: string | undefined): void {
    if (message === undefined && this.message === undefined) return;
    this.message = message;
    this.options.onService(message);
  }
}
