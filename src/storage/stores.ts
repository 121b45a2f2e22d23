/** Which store keeps a location, and the calls that go to it. */
import { fileStore } from './file-store';
import { isS3 } from './location';
import { s3Store } from './s3/s3-store';
import type { OpenSegmentsOptions, Segments } from './segments';
import { missingError } from './storage-error';
import type { Found, NewFolder, OpenFile, Replacement, Store } from './store';

export function storeOf(location: string): Store {
  return isS3(location) ? s3Store : fileStore;
}

/** What is at a location; undefined where nothing is. @throws StorageError */
export function look(location: string): Promise<Found | undefined> {
  return storeOf(location).look(location);
}

/** Names in a folder; none where it does not exist. @throws StorageError */
export function namesIn(folder: string): Promise<string[]> {
  return storeOf(folder).list(folder);
}

/** Names of the files in a folder that were written last, the newest first. @throws StorageError */
export function newestIn(folder: string, count: number): Promise<string[]> {
  return storeOf(folder).newest(folder, count);
}

/** Opens a file for reads at any place. @throws StorageError, `changed` where there is none. */
export function openForReading(location: string): Promise<OpenFile> {
  return storeOf(location).openForReading(location);
}

/** All bytes of a small file. @throws StorageError `changed` where there is none. */
export async function readWhole(location: string): Promise<Buffer> {
  const bytes = await storeOf(location).readWhole(location);
  if (!bytes) throw missingError(location);
  return bytes;
}

/**
 * Creates a small file where there is none of this name, whole and safe from a power loss.
 * @returns false where there is one; of several at once, exactly one gets true. @throws StorageError
 */
export function createFile(location: string, content: string): Promise<boolean> {
  return storeOf(location).create(location, content);
}

/**
 * Creates an empty file where there is none, quickly: it need not survive a power loss.
 * @returns false where there is one; of several at once, exactly one gets true. @throws StorageError
 */
export function createMark(location: string): Promise<boolean> {
  return storeOf(location).createMark(location);
}

/** Begins to write a file that appears, whole, when it is committed. Missing folders are made. @throws StorageError */
export function openReplacement(location: string): Promise<Replacement> {
  return storeOf(location).openReplacement(location);
}

/** Begins to write a folder that appears when its mark is written. @throws StorageError */
export function openNewFolder(location: string): Promise<NewFolder> {
  return storeOf(location).openNewFolder(location);
}

/** Makes a folder and those above it that are missing, so that a power loss does not take them back. @throws StorageError */
export function makeFolder(folder: string): Promise<void> {
  return storeOf(folder).makeFolder(folder);
}

/** Makes the names in a folder survive a power loss. */
export function syncFolder(folder: string): Promise<void> {
  return storeOf(folder).syncFolder(folder);
}

/** Removes a file or a folder with all that is in it, if it is there, and makes that survive a power loss. @throws StorageError */
export function removeDurably(location: string): Promise<void> {
  return storeOf(location).remove(location);
}

/** How many bytes can still be stored there; undefined where there is no such limit. @throws StorageError */
export function roomAt(location: string): Promise<number | undefined> {
  return storeOf(location).room(location);
}

/**
 * Looks at what is stored. When it resolves, all bytes up to the checkpoint survive a power loss, whoever
 * wrote them. What is stored later is not seen: open again. A folder that does not exist holds nothing.
 * @throws StorageError `changed` where segments were removed or changed by somebody.
 */
export function openSegments(folder: string, options: OpenSegmentsOptions = {}): Promise<Segments> {
  return storeOf(folder).openSegments(folder, options);
}

/** Gives a folder of segments another name, so that new ones can be begun at its place. Can be repeated. @throws StorageError */
export function moveSegments(from: string, to: string): Promise<void> {
  return storeOf(from).moveSegments(from, to);
}
