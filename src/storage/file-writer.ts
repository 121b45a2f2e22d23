import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FILE_MODE, makeFolder, syncFolder, temporaryName } from './durable-files';
import { storageError } from './storage-error';
import type { ByteSink, Replacement } from './store';

/** One write call for so many bytes: small enough to keep little in memory, large enough for full speed. */
const WRITE_BYTES = 1024 * 1024;

/** More pieces than so many are copied together first: one call for all of them costs more than the copy. */
const MOST_PIECES = 64;

/**
 * Appends to a file of its own in large writes. Holds at most two writes' worth of bytes: `append` waits
 * for the disk when it is slower than the caller. An error of a write comes out of the next call, and of all after it.
 * A sync may be under way while more is appended.
 */
export class FileWriter implements ByteSink {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  /** Bytes given to writes, done or under way. */
  private written = 0;
  /** The last write; each begins when the one before it is done. */
  private lastWrite: Promise<void> = Promise.resolve();
  private error: unknown;

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  /** Creates the file; fails with EEXIST if there is one of this name, so that no two writers share a file. */
  static async create(path: string): Promise<FileWriter> {
    return new FileWriter(path, await open(path, 'wx', FILE_MODE));
  }

  /** Bytes appended so far, written or not. */
  get bytes(): number {
    return this.written + this.pendingBytes;
  }

  /** Appends bytes, which the caller must not change afterwards. */
  async append(bytes: Buffer): Promise<void> {
    if (this.error !== undefined) throw this.error;
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes < WRITE_BYTES) return;
    const before = this.lastWrite;
    this.startWrite();
    await before;
    if (this.error !== undefined) throw this.error;
  }

  /** Writes what was appended so far and makes it survive a power loss. The file's name is the caller's concern. */
  async sync(): Promise<void> {
    await this.flush();
    try {
      await this.handle.datasync();
    } catch (error) {
      // After a failed sync the kernel may drop the pages: nothing written since the last good one can be trusted.
      throw this.fail(error);
    }
  }

  /** Writes what is held back and closes the file, also where writing failed. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.handle.close();
    }
  }

  private async flush(): Promise<void> {
    if (this.pendingBytes > 0) this.startWrite();
    await this.lastWrite;
    if (this.error !== undefined) throw this.error;
  }

  /** Takes what is pending at once, so that bytes keep their order whoever else appends or syncs meanwhile. */
  private startWrite(): void {
    const pieces = this.pending.length > MOST_PIECES ? [Buffer.concat(this.pending, this.pendingBytes)] : this.pending;
    const { pendingBytes: length, written: position } = this;
    this.pending = [];
    this.pendingBytes = 0;
    this.written += length;
    this.lastWrite = this.lastWrite
      .then(() => (this.error === undefined ? this.write(pieces, length, position) : undefined))
      .catch((error: unknown) => void this.fail(error));
  }

  private async write(pieces: Buffer[], length: number, position: number): Promise<void> {
    const { bytesWritten } = await this.handle.writev(pieces, position);
    if (bytesWritten === length) return;
    // A write may take fewer bytes than it was given.
    const bytes = Buffer.concat(pieces, length);
    for (let done = bytesWritten; done < length; ) {
      done += (await this.handle.write(bytes, done, length - done, position + done)).bytesWritten;
    }
  }

  private fail(error: unknown): unknown {
    this.error ??= storageError(error, 'write', this.path);
    return this.error;
  }
}

/** Begins to write a file under a temporary name; it appears, whole, when it is committed. Missing folders are made. */
export async function openFileReplacement(path: string): Promise<Replacement> {
  const temporary = temporaryName(path);
  await makeFolder(dirname(path));
  let writer: FileWriter;
  try {
    writer = await FileWriter.create(temporary);
  } catch (error) {
    throw storageError(error, 'write', path);
  }
  let open = true;
  return {
    writer,
    async commit() {
      await writer.sync();
      await writer.close();
      try {
        await rename(temporary, path);
        await syncFolder(dirname(path));
      } catch (error) {
        throw storageError(error, 'write', path);
      }
      open = false;
    },
    async discard() {
      if (!open) return;
      open = false;
      await writer.close().catch(ignore);
      await unlink(temporary).catch(ignore);
    },
  };
}

function ignore(): void {}
