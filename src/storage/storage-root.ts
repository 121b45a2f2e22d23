import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createFile, makeFolder } from './durable-files';
import { StorageError, storageError } from './storage-error';

const ID_FILE = 'storage-id';

/** A folder that holds files of jobs. */
export interface StorageRoot {
  /** Absolute. */
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
  const root = resolve(folder);
  const path = join(root, ID_FILE);
  await makeFolder(root);
  let id = await readId(path);
  if (id === undefined) {
    await createFile(path, `${randomBytes(4).toString('hex')}\n`);
    id = await readId(path);
  }
  if (id === undefined || !/^[0-9a-f]{8}$/.test(id)) {
    throw new StorageError('damaged', path, `${path} does not hold an id of 8 hex digits.`, 'Put the file back as it was.');
  }
  return { folder: root, id };
}

async function readId(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storageError(error, 'read', path);
  }
}
