/** Numbers that look random and are always the same for the same seed (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** The seed of this run: `SEED` of the environment, or another each time. Printed, so that a failure can be had again. */
  static seedOfThisRun(): number {
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
    process.stderr.write(`SEED=${seed}\n`);
    return seed;
  }

  /** A whole number in `[0, end)`. */
  below(end: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }
}
