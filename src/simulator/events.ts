/** What happened in the simulator, counted since it was started, for tests to wait for. */

export const EVENTS = [
  'create-received', // the headers of a create
  'create-body-read', // its whole body
  'create-accepted', // the batch is on disk; nothing has been answered yet
  'create-answered', // a 200 was handed to the connection
  'poll', // a retrieve
  'list',
  'cancel',
  'delete',
  'results-started', // the first byte of results is about to be sent
  'results-finished', // all of them were handed to the connection
  'results-closed', // a call for results is over: all was sent, it was cut, or the client is gone
  'fault', // a fault took effect
] as const;
export type EventName = (typeof EVENTS)[number];

interface Waiter {
  event: EventName;
  count: number;
  resolve: () => void;
  reject: (reason: Error) => void;
}

export class Events {
  private readonly counts = Object.fromEntries(EVENTS.map((event) => [event, 0])) as Record<EventName, number>;
  private waiters: Waiter[] = [];

  emit(event: EventName): void {
    const count = ++this.counts[event];
    const reached = this.waiters.filter((waiter) => waiter.event === event && waiter.count <= count);
    if (reached.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => !reached.includes(waiter));
    for (const waiter of reached) waiter.resolve();
  }

  /**
   * Resolves once the event has happened so many times since the simulator's start; at once if it already has.
   * Rejects where the simulator is closed before.
   */
  waitFor(event: EventName, count = 1): Promise<void> {
    if (!EVENTS.includes(event)) {
      return Promise.reject(new RangeError(`The simulator has no event ${JSON.stringify(event)}. It has: ${EVENTS.join(', ')}.`));
    }
    if (this.counts[event] >= count) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiters.push({ event, count, resolve, reject }));
  }

  /** Nothing will happen any more. */
  close(): void {
    for (const { event, count, reject } of this.waiters) {
      reject(new Error(`The simulator was closed before the event ${event} had happened ${count} times (it has ${this.counts[event]} times).`));
    }
    this.waiters = [];
  }

  all(): Record<EventName, number> {
    return { ...this.counts };
  }
}
