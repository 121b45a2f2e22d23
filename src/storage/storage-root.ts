import { randomBytes } from 'node:crypto';
import { absoluteLocation, joinLocation } from './location';
import { StorageError } from './storage-error';
import { storeOf } from './stores';

const ID_FILE = 'storage-id';

/** A folder that holds files of jobs. */
export interface StorageRoot {
  /** Absolute path, or `s3://bucket/key`. */
  folder: string;
  /** 8 hex digits from the folder's `storage-id` file. Two workers with the same id see the same files. */
  id: string;
}

/**
 * Opens a storage root; makes the folder (mode 0700) and its id where they are missing.
 * Several processes at once get the same id.
 * @throws StorageError
 */
export async function openStorageRoot(folder: string): Promise<StorageRoot> {
  const root = absoluteLocation(folder);
  const path = joinLocation(root, ID_FILE);
  const store = storeOf(root);
  await store.makeFolder(root);
  let id = await readId(path);
  if (id === undefined) {
    await store.create(path, `${randomBytes(4).toString('hex')}\n`);
    id = await readId(path);
  }
  if (id === undefined || !/^[0-9a-f]{8}$/.test(id)) {
    throw new StorageError('damaged', path, `${path} does not hold an id of 8 hex digits.`, 'Put the file back as it was.');
  }
  return { folder: root, id };
}

async function readId(path: string): Promise<string | undefined> {
  return (await storeOf(path).readWhole(path))?.toString('utf8').trim();
}
