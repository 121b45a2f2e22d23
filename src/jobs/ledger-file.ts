/**
 * `ledger.bin`: what became of each request of a part, 16 bytes each, in the order of the part's requests.
 *
 *   byte 0      outcome: index in OUTCOMES + 1
 *   byte 1      flags: 1 = may be sent again
 *   bytes 2-3   zero
 *   bytes 4-7   uint32 LE: bytes of the result's line without its line feed; 0 without a result
 *   bytes 8-15  uint64 LE: where that line begins in the results as the API sent them
 */
import { type Outcome, OUTCOMES } from '../contract';
import { openReplacement, readWhole, StorageError } from '../storage';
import type { PartFolder } from './part-folder';

const ENTRY_BYTES = 16;
const RETRYABLE = 1;

/** What became of one request of a part. */
export interface LedgerEntry {
  outcome: Outcome;
  /** It ended for a passing reason and may be sent again. */
  retryable: boolean;
  /** Where the result's line begins in the part's segments; 0 without a result. */
  offset: number;
  /** Bytes of the result's line without its line feed; 0 without a result. */
  length: number;
}

/** What became of the requests of a part, by their position in the part (from 0). */
export class Ledger {
  /** @param bytes whole entries. */
  constructor(private readonly bytes: Buffer) {}

  /** A ledger in which every request has this outcome and no result. */
  static blank(requests: number, outcome: Outcome): Ledger {
    const ledger = new Ledger(Buffer.alloc(requests * ENTRY_BYTES));
    for (let position = 0; position < requests; position++) ledger.set(position, { outcome, retryable: false, offset: 0, length: 0 });
    return ledger;
  }

  get requests(): number {
    return this.bytes.length / ENTRY_BYTES;
  }

  entry(position: number): LedgerEntry {
    const at = position * ENTRY_BYTES;
    return {
      outcome: OUTCOMES[this.bytes.readUInt8(at) - 1]!,
      retryable: (this.bytes.readUInt8(at + 1) & RETRYABLE) !== 0,
      length: this.bytes.readUInt32LE(at + 4),
      offset: Number(this.bytes.readBigUInt64LE(at + 8)),
    };
  }

  set(position: number, entry: LedgerEntry): void {
    const at = position * ENTRY_BYTES;
    this.bytes.writeUInt8(OUTCOMES.indexOf(entry.outcome) + 1, at);
    this.bytes.writeUInt8(entry.retryable ? RETRYABLE : 0, at + 1);
    this.bytes.writeUInt32LE(entry.length, at + 4);
    this.bytes.writeBigUInt64LE(BigInt(entry.offset), at + 8);
  }

  /** Writes it, in place of an earlier one; complete or absent, and safe from a power loss. */
  async save(folder: PartFolder): Promise<void> {
    const file = await openReplacement(folder.ledger);
    try {
      await file.writer.append(this.bytes);
      await file.commit();
    } finally {
      await file.discard();
    }
  }
}

/**
 * Reads the ledger of a part.
 * @param requests how many the part has.
 * @throws StorageError `changed` where there is none, `damaged` where it is not one of this part.
 */
export async function readLedger(folder: PartFolder, requests: number): Promise<Ledger> {
  const bytes = await readWhole(folder.ledger);
  let whole = bytes.length === requests * ENTRY_BYTES;
  for (let at = 0; whole && at < bytes.length; at += ENTRY_BYTES) whole = bytes[at]! >= 1 && bytes[at]! <= OUTCOMES.length;
  if (!whole) {
    throw new StorageError('damaged', folder.ledger, `${folder.ledger} is not the ledger of a part of ${requests} requests.`, 'Put the file back from a copy.');
  }
  return new Ledger(bytes);
}
