/** Time that jumps to the next moment at which something is to happen, once nothing runs any more. Files are real. */
import type { Clock } from '../../src/jobs/call-pace';

export class VirtualTime {
  private sleeping: { at: number; wake(): void }[] = [];
  private running = 0;

  /** @param now ms since 1970 */
  constructor(public now: number) {}

  /** Runs something that waits for nothing but files and `sleep`. */
  async run<T>(body: () => Promise<T>): Promise<T> {
    this.running++;
    try {
      return await body();
    } finally {
      this.stop();
    }
  }

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((wake) => {
      this.sleeping.push({ at: this.now + ms, wake });
      this.stop();
    });
  }

  /** The clock of a machine that is ahead by so many ms. */
  clock(ahead = 0): Clock {
    return { now: () => this.now + ahead, sleep: (ms) => this.sleep(ms) };
  }

  private stop(): void {
    if (--this.running > 0 || this.sleeping.length === 0) return;
    this.sleeping.sort((a, b) => a.at - b.at);
    this.now = this.sleeping[0]!.at;
    // All of this moment go on together, and race.
    const awake = this.sleeping.filter(({ at }) => at === this.now);
    this.sleeping = this.sleeping.slice(awake.length);
    this.running += awake.length;
    awake.forEach(({ wake }) => wake());
  }
}
