import { createRecord, readRecord, replaceRecord } from '../storage';

/**
 * The three ways records are touched. Everything that money hangs on goes through here,
 * so that a test can stop a process exactly before or after one record.
 */
export interface RecordStore {
  /** Exclusive and synced; false where the record exists already. */
  create(path: string, value: unknown): Promise<boolean>;
  /** Synced; takes the place of an earlier one. */
  replace(path: string, value: unknown): Promise<void>;
  /** Undefined where there is none. */
  read<T>(path: string): Promise<T | undefined>;
}

/** Records as synced files. */
export const syncedRecords: RecordStore = { create: createRecord, replace: replaceRecord, read: readRecord };
