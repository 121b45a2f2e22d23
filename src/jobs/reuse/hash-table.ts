import { HASH_BYTES } from '../request-hash';

const SLOTS_PER_HASH = 4 / 3;

/** Finds requests by their hashes; of requests with the same one each is found once. About 6 bytes a request beside the hashes. */
export class HashTable {
  /** Position + 1 of a hash; 0 is a free slot. */
  private readonly slots: Uint32Array;
  private readonly taken: Uint8Array;

  /** @param hashes 16 bytes each. */
  constructor(private readonly hashes: Buffer) {
    const count = hashes.length / HASH_BYTES;
    this.slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(2, count * SLOTS_PER_HASH))));
    this.taken = new Uint8Array(count);
    const mask = this.slots.length - 1;
    for (let position = 0; position < count; position++) {
      let slot = hashes.readUInt32LE(position * HASH_BYTES) & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = position + 1;
    }
  }

  /** @returns the position of a request with this hash that was not taken yet, or -1. */
  take(hash: Buffer): number {
    const mask = this.slots.length - 1;
    for (let slot = hash.readUInt32LE(0) & mask; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const position = this.slots[slot]! - 1;
      const at = position * HASH_BYTES;
      if (this.taken[position] !== 0 || hash.compare(this.hashes, at, at + HASH_BYTES) !== 0) continue;
      this.taken[position] = 1;
      return position;
    }
    return -1;
  }

  /** All can be taken again. */
  reset(): void {
    this.taken.fill(0);
  }
}
