/**
 * The batches in the simulator's folder:
 *
 *   incoming/ID/…             a create that is still arriving; removed at the next start
 *   batches/ID/batch.json     the record
 *   batches/ID/body.json      the create call's body, byte for byte
 *   batches/ID/answers.jsonl  the result of every request, in the order in which they finish
 *   batches/ID/outcomes.txt   a letter and the custom_id of every request, in that same order
 *   batches/ID/results.jsonl  answers.jsonl with its end replaced, where the batch was canceled or expired
 *
 * A batch is accepted when its folder is renamed from `incoming` to `batches`. Everything was handed to the
 * operating system before, so an accepted batch outlives a killed simulator (but not a power loss: nothing is synced).
 */
import { createReadStream, renameSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { splitLines } from '../jsonl';
import type { BatchRecord } from './batch-record';
import { newBatchId } from './ids';
import { IncomingBatch, outcomeOfLetter } from './incoming-batch';
import type { OwnOutcome } from './result-line';

export type BatchFile = 'body.json' | 'answers.jsonl' | 'outcomes.txt' | 'results.jsonl';

/** What the caller of `accept` knows; the rest follows from what arrived. */
export type BatchFacts = Omit<BatchRecord, 'format' | 'id' | 'sequence' | 'requests' | 'outcomes' | 'seen_before'>;

export class BatchStore {
  /** Oldest first. */
  private readonly records = new Map<string, BatchRecord>();
  /** How often each custom_id was accepted. Filled from the files at the first create. */
  private readonly seen = new Map<string, number>();
  private seenLoaded?: Promise<void>;
  /** Which batch has written a prefix to the prompt cache. */
  private readonly cacheWriters = new Map<string, string>();
  private sequence = 0;

  private constructor(private readonly folder: string) {}

  /** Opens the folder, creates it where missing. */
  static async open(folder: string): Promise<BatchStore> {
    const store = new BatchStore(folder);
    await rm(join(folder, 'incoming'), { recursive: true, force: true });
    await mkdir(join(folder, 'incoming'), { recursive: true, mode: 0o700 });
    await mkdir(join(folder, 'batches'), { recursive: true, mode: 0o700 });
    const ids = await readdir(join(folder, 'batches'));
    const records = await Promise.all(ids.map((id) => readRecord(join(folder, 'batches', id, 'batch.json'))));
    for (const record of records.sort((a, b) => a.sequence - b.sequence)) {
      store.records.set(record.id, record);
      store.noteCacheWrites(record);
      store.sequence = record.sequence;
    }
    return store;
  }

  /** A batch that exists and was not deleted. */
  get(id: string): BatchRecord | undefined {
    const record = this.records.get(id);
    return record?.deleted_at === undefined ? record : undefined;
  }

  /** All that were ever accepted, deleted ones too, oldest first. */
  accepted(): BatchRecord[] {
    return [...this.records.values()];
  }

  /** A folder for a create that begins to arrive. */
  async begin(): Promise<IncomingBatch> {
    await (this.seenLoaded ??= this.loadSeen());
    const id = newBatchId();
    return IncomingBatch.open(id, join(this.folder, 'incoming', id));
  }

  /** How often the custom_id stands in accepted batches. Known after `begin`. */
  timesSeen(customId: string): number {
    return this.seen.get(customId) ?? 0;
  }

  /** Accepts a batch that was closed: when this returns, a restarted simulator knows it. */
  accept(incoming: IncomingBatch, facts: BatchFacts): BatchRecord {
    let seenBefore = 0;
    for (const customId of incoming.customIds) {
      const times = this.timesSeen(customId);
      if (times > 0) seenBefore++;
      this.seen.set(customId, times + 1);
    }
    const record: BatchRecord = {
      format: 1,
      id: incoming.id,
      sequence: ++this.sequence,
      requests: incoming.customIds.size,
      outcomes: incoming.outcomes,
      seen_before: seenBefore,
      ...facts,
    };
    writeFileSync(join(incoming.folder, 'batch.json'), JSON.stringify(record));
    renameSync(incoming.folder, join(this.folder, 'batches', record.id));
    this.records.set(record.id, record);
    this.noteCacheWrites(record);
    return record;
  }

  /** The batch that has written a prefix to the prompt cache, deleted ones too. */
  cacheWriter(key: string): BatchRecord | undefined {
    const id = this.cacheWriters.get(key);
    return id === undefined ? undefined : this.records.get(id);
  }

  /** Changes a record, on disk first. Without a pause in between, so that no two changes can meet. */
  update(id: string, changes: Partial<BatchRecord>): BatchRecord {
    const record: BatchRecord = { ...this.records.get(id)!, ...changes };
    const path = join(this.folder, 'batches', id, 'batch.json');
    writeFileSync(`${path}.new`, JSON.stringify(record));
    renameSync(`${path}.new`, path);
    this.records.set(id, record);
    return record;
  }

  /** Deletes a batch: only what `accepted` and `timesSeen` need is kept. */
  async delete(id: string, at: string): Promise<void> {
    this.update(id, { deleted_at: at });
    for (const file of ['body.json', 'answers.jsonl', 'results.jsonl'] as const) await rm(this.path(id, file), { force: true });
  }

  path(id: string, file: BatchFile): string {
    return join(this.folder, 'batches', id, file);
  }

  /** What became of the first so many requests to finish. */
  async countFinished(record: BatchRecord, finished: number): Promise<Record<OwnOutcome, number>> {
    if (finished === record.requests) return record.outcomes;
    const counts = { succeeded: 0, errored: 0, expired: 0 };
    if (finished === 0) return counts;
    let left = finished;
    for await (const lines of splitLines(createReadStream(this.path(record.id, 'outcomes.txt')))) {
      for (const { bytes } of lines) {
        counts[outcomeOfLetter(bytes[0]!)]++;
        if (--left === 0) return counts;
      }
    }
    throw new Error(`${this.path(record.id, 'outcomes.txt')} has fewer lines than its batch has requests.`);
  }

  private noteCacheWrites({ id, cache_written: keys = [] }: BatchRecord): void {
    for (const key of keys) if (!this.cacheWriters.has(key)) this.cacheWriters.set(key, id);
  }

  private async loadSeen(): Promise<void> {
    for (const record of this.records.values()) {
      for await (const lines of splitLines(createReadStream(this.path(record.id, 'outcomes.txt')))) {
        for (const { bytes } of lines) {
          const customId = bytes.toString('latin1', 2);
          this.seen.set(customId, this.timesSeen(customId) + 1);
        }
      }
    }
  }
}

async function readRecord(path: string): Promise<BatchRecord> {
  const text = await readFile(path, 'utf8');
  try {
    const record = JSON.parse(text) as BatchRecord;
    if (record.format === 1) return record;
  } catch {
    // Falls through: both are a file that this simulator has not written.
  }
  throw new Error(`${path} is not a batch of this simulator. Move it away, or start the simulator with another folder.`);
}
