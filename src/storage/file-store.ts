/** Local files as a store. */
import { readdir, readFile, rename, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createFile, createMark, makeFolder, removeDurably, replaceFile, syncFolder } from './durable-files';
import { openFileReplacement } from './file-writer';
import { openNewFileFolder } from './new-file-folder';
import { openFileForReading } from './open-file';
import { readFileChunks } from './read-file';
import { openFileSegments } from './segments';
import { isSystemError, storageError } from './storage-error';
import { type Found, namesByTime, type Store } from './store';

export const fileStore: Store = {
  look,
  list: namesIn,
  newest,
  read: readFileChunks,
  openForReading: openFileForReading,
  readWhole: (path) => unlessMissing(readFile(path), 'read', path),
  create: createFile,
  createMark,
  replace: replaceFile,
  openReplacement: openFileReplacement,
  openNewFolder: openNewFileFolder,
  makeFolder,
  syncFolder,
  remove: removeDurably,
  room,
  openSegments: openFileSegments,
  moveSegments,
};

async function look(path: string): Promise<Found | undefined> {
  const found = await unlessMissing(stat(path), 'read', path);
  if (!found) return undefined;
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  return { kind, size: found.size };
}

async function namesIn(folder: string): Promise<string[]> {
  return (await unlessMissing(readdir(folder), 'read', folder)) ?? [];
}

async function newest(folder: string, count: number): Promise<string[]> {
  const dated = await Promise.all(
    (await namesIn(folder)).map(async (name) => {
      const path = join(folder, name);
      return { name, at: (await unlessMissing(stat(path), 'read', path))?.mtimeMs ?? 0 };
    }),
  );
  return namesByTime(dated, count);
}

/** Of the disk: that of the folder, or of the one above it that exists. */
async function room(folder: string): Promise<number> {
  for (let at = folder; ; at = dirname(at)) {
    const free = await unlessMissing(statfs(at), 'read', at);
    if (free) return free.bavail * free.bsize;
  }
}

async function moveSegments(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
    await syncFolder(dirname(from));
  } catch (error) {
    // An earlier attempt has done it; what lies there now may be the results of the next batch.
    const done = isSystemError(error) && ['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code);
    if (!done) throw storageError(error, 'rename', from);
  }
}

async function unlessMissing<T>(call: Promise<T>, doing: string, path: string): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw storageError(error, doing, path);
  }
}
