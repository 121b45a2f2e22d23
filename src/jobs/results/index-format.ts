/**
 * `results.index`: where each request's result lies in `results.jsonl`, so that one is read without a scan. An aid and
 * never the truth: who reads by it checks what it finds, and without it everything is found by a scan.
 *
 *   header     40 bytes: magic `MBRINDEX`, uint32 LE version, uint32 LE runs, uint64 LE requests of the input,
 *              uint64 LE bytes of results.jsonl, uint64 LE entries of all runs together
 *   directory  uint32 LE per run: its entries
 *   places     16 bytes per request, in the order of the input, as in a ledger:
 *              byte 0 outcome (index in OUTCOMES + 1), bytes 1-3 zero, bytes 4-7 uint32 LE length of the result's line
 *              without its line feed (0: no result), bytes 8-15 uint64 LE where that line begins
 *   runs       one for each part that results were taken from: 8 bytes per result, uint32 LE CRC-32 of its custom_id,
 *              uint32 LE position of its request in the input; in the order of the CRC
 */
import { crc32 } from 'node:zlib';
import { type Outcome, OUTCOMES } from '../../contract';

export const HEADER_BYTES = 40;
export const RUN_COUNT_BYTES = 4;
export const PLACE_BYTES = 16;
export const RUN_ENTRY_BYTES = 8;

const MAGIC = Buffer.from('MBRINDEX');
const VERSION = 1;

/** What the header of an index says. */
export interface IndexHeader {
  runs: number;
  /** Of the input. */
  requests: number;
  /** Bytes of the results.jsonl that it was made for. */
  resultsBytes: number;
  /** Of all runs together: requests that have a result. */
  entries: number;
}

/** Where a result's line lies. */
export interface LinePlace {
  /** Of the line's first byte in results.jsonl; 0 without a result. */
  offset: number;
  /** Of the line without its line feed; 0 without a result. */
  length: number;
}

/** What became of a request, and where its result's line lies. */
export interface ResultPlace extends LinePlace {
  outcome: Outcome;
}

export function encodeHeader({ runs, requests, resultsBytes, entries }: IndexHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(runs, 12);
  bytes.writeBigUInt64LE(BigInt(requests), 16);
  bytes.writeBigUInt64LE(BigInt(resultsBytes), 24);
  bytes.writeBigUInt64LE(BigInt(entries), 32);
  return bytes;
}

/** @returns undefined where it is not one, or one of another version. */
export function decodeHeader(bytes: Buffer): IndexHeader | undefined {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC) || bytes.readUInt32LE(8) !== VERSION) return undefined;
  return {
    runs: bytes.readUInt32LE(12),
    requests: Number(bytes.readBigUInt64LE(16)),
    resultsBytes: Number(bytes.readBigUInt64LE(24)),
    entries: Number(bytes.readBigUInt64LE(32)),
  };
}

/** Bytes of a whole index. */
export function indexBytes({ runs, requests, entries }: IndexHeader): number {
  return HEADER_BYTES + runs * RUN_COUNT_BYTES + requests * PLACE_BYTES + entries * RUN_ENTRY_BYTES;
}

/** Writes where a line lies; its outcome is written by `setOutcome`. */
export function encodePlace(bytes: Buffer, at: number, { offset, length }: LinePlace): void {
  bytes.writeUInt32LE(length, at + 4);
  // Six bytes reach over 256 TB, and numbers are written faster than bigints; the other two are zero.
  bytes.writeUIntLE(offset, at + 8, 6);
}

/** @param code index in OUTCOMES + 1. */
export function setOutcome(bytes: Buffer, at: number, code: number): void {
  bytes[at] = code;
}

/** @returns undefined where the bytes are no place. */
export function decodePlace(bytes: Buffer, at: number): ResultPlace | undefined {
  const outcome = OUTCOMES[bytes[at]! - 1];
  return outcome && { outcome, length: bytes.readUInt32LE(at + 4), offset: bytes.readUIntLE(at + 8, 6) };
}

/** The same for the same id, always; different ids may share one. */
export function hashOf(customId: string): number {
  return crc32(customId);
}
