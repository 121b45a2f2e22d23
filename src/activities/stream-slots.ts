/** Streams of results that one worker reads side by side: each takes memory, and a few fill the wire. */
const MOST_STREAMS = 4;

/** Gives out turns. Whoever waits keeps its place. */
export class StreamSlots {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most = MOST_STREAMS) {}

  /**
   * Runs a body when it is its turn.
   * @throws the signal's reason where that comes while it waits
   */
  async run<T>(body: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.turn(signal);
    try {
      return await body();
    } finally {
      this.taken--;
      this.waiting.shift()?.();
    }
  }

  private turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.taken < this.most) {
      this.taken++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const take = (): void => {
        signal.removeEventListener('abort', leave);
        this.taken++;
        resolve();
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(take), 1);
        reject(signal.reason as Error);
      };
      this.waiting.push(take);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
