/** Records: small JSON files that money hangs on. Complete or absent, after kill -9 and after a power loss. */
import { StorageError } from './storage-error';
import { storeOf } from './stores';

/**
 * Writes a record where there is none of this name yet. When it resolves, the record survives a power loss,
 * and so do all records created earlier in the same folder. Missing folders are made.
 * @returns false if there is one already; it was not touched. Of several processes at once, exactly one gets true.
 * @throws StorageError
 */
export function createRecord(path: string, value: unknown): Promise<boolean> {
  return storeOf(path).create(path, encode(value));
}

/**
 * Writes a record, in place of an earlier one if there is one: readers see the old or the new, nothing between.
 * @throws StorageError
 */
export function replaceRecord(path: string, value: unknown): Promise<void> {
  return storeOf(path).replace(path, encode(value));
}

/**
 * Reads a record.
 * @returns undefined where it does not exist.
 * @throws StorageError `damaged` where it is not JSON: a record is never half there by itself, so somebody changed it.
 */
export async function readRecord<T>(path: string): Promise<T | undefined> {
  const bytes = await storeOf(path).readWhole(path);
  if (!bytes) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch {
    throw new StorageError(
      'damaged',
      path,
      `The record ${path} is not JSON: somebody changed it, or the disk is failing.`,
      'Put it back from a copy. Do not delete it: it may be the only memory of what was paid.',
    );
  }
}

function encode(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
