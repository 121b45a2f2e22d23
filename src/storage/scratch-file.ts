import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isS3 } from './location';
import { FILE_MODE, makeFolder, temporaryName } from './durable-files';
import { readChunks } from './read-lines';
import { storageError } from './storage-error';

/** A local file to work in, written at any place, that nobody else sees and that is gone afterwards. Not synced. */
export class ScratchFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  /** Opens one for what will become the file `location`: on the same disk, or for an object in the folder of temporary files. */
  static async open(location: string): Promise<ScratchFile> {
    const name = temporaryName(isS3(location) ? join(tmpdir(), 'message-batches') : location);
    await makeFolder(dirname(name));
    try {
      return new ScratchFile(name, await open(name, 'wx+', FILE_MODE));
    } catch (error) {
      throw storageError(error, 'write', name);
    }
  }

  /** What was not written below the last byte that was is zeros. @throws StorageError */
  async write(bytes: Buffer, at: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, at + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw storageError(error, 'write', this.path);
    }
  }

  /** The bytes `[at, at + length)`, zeros where the file ends before. @throws StorageError */
  async read(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    try {
      for (let done = 0; done < length; ) {
        const { bytesRead } = await this.handle.read(bytes, done, length - done, at + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (error) {
      throw storageError(error, 'read', this.path);
    }
    return bytes;
  }

  /** All of it from the start, in chunks. @throws StorageError */
  chunks(): AsyncGenerator<Buffer, void, undefined> {
    // With a length, so that bytes that look like gzip are not taken for it.
    return readChunks(this.path, { length: Infinity });
  }

  /** Closes and removes it. */
  async discard(): Promise<void> {
    await this.handle.close();
    await rm(this.path, { force: true });
  }
}
