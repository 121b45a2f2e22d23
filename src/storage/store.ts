/** What a place that keeps files or objects can do. Local files are one store, S3 another. */
import type { OpenSegmentsOptions, Segments } from './segments';

export interface ReadRange {
  /** First byte, default 0. */
  offset?: number;
  /** How many bytes, default to the end. */
  length?: number;
  /** Stops the reading; its reason is thrown as it is. */
  signal?: AbortSignal;
}

/** What was found at a location. */
export interface Found {
  /** `folder`: in S3, that objects lie below it. `other`: neither a regular file nor a folder. */
  kind: 'file' | 'folder' | 'other';
  /** Bytes of a file. */
  size: number;
}

/** A file that is open for reading. */
export interface OpenFile {
  readonly path: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  /**
   * The bytes `[offset, offset + length)` in a buffer of their own, fewer where the file ends before.
   * @throws StorageError
   */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Takes bytes one after another, and holds few of them. */
export interface ByteSink {
  /** How many it has taken. */
  readonly bytes: number;
  /** Appends bytes, which the caller must not change afterwards. Waits where the store is slower than the caller. @throws StorageError */
  append(bytes: Buffer): Promise<void>;
}

/** A file that is being written, to take its name, whole, when it is committed. */
export interface Replacement {
  readonly writer: ByteSink;
  /** Makes it survive a power loss and gives it its name, in place of an earlier file. */
  commit(): Promise<void>;
  /** Throws it away; does nothing after `commit`. */
  discard(): Promise<void>;
}

/** A file of a folder that is being written. */
export interface NewFile extends Pick<ByteSink, 'append'> {
  /** Makes its content survive a power loss. */
  finish(): Promise<void>;
  /** Lets go of it; does nothing after `finish`. Never rejects. */
  abandon(): Promise<void>;
}

/** A folder that is being written. It counts as there once its mark is, the file that is written last. */
export interface NewFolder {
  /** Where it is written: perhaps not at its own place yet. */
  readonly location: string;
  /** Makes a folder in it. Fails where somebody has moved the folder away. */
  makeFolder(location: string): Promise<void>;
  /** Begins to write a file in it. */
  openFile(location: string): Promise<NewFile>;
  /** Writes a small file into it. */
  writeFile(location: string, content: Buffer): Promise<void>;
  /** Makes the names in a folder of it survive a power loss. */
  syncFolder(location: string): Promise<void>;
  /**
   * Writes the mark, last, and makes the folder appear at its place.
   * @returns false where another one was faster: then that one holds.
   */
  commit(mark: string, content: string): Promise<boolean>;
  /** Throws away what nobody else can be using; does nothing after `commit`. */
  discard(): Promise<void>;
}

/**
 * All methods throw a StorageError that names the location, and with `passing` set where the same call may go well later.
 * Whatever has resolved survives a power loss.
 */
export interface Store {
  /** @returns undefined where nothing is there. */
  look(location: string): Promise<Found | undefined>;
  /** Names in a folder; none where it does not exist. */
  list(folder: string): Promise<string[]>;
  /** Names of the files in a folder that were written last, the newest first, `count` at most. */
  newest(folder: string, count: number): Promise<string[]>;
  /** The bytes as they are stored, each chunk a buffer of its own. @throws StorageError `changed` where there is nothing. */
  read(location: string, range: ReadRange): AsyncGenerator<Buffer, void, undefined>;
  /** Opens a file for reads at any place. @throws StorageError `changed` where there is none. */
  openForReading(location: string): Promise<OpenFile>;
  /** All bytes of a small file. @returns undefined where there is none. */
  readWhole(location: string): Promise<Buffer | undefined>;
  /** Creates a small file where there is none. @returns false where there is one; of several at once, exactly one gets true. */
  create(location: string, content: string): Promise<boolean>;
  /** The same with an empty file, which need not survive a power loss: only whoever is the first matters. */
  createMark(location: string): Promise<boolean>;
  /** Creates or replaces a small file at once. */
  replace(location: string, content: string): Promise<void>;
  /** Begins to write a file of any size that appears, whole, when it is committed. */
  openReplacement(location: string): Promise<Replacement>;
  /** Begins to write a folder that appears when its mark is written. Takes away what killed attempts have left, where it is in the way. */
  openNewFolder(location: string): Promise<NewFolder>;
  makeFolder(folder: string): Promise<void>;
  /** Makes the names in a folder survive a power loss, whoever gave them. */
  syncFolder(folder: string): Promise<void>;
  /** Removes a file, or a folder with all that is in it, where it is there. */
  remove(location: string): Promise<void>;
  /** How many bytes can still be stored there; undefined where there is no such limit. */
  room(location: string): Promise<number | undefined>;
  /** See `openSegments`. */
  openSegments(folder: string, options: OpenSegmentsOptions): Promise<Segments>;
  /**
   * Gives a folder of segments another name, so that new ones can be begun at its place. Can be repeated: where an
   * earlier attempt has done it, what lies there since is left alone.
   */
  moveSegments(from: string, to: string): Promise<void>;
}

/** Names with the times they were written at, in ms since 1970: the newest first, `count` at most. */
export function namesByTime(dated: readonly { name: string; at: number }[], count: number): string[] {
  return [...dated]
    .sort((a, b) => b.at - a.at)
    .slice(0, count)
    .map(({ name }) => name);
}
