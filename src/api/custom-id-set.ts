/**
 * The `custom_id`s of one create, as bytes. 100,000 of them take a few milliseconds, where strings in a Set would take as
 * long as sending a small body: an id is hashed and kept while it is read, and looked up later, together with many others.
 */
import { randomInt } from 'node:crypto';

/** For so many ids there is room at first; with two steps of growth for as many as a batch may have. All are powers of two. */
const FIRST_CAPACITY = 2_048;
const GROWTH = 8;
/** Slots for each id, so that at least half of them are free. */
const SLOTS_PER_ID = 2;
/** Usual ids are shorter than 32 bytes. */
const FIRST_BYTES = FIRST_CAPACITY * 32;
export const LONGEST_CUSTOM_ID = 64;

/** 1 for the bytes that a custom_id may have. */
const ID_BYTES = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-')) ID_BYTES[byte] = 1;

export interface DuplicateId {
  customId: string;
  line: number;
  earlierLine: number;
}

export class CustomIdSet {
  #capacity = FIRST_CAPACITY;
  /** Number of an id, from 1; 0: free. */
  #slots = new Int32Array(FIRST_CAPACITY * SLOTS_PER_ID);
  #hashes = new Int32Array(FIRST_CAPACITY);
  #lines = new Int32Array(FIRST_CAPACITY);
  /** The id with number n is `#bytes` from `#ends[n - 1]` to `#ends[n]`. */
  #ends = new Int32Array(FIRST_CAPACITY);
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Makes it hard to choose ids that all fall into one slot. */
  readonly #seed = randomInt(2 ** 32 - 1) | 0;
  #size = 0;
  #settled = 0;
  /** Of the id that was read last. */
  #hash = 0;
  #end = 0;

  /**
   * Reads an id; it belongs to the set only after `add`.
   * @param bytes in which it begins at `start`
   * @returns the index behind it; `start` where none is there or it is too long
   */
  read(bytes: Uint8Array, start: number): number {
    const kept = this.#bytes;
    const longest = start + LONGEST_CUSTOM_ID;
    // Not a byte beyond the array: reading there once makes V8 compile this loop to several times slower code.
    const last = Math.min(longest + 1, bytes.length);
    let at = start;
    let end = this.#ends[this.#size]!;
    // FNV-1a
    let hash = this.#seed;
    for (; at < last && ID_BYTES[bytes[at]!] === 1; at++) {
      hash = Math.imul(hash ^ bytes[at]!, 16777619);
      kept[end++] = bytes[at]!;
    }
    this.#hash = hash;
    this.#end = end;
    return at > longest ? start : at;
  }

  /** Adds the id that was read last. @param line where it stands */
  add(line: number): void {
    const number = ++this.#size;
    this.#hashes[number] = this.#hash;
    this.#lines[number] = line;
    this.#ends[number] = this.#end;
    if (number + 1 === this.#capacity) this.#growTable();
    if (this.#end + LONGEST_CUSTOM_ID >= this.#bytes.length) this.#growBytes();
  }

  /** Looks the ids up that were added since the last time. @returns the first that was there already */
  findDuplicate(): DuplicateId | undefined {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const lastSlot = slots.length - 1;
    for (let number = this.#settled + 1; number <= this.#size; number++) {
      const hash = hashes[number]!;
      let slot = (hash ^ (hash >>> 15)) & lastSlot;
      for (let earlier = slots[slot]!; earlier !== 0; earlier = slots[slot]!) {
        if (hashes[earlier] === hash && this.#idOf(earlier).equals(this.#idOf(number))) {
          return { customId: this.#idOf(number).toString('latin1'), line: this.#lines[number]!, earlierLine: this.#lines[earlier]! };
        }
        slot = (slot + 1) & lastSlot;
      }
      slots[slot] = number;
    }
    this.#settled = this.#size;
    return undefined;
  }

  #growTable(): void {
    this.#capacity *= GROWTH;
    this.#hashes = enlarged(this.#hashes, this.#capacity);
    this.#lines = enlarged(this.#lines, this.#capacity);
    this.#ends = enlarged(this.#ends, this.#capacity);
    // The next look puts all ids into the new slots.
    this.#slots = new Int32Array(this.#capacity * SLOTS_PER_ID);
    this.#settled = 0;
  }

  #growBytes(): void {
    const bytes = Buffer.allocUnsafeSlow(this.#bytes.length * GROWTH);
    this.#bytes.copy(bytes, 0, 0, this.#end);
    this.#bytes = bytes;
  }

  #idOf(number: number): Buffer {
    return this.#bytes.subarray(this.#ends[number - 1], this.#ends[number]);
  }
}

function enlarged(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
