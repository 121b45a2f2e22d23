/**
 * A hash of each request, by which two inputs are compared: of its own id and the bytes of its `params`, nothing else. 128 bits in four
 * lanes, in the manner of MurmurHash3. Two that are the same can be made on purpose: whoever takes a result by it holds the result's own
 * id against that of the request. SHA-256 would make planning take up to a quarter longer.
 */
import { readWhole } from '../storage';
import type { PartFolder } from './part-folder';
import { partChanged } from './part-requests';
import type { RequestLine } from './request-line';

export const HASH_BYTES = 16;

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** Kinds of ids: the number 1 and the text "1" are two. */
const NO_ID = 0;
const TEXT_ID = 1;
const NUMBER_ID = 2;

/** Hashes one request after another, and keeps the last hash in `words`, to allocate nothing. */
export class RequestHash {
  /** Four uint32, of which the hash consists (each LE). */
  readonly words = new Uint32Array(HASH_BYTES / 4);

  of({ customId, own, sent, paramsStart, paramsEnd }: RequestLine): void {
    if (!own) this.hash(TEXT_ID, customId, sent, paramsStart, paramsEnd);
    else if (own.text === undefined) this.hash(NO_ID, '', sent, paramsStart, paramsEnd);
    else this.hash(own.isNumber ? NUMBER_ID : TEXT_ID, own.text, sent, paramsStart, paramsEnd);
  }

  private hash(kind: number, id: string, bytes: Buffer, start: number, end: number): void {
    let a = kind;
    let b = id.length;
    let c = end - start;
    let d = 0;
    for (let i = 0; i < id.length; i++) {
      const code = id.charCodeAt(i);
      a = rotate(Math.imul(a ^ code, C1), 15);
      b = rotate(Math.imul(b ^ code, C2), 16);
      c = rotate(Math.imul(c ^ code, C3), 17);
      d = rotate(Math.imul(d ^ code, C4), 18);
    }
    let at = start;
    // Each step can be undone, so that no difference is lost, and passes it on to the next lane.
    for (const last = end - 15; at < last; at += 16) {
      a = Math.imul(a ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)), C1);
      a = (((a << 15) | (a >>> 17)) + b) | 0;
      b = Math.imul(b ^ (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)), C2);
      b = (((b << 16) | (b >>> 16)) + c) | 0;
      c = Math.imul(c ^ (bytes[at + 8]! | (bytes[at + 9]! << 8) | (bytes[at + 10]! << 16) | (bytes[at + 11]! << 24)), C3);
      c = (((c << 17) | (c >>> 15)) + d) | 0;
      d = Math.imul(d ^ (bytes[at + 12]! | (bytes[at + 13]! << 8) | (bytes[at + 14]! << 16) | (bytes[at + 15]! << 24)), C4);
      d = (((d << 18) | (d >>> 14)) + a) | 0;
    }
    for (; at < end; at++) {
      a = (rotate(Math.imul(a ^ bytes[at]!, C1), 15) + b) | 0;
      b = (rotate(Math.imul(b ^ a, C2), 16) + c) | 0;
      c = (rotate(Math.imul(c ^ b, C3), 17) + d) | 0;
      d = (rotate(Math.imul(d ^ c, C4), 18) + a) | 0;
    }
    this.mixIn(a, b, c, d);
  }

  /** MurmurHash3's last step: every bit of each lane changes all of the hash. */
  private mixIn(a: number, b: number, c: number, d: number): void {
    const { words } = this;
    a = (a + b + c + d) | 0;
    b = mix((b + a) | 0);
    c = mix((c + a) | 0);
    d = mix((d + a) | 0);
    a = (mix(a) + b + c + d) | 0;
    words[0] = a;
    words[1] = b + a;
    words[2] = c + a;
    words[3] = d + a;
  }
}

/** The hash of a request as it stands in `hashes.bin`: 16 bytes. Requests without an id of their own have that of their `params`. */
export function hashOfRequest(request: RequestLine): Buffer {
  const hash = new RequestHash();
  hash.of(request);
  const bytes = Buffer.alloc(HASH_BYTES);
  hash.words.forEach((word, index) => bytes.writeUInt32LE(word, 4 * index));
  return bytes;
}

/**
 * The hashes of a part's requests, 16 bytes each, in the order of the part.
 * @param requests how many the part has.
 * @returns undefined where an older release has planned the part: it has none.
 * @throws StorageError `changed`
 */
export async function readHashes(folder: PartFolder, requests: number): Promise<Buffer | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readWhole(folder.hashes);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'changed') return undefined;
    throw error;
  }
  if (bytes.length !== requests * HASH_BYTES) throw partChanged(folder.hashes, `it should have ${requests * HASH_BYTES} bytes`);
  return bytes;
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
