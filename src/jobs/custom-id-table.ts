/**
 * Where each custom_id stands among others, such as the requests of a part: looked up for every line of results.
 *
 * It keeps a 64-bit hash of each id instead of the id: with its slots 16 to 19 bytes an id, where a Map of strings takes about a
 * hundred. Of the ids that were added none is mistaken for another (`add` tells), and a foreign id is taken for one of the 100,000
 * of a full part with a chance of one in 10^14.
 */
import { SeededHash } from './seeded-hash';

/** Slots for each id, at least: with fewer free ones a look takes too many steps. */
const SLOTS_PER_ID = 4 / 3;

export class CustomIdTable {
  /** Position + 1 of an id; 0 is a free slot. */
  private readonly slots: Uint32Array;
  private readonly highs: Uint32Array;
  private readonly lows: Uint32Array;
  private readonly hash = new SeededHash();
  private count = 0;

  /** @param capacity most ids that will be added. */
  constructor(private readonly capacity: number) {
    this.slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(2, capacity * SLOTS_PER_ID))));
    this.highs = new Uint32Array(capacity);
    this.lows = new Uint32Array(capacity);
  }

  get size(): number {
    return this.count;
  }

  /** Gives an id the next position. @returns false, and adds nothing, where it or one of the same hash is there already, or there is no room. */
  add(id: string): boolean {
    this.hash.of(id);
    const slot = this.find();
    if (this.slots[slot] !== 0 || this.count === this.capacity) return false;
    this.highs[this.count] = this.hash.high;
    this.lows[this.count] = this.hash.low;
    this.slots[slot] = ++this.count;
    return true;
  }

  /** @returns the id's position, from 0, or -1 where it was not added. */
  positionOf(id: string): number {
    this.hash.of(id);
    return this.slots[this.find()]! - 1;
  }

  /** The slot of the hash that was made last, or the free one where it belongs. */
  private find(): number {
    const { slots, highs, lows } = this;
    const { high, low } = this.hash;
    const mask = slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const position = slots[slot]! - 1;
      if (position === -1 || (lows[position] === low && highs[position] === high)) return slot;
    }
  }
}
