/** `condition` of the workflow library in plain code, where time passes only when everybody waits. */
interface Waiter {
  until: () => boolean;
  at: number;
  done: (held: boolean) => void;
}

export class SkippedConditions {
  now = 0;
  /** Timers that were started, and how many of them were canceled. */
  timers = 0;
  private waiters: Waiter[] = [];
  private events: { at: number; happens: () => void }[] = [];

  condition(until: () => boolean, ms = Infinity): Promise<boolean> {
    if (until()) return Promise.resolve(true);
    if (ms !== Infinity) this.timers++;
    return new Promise((done) => this.waiters.push({ until, at: this.now + ms, done }));
  }

  /** Something that happens at its time, in ms. */
  at(ms: number, happens: () => void): void {
    this.events.push({ at: ms, happens });
    this.events.sort((a, b) => a.at - b.at);
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await this.settle();
      const next = Math.min(this.events[0]?.at ?? Infinity, ...this.waiters.map(({ at }) => at));
      if (next > end) break;
      this.now = next;
      while (this.events[0] && this.events[0].at <= next) this.events.shift()!.happens();
      this.wake(({ until }) => until(), true);
      this.wake(({ at }) => at <= next, false);
    }
    this.now = end;
  }

  private async settle(): Promise<void> {
    do {
      // All that follows of what has been resolved.
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.wake(({ until }) => until(), true));
  }

  private wake(isDone: (waiter: Waiter) => boolean, held: boolean): boolean {
    const woken = this.waiters.filter(isDone);
    this.waiters = this.waiters.filter((waiter) => !woken.includes(waiter));
    for (const { done } of woken) done(held);
    return woken.length > 0;
  }
}
