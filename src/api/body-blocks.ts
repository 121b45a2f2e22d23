/** Blocks of memory for a body on its way, and the bytes of any source in them. */
import { SourceReader, type BodyReader, type ByteSource } from './body-source';

/**
 * What is handed to the socket at once. With smaller blocks system calls and turns of the event loop take most of the time; with larger
 * ones an answer that comes early, such as 413, is lost: the connection that the server closed after it fails before it is read.
 */
const BLOCK_BYTES = 256 * 1024;
/** One is being sent, the one before it may still be, and one is being filled. */
const BLOCKS_IN_USE = 3;

/** Gives blocks to write to. */
export class BlockMemory {
  readonly #blocks: Buffer[] = [];
  #given = 0;

  /**
   * @param isReused whether a block is given again after the two that follow it: fresh memory takes as long as what is written to it.
   *   Only where blocks are asked for no faster than a socket takes them
   */
  constructor(private readonly isReused: boolean) {}

  next(): Buffer {
    const index = this.#given++ % BLOCKS_IN_USE;
    if (!this.isReused) return Buffer.allocUnsafeSlow(BLOCK_BYTES);
    return (this.#blocks[index] ??= Buffer.allocUnsafeSlow(BLOCK_BYTES));
  }
}

/** Copies the bytes of a source into blocks: its own chunks are not written to, and small ones are put together. */
export class SourceBlocks implements BodyReader {
  readonly #source: SourceReader;
  /** Of a chunk that did not fit into its block. */
  #rest: Buffer | undefined;

  constructor(
    source: ByteSource,
    private readonly memory: BlockMemory,
  ) {
    this.#source = new SourceReader(source);
  }

  async next(): Promise<Buffer | undefined> {
    const block = this.memory.next();
    let filled = 0;
    while (filled < block.length) {
      const chunk = this.#rest ?? (await this.#source.next());
      this.#rest = undefined;
      if (!chunk) break;
      const taken = chunk.copy(block, filled);
      filled += taken;
      if (taken < chunk.length) this.#rest = chunk.subarray(taken);
    }
    return filled === 0 ? undefined : block.subarray(0, filled);
  }

  close(): void {
    this.#source.close();
  }
}
