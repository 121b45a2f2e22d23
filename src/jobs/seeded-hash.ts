/** A 64-bit hash of a text, seeded at random, so that nobody can choose texts that all collide. */
import { randomBytes } from 'node:crypto';

export class SeededHash {
  /** Both halves of the hash that was made last; they are never both 0. */
  high = 0;
  low = 0;
  private readonly seeds: readonly [number, number];

  constructor() {
    const seed = randomBytes(8);
    this.seeds = [seed.readUInt32LE(0), seed.readUInt32LE(4)];
  }

  /** Two lanes as in MurmurHash3; into `high` and `low`, to allocate nothing. */
  of(text: string): void {
    let a = this.seeds[0];
    let b = this.seeds[1];
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0xcc9e2d51);
      a = (a << 15) | (a >>> 17);
      b = Math.imul(b ^ code, 0x1b873593);
      b = (b << 13) | (b >>> 19);
    }
    this.high = mix(a ^ text.length);
    this.low = mix(b ^ text.length);
    if (this.high === 0 && this.low === 0) this.low = 1;
  }
}

/** MurmurHash3's last step: every bit of the input changes about half of the output's. */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
