/**
 * Small files that are complete or absent, whatever dies and whenever: written under a temporary
 * name, fsynced, then given their name at once, and the folder fsynced so that the name stays.
 */
import { randomBytes } from 'node:crypto';
import { access, link, mkdir, open, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { StorageError, isSystemError, storageError } from './storage-error';

/** Only the user may read and write: inputs and results are nobody else's business. */
export const FILE_MODE = 0o600;
export const FOLDER_MODE = 0o700;

/** Makes a folder and those above it that are missing (mode 0700), so that a power loss does not take them back. */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder);
  try {
    const firstCreated = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    if (firstCreated === undefined) return;
    // Every new folder's name stands in the folder above it.
    for (let created = path; ; created = dirname(created)) {
      await syncFolder(dirname(created));
      if (created === firstCreated || created === dirname(created)) return;
    }
  } catch (error) {
    throw storageError(await mkdirError(path, error), 'create the folder', path);
  }
}

/** Node's recursive mkdir answers ENOENT for whatever it does not know, a read-only file system or a used-up quota among it. */
async function mkdirError(path: string, error: unknown): Promise<unknown> {
  if (!isSystemError(error) || error.code !== 'ENOENT') return error;
  let missing = path;
  while (missing !== dirname(missing) && !(await exists(dirname(missing)))) missing = dirname(missing);
  return mkdir(missing, { mode: FOLDER_MODE }).then(() => error, (own: unknown) => own);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Makes the names in a folder survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; NTFS journals its names by itself.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Creates a file of this content where there is none of this name yet.
 * @returns false if there was one; it is complete and as safe from a power loss as a new one.
 */
export async function createFile(path: string, content: string): Promise<boolean> {
  const folder = dirname(path);
  const temporary = await writeTemporary(path, content);
  try {
    // link(2), because unlike rename(2) it refuses to replace a file.
    const created = await link(temporary, path).then(() => true, ifExists);
    // Also where another process created it: that one may have died before this step.
    await syncFolder(folder);
    return created;
  } catch (error) {
    if (isSystemError(error) && ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EPERM'].includes(error.code)) {
      throw new StorageError(
        'unsupported',
        path,
        `Could not create ${path}: the file system has no hard links (${error.code}).`,
        'Choose a folder on another file system.',
        { cause: error },
      );
    }
    throw storageError(error, 'create', path);
  } finally {
    await unlink(temporary).catch(ignore);
  }
}

/**
 * Creates an empty file where there is none; nothing is synced but a folder that was missing.
 * @returns false if there was one; of several processes at once, exactly one gets true.
 */
export async function createMark(path: string): Promise<boolean> {
  const create = async (): Promise<boolean> => {
    await (await open(path, 'wx', FILE_MODE)).close();
    return true;
  };
  try {
    return await create().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') return ifExists(error);
      // Synced, for records that are to last may come to lie below it.
      await makeFolder(dirname(path));
      return create().catch(ifExists);
    });
  } catch (error) {
    throw storageError(error, 'create', path);
  }
}

/**
 * Writes a new file into a folder that nobody reads yet: it can be seen half-written, and its name is only safe
 * when the caller has synced the folder. Makes no folders, so it fails where somebody has moved the folder away.
 */
export async function writeNewFile(path: string, content: string | Buffer): Promise<void> {
  try {
    const handle = await open(path, 'wx', FILE_MODE);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw storageError(error, 'write', path);
  }
}

/** Creates a file, or replaces it at once by one of this content. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = await writeTemporary(path, content);
  try {
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(ignore);
    throw storageError(error, 'write', path);
  }
}

/** Removes a file or a folder with all that is in it, if it is there, and makes that survive a power loss. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
    await syncFolder(dirname(path));
  } catch (error) {
    throw storageError(error, 'remove', path);
  }
}

/** A name beside `path` that no other process uses; readers skip names that end in `.tmp`. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** Whether a name in the folder of `path` is one that `temporaryName` gave for it, in this process or another. */
export function isTemporaryName(name: string, path: string): boolean {
  return name.startsWith(`.${basename(path)}.`) && /\.[0-9a-f]{12}\.tmp$/.test(name);
}

async function writeTemporary(path: string, content: string): Promise<string> {
  const temporary = temporaryName(path);
  try {
    await makeFolder(dirname(path));
    await writeNewFile(temporary, content);
    return temporary;
  } catch (error) {
    await unlink(temporary).catch(ignore);
    throw error;
  }
}

function ifExists(error: NodeJS.ErrnoException): boolean {
  if (error.code === 'EEXIST') return false;
  throw error;
}

function ignore(): void {}
