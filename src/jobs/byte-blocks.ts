/** Copies small pieces together to blocks, so that nothing is kept in memory of the chunks that they come from. */

/** Large enough for few calls, small enough to hold little back. */
const BLOCK_BYTES = 256 * 1024;

export class ByteBlocks {
  private block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  private used = 0;
  private spare: typeof this.block | undefined;

  /** @param reusing a block is the caller's only until it adds more: so two of them are enough for all. */
  constructor(private readonly reusing = false) {}

  /** Adds two pieces, or one. @returns what was added before, once there is enough for a block. */
  add(first: Buffer, second: Buffer = NOTHING): Buffer | undefined {
    const length = first.length + second.length;
    if (this.used + length <= this.block.length) {
      this.copy(first, second);
      return undefined;
    }
    const full = this.end();
    const before = this.block;
    this.block = this.spare && this.spare.length >= length ? this.spare : Buffer.allocUnsafeSlow(Math.max(length, BLOCK_BYTES));
    this.spare = this.reusing && before.length === BLOCK_BYTES ? before : undefined;
    this.used = 0;
    this.copy(first, second);
    return full;
  }

  /** @returns what is left; nothing is added afterwards. */
  end(): Buffer {
    return this.block.subarray(0, this.used);
  }

  private copy(first: Buffer, second: Buffer): void {
    this.block.set(first, this.used);
    if (second.length > 0) this.block.set(second, this.used + first.length);
    this.used += first.length + second.length;
  }
}

const NOTHING = Buffer.alloc(0);
