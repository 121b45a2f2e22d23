/**
 * Finds ids that may stand twice among any number of ids, in about 8 to 21 bytes each: it keeps a 64-bit hash
 * of each id, not the id. Two different ids may have the same hash, so what it finds is a suspicion that the
 * ids themselves must confirm.
 */
import { SeededHash } from './seeded-hash';

const FIRST_SLOTS = 1024;
/** Above this share of used slots, looking one up takes too many steps. */
const MAX_LOAD = 0.75;

export class CustomIdSet {
  /** Slot i holds the hash whose halves are at 2i and 2i + 1; two zeros are an empty slot. */
  private slots = new Uint32Array(2 * FIRST_SLOTS);
  private used = 0;
  private readonly hash = new SeededHash();

  /** Distinct hashes so far. */
  get size(): number {
    return this.used;
  }

  /** Adds an id. @returns false if it, or an id of the same hash, was added before. */
  add(id: string): boolean {
    this.hash.of(id);
    const { high, low } = this.hash;
    const at = this.find(this.slots, high, low);
    if (this.slots[at] !== 0 || this.slots[at + 1] !== 0) return false;
    this.slots[at] = high;
    this.slots[at + 1] = low;
    this.used++;
    if (this.used > (this.slots.length / 2) * MAX_LOAD) this.grow();
    return true;
  }

  /** The hash of an id, the same for all ids that this set cannot tell apart. */
  keyOf(id: string): string {
    this.hash.of(id);
    return `${this.hash.high}.${this.hash.low}`;
  }

  /** Index of the hash's slot, or of the empty slot where it belongs. */
  private find(slots: Uint32Array, high: number, low: number): number {
    const mask = slots.length / 2 - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = 2 * slot;
      if ((slots[at] === high && slots[at + 1] === low) || (slots[at] === 0 && slots[at + 1] === 0)) return at;
    }
  }

  private grow(): void {
    const slots = new Uint32Array(this.slots.length * 2);
    for (let at = 0; at < this.slots.length; at += 2) {
      const high = this.slots[at]!;
      const low = this.slots[at + 1]!;
      if (high === 0 && low === 0) continue;
      const to = this.find(slots, high, low);
      slots[to] = high;
      slots[to + 1] = low;
    }
    this.slots = slots;
  }
}
