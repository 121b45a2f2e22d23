/** The beginning of a line whose end has not come yet: costs each byte one or two copies, whatever the chunks are. */

/** Smaller pieces are copied together: each would cost more as a buffer of its own than it holds. */
const SMALL_PIECE_BYTES = 4096;
const LARGEST_BLOCK_BYTES = 64 * 1024;

export class HeldBytes {
  /** How many bytes are held. */
  length = 0;
  private pieces: Buffer[] = [];
  /** Takes small pieces, filled up to `used`; comes after `pieces`. */
  private block: Buffer | undefined;
  private used = 0;

  /** Holds a piece; a large one shares the memory of its chunk. */
  add(piece: Buffer): void {
    // The usual line is cut once only, so its first piece is never worth a copy.
    if (this.length === 0 || piece.length >= SMALL_PIECE_BYTES) {
      this.closeBlock();
      this.pieces.push(piece);
    } else {
      this.copy(piece);
    }
    this.length += piece.length;
  }

  /** Gives what is held, and `rest` after it, as one buffer; nothing is held any more. */
  takeWith(rest: Buffer): Buffer {
    this.closeBlock();
    this.pieces.push(rest);
    const bytes = Buffer.concat(this.pieces, this.length + rest.length);
    this.pieces = [];
    this.length = 0;
    return bytes;
  }

  private copy(piece: Buffer): void {
    if (!this.block || this.used + piece.length > this.block.length) {
      this.closeBlock();
      // As long as what is held already, so that short lines in tiny chunks do not each take a large block.
      this.block = Buffer.allocUnsafe(Math.min(Math.max(this.length, piece.length, 256), LARGEST_BLOCK_BYTES));
    }
    piece.copy(this.block, this.used);
    this.used += piece.length;
  }

  private closeBlock(): void {
    if (!this.block) return;
    this.pieces.push(this.block.subarray(0, this.used));
    this.block = undefined;
    this.used = 0;
  }
}
