import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FILE_MODE, makeFolder, syncFolder, temporaryName } from './durable-files';
import { storageError } from './storage-error';
import type { ByteSink, Replacement } from './store';

/** One write call for so many bytes: small enough to keep little in memory, large enough for full speed. */
const WRITE_BYTES = 1024 * 1024;

/**
 * Appends to a file of its own in large writes. Holds at most two writes' worth of bytes: `append` waits
 * for the disk when it is slower than the caller. An error of a write comes out of the next call, and of all after it.
 */
export class FileWriter implements ByteSink {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private written = 0;
  private underWay: Promise<void> | undefined;
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
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes >= WRITE_BYTES) await this.startWrite();
    else if (this.error !== undefined) throw this.error;
  }

  /** Writes what is held back and makes it survive a power loss. The file's name is the caller's concern. */
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
    if (this.pendingBytes > 0) await this.startWrite();
    await this.underWay;
    if (this.error !== undefined) throw this.error;
  }

  /** Waits for the write under way, then starts the next one without waiting for it. */
  private async startWrite(): Promise<void> {
    await this.underWay;
    if (this.error !== undefined) throw this.error;
    const bytes = this.pending.length === 1 ? this.pending[0]! : Buffer.concat(this.pending, this.pendingBytes);
    const position = this.written;
    this.pending = [];
    this.pendingBytes = 0;
    this.written += bytes.length;
    this.underWay = this.write(bytes, position).catch((error: unknown) => {
      this.fail(error);
    });
  }

  private async write(bytes: Buffer, position: number): Promise<void> {
    // A write may take fewer bytes than it was given.
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
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
