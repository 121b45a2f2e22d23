/** S3, and what speaks as it does, as a store. What the server has acknowledged is durable, so nothing is synced here. */
import { parseS3 } from '../location';
import { type Found, namesByTime, type NewFolder, type Store } from '../store';
import { createObject, deleteObject, deleteObjects, headObject, listObjects, putObject } from './objects';
import { openObjectForReading, readObject, readWholeObject } from './read-object';
import { openS3Segments } from './s3-segments';
import { moveSeries } from './segment-series';
import { openObjectReplacement } from './upload';

/** So many names are removed while the list goes on. */
const REMOVED_TOGETHER = 1_000;

export const s3Store: Store = {
  look,
  list: namesIn,
  newest,
  read: readObject,
  openForReading: openObjectForReading,
  readWhole: readWholeObject,
  create: (location, content) => createObject(location, Buffer.from(content)),
  createMark: (location) => createObject(location, Buffer.alloc(0)),
  replace: (location, content) => putObject(location, Buffer.from(content)),
  openReplacement: async (location) => openObjectReplacement(location),
  openNewFolder: async (location) => newFolder(location),
  makeFolder: async () => undefined,
  syncFolder: async () => undefined,
  remove,
  room: async () => undefined,
  openSegments: openS3Segments,
  moveSegments: moveSeries,
};

async function look(location: string): Promise<Found | undefined> {
  const found = parseS3(location).key === '' ? undefined : await headObject(location);
  if (found) return found;
  for await (const _object of listObjects(location, { limit: 1 })) return { kind: 'folder', size: 0 };
  return undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = new Set<string>();
  for await (const { name } of listObjects(folder)) names.add(name.split('/', 1)[0]!);
  return [...names];
}

async function newest(folder: string, count: number): Promise<string[]> {
  const dated: { name: string; at: number }[] = [];
  for await (const { name, modifiedMs } of listObjects(folder)) if (!name.includes('/')) dated.push({ name, at: modifiedMs });
  return namesByTime(dated, count);
}

async function remove(location: string): Promise<void> {
  if (parseS3(location).key === '') throw new TypeError('A whole bucket is never removed');
  await deleteObject(location);
  let names: string[] = [];
  for await (const { name } of listObjects(location)) {
    names.push(name);
    if (names.length < REMOVED_TOGETHER) continue;
    await deleteObjects(location, names);
    names = [];
  }
  await deleteObjects(location, names);
}

/**
 * A folder at its own place, which counts once its mark is there. Its files follow from what they are made of: whoever
 * writes them again writes the same.
 */
function newFolder(location: string): NewFolder {
  return {
    location,
    makeFolder: async () => undefined,
    openFile: async (file) => {
      const upload = openObjectReplacement(file);
      return { append: (bytes) => upload.writer.append(bytes), finish: () => upload.commit(), abandon: () => upload.discard() };
    },
    writeFile: putObject,
    syncFolder: async () => undefined,
    commit: (mark, content) => createObject(mark, Buffer.from(content)),
    discard: async () => undefined,
  };
}
