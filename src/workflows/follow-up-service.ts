/** Whether some worker serves the follow-ups of a shard. */
import { condition, workflowInfo } from '@temporalio/workflow';
import type { FollowUpService } from '../activities';

/** How long nothing may end before it is asked whether they are served, in ms; doubled from one time to the next. */
const FIRST_ASK_MS = 15_000;
const LONGEST_ASK_MS = 10 * 60_000;
/** Where they wait for a worker for days, the history must not grow without end. */
const LONG_HISTORY_EVENTS = 5_000;
const LONGEST_ASK_OF_LONG_HISTORY_MS = 3_600_000;

/** How long canceled follow-ups get to end before it is asked whether anybody can end them, in ms. */
const CANCEL_PATIENCE_MS = 5_000;

export interface ServiceWatchOptions {
  /** Asks about those that run. */
  ask: () => Promise<FollowUpService>;
  running: () => number;
  /** Told when nobody serves them, and with undefined when somebody does. */
  onChange: (message: string | undefined) => void;
}

export class ServiceWatch {
  private resumes = 0;
  private message?: string;

  /** @param isServed known from an earlier run. */
  constructor(
    private readonly options: ServiceWatchOptions,
    public isServed: boolean,
  ) {}

  /** One of them has ended as only a worker can end it. */
  seenServed(): void {
    this.isServed = true;
  }

  /** A person says that there is something to be seen. */
  resume(): void {
    this.resumes++;
  }

  /** Watches until they are known to be served. */
  async watch(): Promise<void> {
    const { running, ask } = this.options;
    await condition(() => running() > 0 || this.isServed);
    let waitMs = FIRST_ASK_MS;
    while (!this.isServed) {
      const seen = this.resumes;
      const before = this.message;
      await condition(() => this.isServed || this.resumes > seen, waitMs);
      if (this.isServed) break;
      if (running() === 0) {
        await condition(() => running() > 0);
        continue;
      }
      this.take(await ask());
      const longest = workflowInfo().historyLength < LONG_HISTORY_EVENTS ? LONGEST_ASK_MS : LONGEST_ASK_OF_LONG_HISTORY_MS;
      waitMs = this.message !== before || this.resumes > seen ? FIRST_ASK_MS : Math.min(waitMs * 2, longest);
    }
    this.change(undefined);
  }

  /** Waits until canceled follow-ups have ended; or returns when nobody is there who could end them. */
  async untilEndedOrUnserved(): Promise<void> {
    const { running, ask } = this.options;
    let waitMs = CANCEL_PATIENCE_MS;
    while (!(await condition(() => running() === 0, waitMs))) {
      if ((await ask()).kind === 'unserved') return;
      waitMs = Math.min(waitMs * 2, LONGEST_ASK_MS);
    }
  }

  private take(service: FollowUpService): void {
    if (service.kind === 'served') this.isServed = true;
    this.change(service.kind === 'unserved' ? service.message : undefined);
  }

  private change(message: string | undefined): void {
    if (message === this.message) return;
    this.message = message;
    this.options.onChange(message);
  }
}
