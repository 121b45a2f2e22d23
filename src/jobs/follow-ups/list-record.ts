import type { FollowUpOptions } from '../../contract';
import { readRecord, replaceRecord } from '../../storage';
import type { LedgerRecord } from '../ledger-file';
import type { FollowUpFiles } from './files';
import type { ListSlice } from './shard-cutter';

/** `list.json`: the list of a part's follow-ups is there, and what it follows from. */
export interface ListRecord {
  format: 1;
  /** Absent where it was made of `follow-ups.jsonl`. */
  source?: ListSource;
  /** Bytes of the list. */
  bytes: number;
  /** `[offset, length, count]` of each. */
  shards: [number, number, number][];
}

/** From the same the same list is made. */
export interface ListSource extends Pick<LedgerRecord, 'batch_id' | 'generation' | 'crc32'>, Pick<FollowUpOptions, 'on' | 'where' | 'per' | 'args'> {
  without_retryable: boolean;
  activity_task_queue: string;
}

/** @returns undefined where there is no list, or none that was finished. @throws StorageError */
export function readListRecord({ record }: FollowUpFiles): Promise<ListRecord | undefined> {
  return readRecord<ListRecord>(record);
}

export function writeListRecord({ record }: FollowUpFiles, source: ListSource | undefined, shards: readonly ListSlice[]): Promise<void> {
  const last = shards.at(-1);
  const content: ListRecord = { format: 1, source, bytes: last ? last.offset + last.length : 0, shards: shards.map(({ offset, length, count }) => [offset, length, count]) };
  return replaceRecord(record, content);
}

export function shardsOf({ shards }: ListRecord): ListSlice[] {
  return shards.map(([offset, length, count]) => ({ offset, length, count }));
}
