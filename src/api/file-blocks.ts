/** The bytes of a file in blocks, one read ahead. */
import { open, type FileHandle } from 'node:fs/promises';
import type { BlockMemory } from './body-blocks';
import type { BodyReader } from './body-source';
import { RequestBodyError } from './errors';

export class FileBlocks implements BodyReader {
  #file: FileHandle | undefined;
  #ahead: Promise<Buffer | undefined> | undefined;
  #bytes = 0;
  #closed = false;

  constructor(
    private readonly path: string,
    private readonly memory: BlockMemory,
  ) {}

  /** @throws RequestBodyError where the file cannot be read */
  async next(): Promise<Buffer | undefined> {
    const block = await (this.#ahead ?? this.#read());
    this.#ahead = block && this.#read();
    // It may fail before anybody waits for it.
    this.#ahead?.catch(() => undefined);
    return block;
  }

  close(): void {
    this.#closed = true;
    const file = this.#file;
    this.#file = undefined;
    // Waits for a read that is under way.
    file?.close().catch(() => undefined);
  }

  async #read(): Promise<Buffer | undefined> {
    if (this.#closed) return undefined;
    try {
      this.#file ??= await this.#open();
      const block = this.memory.next();
      const { bytesRead } = await this.#file.read(block, 0, block.length, null);
      this.#bytes += bytesRead;
      if (bytesRead > 0) return block.subarray(0, bytesRead);
    } catch (error) {
      this.close();
      throw new RequestBodyError(`${this.path} could not be read after ${this.#bytes} bytes (${(error as NodeJS.ErrnoException).code})`, { cause: error });
    }
    this.close();
    return undefined;
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.path);
    if (!this.#closed) return file;
    await file.close();
    throw new Error('closed');
  }
}
