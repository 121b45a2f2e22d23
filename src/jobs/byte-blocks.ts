/** Copies small pieces together to blocks, so that nothing is kept in memory of the chunks that they come from. */

/** Large enough for few calls, small enough to hold little back. */
const BLOCK_BYTES = 256 * 1024;

export class ByteBlocks {
  private block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  private used = 0;

  /** Adds two pieces, or one. @returns what was added before, once there is enough for a block; nobody else writes to it. */
  add(first: Buffer, second: Buffer = NOTHING): Buffer | undefined {
    const length = first.length + second.length;
    if (this.used + length <= this.block.length) {
      this.copy(first, second);
      return undefined;
    }
    const full = this.end();
    if (length > this.block.length) this.block = Buffer.allocUnsafeSlow(length);
    this.copy(first, second);
    return full;
  }

  /** @returns what is left. */
  end(): Buffer {
    const bytes = this.block.subarray(0, this.used);
    this.block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.used = 0;
    return bytes;
  }

  private copy(first: Buffer, second: Buffer): void {
    this.block.set(first, this.used);
    if (second.length > 0) this.block.set(second, this.used + first.length);
    this.used += first.length + second.length;
  }
}

const NOTHING = Buffer.alloc(0);
