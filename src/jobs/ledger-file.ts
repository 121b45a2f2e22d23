/**
 * `ledger.bin`: what became of each request of a part, and what that comes to. It appears whole, in one step.
 *
 * The first line is the `LedgerRecord` in JSON. After its line feed come 16 bytes a request, in the order of the
 * part's requests:
 *
 *   byte 0      outcome: index in OUTCOMES + 1
 *   byte 1      flags: 1 = may be sent again
 *   bytes 2-3   zero
 *   bytes 4-7   uint32 LE: bytes of the result's line without its line feed; 0 without a result
 *   bytes 8-15  uint64 LE: where that line begins in the results as the API sent them
 */
import { type Outcome, type OutcomeCounts, OUTCOMES, type Problem, type TokenUsage } from '../contract';
import { openReplacement, readChunks, readWhole, StorageError } from '../storage';
import type { PartFolder } from './part-folder';

const ENTRY_BYTES = 16;
const RETRYABLE = 1;
const LINE_FEED = 0x0a;
/** A record has a few KB, most of them examples of problems. */
const LONGEST_RECORD = 4 * 1024 * 1024;

/** What the results of a part came to, and of which stored results that is said. */
export interface LedgerRecord {
  format: 2;
  /** Absent where nothing was sent. */
  batch_id?: string;
  /** Generation of the segments; 0 where nothing was sent. */
  generation: number;
  /** Lines of results, blank ones not counted. */
  lines: number;
  /** Bytes of results. */
  bytes: number;
  /** CRC-32 of these bytes: the merge copies no others. */
  crc32: number;
  /** How many requests the part has. */
  requests: number;
  /** Adds up to the part's requests. */
  outcomes: OutcomeCounts;
  /** Requests that ended for a passing reason and may be sent again: expired, overloaded and the like. */
  retryable: number;
  /** Of succeeded results, each once. */
  usage: TokenUsage;
  /** The same by model. */
  models: Record<string, TokenUsage>;
  /** Of `models`, that of requests with long prompts; absent where there are none, and in ledgers of older releases. */
  long_prompts?: Record<string, TokenUsage>;
  /**
   * Kinds: `malformed_line`, `unknown_custom_id`, `unknown_result_type`, `duplicate_result`, `conflicting_result`,
   * `missing_result`, `counts_differ`, `results_changed`.
   */
  problems: Problem[];
  /** Lines whose custom_id is none of the part's. */
  unknown_ids: number;
  /** Lines in the quarantine of this generation. */
  quarantined: number;
}

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
  private readonly view: DataView;

  /** @param bytes whole entries. */
  constructor(private readonly bytes: Buffer) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

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
    const { view } = this;
    return {
      outcome: OUTCOMES[view.getUint8(at) - 1]!,
      retryable: (view.getUint8(at + 1) & RETRYABLE) !== 0,
      length: view.getUint32(at + 4, true),
      offset: view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 2 ** 32,
    };
  }

  /** Whether a line of results was found for the request. */
  hasResult(position: number): boolean {
    return this.view.getUint32(position * ENTRY_BYTES + 4, true) !== 0;
  }

  set(position: number, entry: LedgerEntry): void {
    const at = position * ENTRY_BYTES;
    const { view } = this;
    view.setUint8(at, OUTCOMES.indexOf(entry.outcome) + 1);
    view.setUint8(at + 1, entry.retryable ? RETRYABLE : 0);
    view.setUint32(at + 4, entry.length, true);
    view.setUint32(at + 8, entry.offset % 2 ** 32, true);
    view.setUint32(at + 12, Math.floor(entry.offset / 2 ** 32), true);
  }

  /** Writes it, in place of an earlier one; complete or absent, and safe from a power loss. @throws StorageError */
  async save(folder: PartFolder, record: LedgerRecord): Promise<void> {
    const file = await openReplacement(folder.ledger);
    try {
      await file.writer.append(Buffer.from(`${JSON.stringify(record)}\n`));
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
  const content = await readWhole(folder.ledger);
  const record = recordOf(content);
  const entries = content.subarray(content.indexOf(LINE_FEED) + 1);
  let whole = record?.requests === requests && entries.length === requests * ENTRY_BYTES;
  for (let at = 0; whole && at < entries.length; at += ENTRY_BYTES) whole = entries[at]! >= 1 && entries[at]! <= OUTCOMES.length;
  if (!whole) throw damaged(folder, ` of a part of ${requests} requests`);
  return new Ledger(entries);
}

/**
 * What the ledger of a part came to.
 * @returns undefined where it is not closed, or was closed by a release that kept it in another way: it can be closed again.
 * @throws StorageError `damaged`
 */
export async function readLedgerRecord(folder: PartFolder): Promise<LedgerRecord | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of readChunks(folder.ledger)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (chunk.includes(LINE_FEED) || bytes > LONGEST_RECORD) break;
    }
  } catch (error) {
    if (error instanceof StorageError && error.code === 'changed') return undefined;
    throw error;
  }
  const content = Buffer.concat(chunks);
  const record = recordOf(content);
  if (!record && !content.includes(LINE_FEED) && content[0] === '{'.charCodeAt(0)) throw damaged(folder, '');
  return record;
}

function recordOf(content: Buffer): LedgerRecord | undefined {
  try {
    const record = JSON.parse(content.toString('utf8', 0, Math.max(content.indexOf(LINE_FEED), 0))) as LedgerRecord;
    return record.format === 2 && typeof record.crc32 === 'number' ? record : undefined;
  } catch {
    return undefined;
  }
}

function damaged({ ledger }: PartFolder, whose: string): StorageError {
  return new StorageError('damaged', ledger, `${ledger} is not the ledger${whose}.`, 'Put the file back from a copy, or remove it: it is made again of the stored results.');
}

/** Stored results are not those that a ledger speaks of. */
export function changedResults({ segments }: PartFolder, batchId: string | undefined, message: string): StorageError {
  const hint = `Put the files back from a copy. The API keeps the results of ${batchId} for 29 days: message-batches api results ${batchId} --output FILE`;
  return new StorageError('changed', segments, message, hint);
}
