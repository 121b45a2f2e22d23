/** A request that does not end in the block that it begins in. */
import type { CustomIdSet } from './custom-id-set';
import { ObjectWalk } from './object-walk';
import { ENOUGH_BYTES, scanBeginning, scanEnd, type Beginning } from './request-scan';

/** A line is parsed only up to this size, which bounds the memory that it takes. */
const LONGEST_PARSED_BYTES = 16 * 1024 * 1024;

/** Keeps copies, for blocks are used again: of all that must be parsed, or else of the request's end alone, and then walks through its params as they come. */
export class UnfinishedRequest {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #end: Buffer = Buffer.alloc(0);
  #beginning: Beginning | undefined;
  #isWhole = true;
  readonly #walk = new ObjectWalk();
  /** Where the params end, counted from the beginning of the request; -1 until then. */
  #endOfParams = -1;

  /** @param isParsed whether it is to be parsed even if the scan finds its id */
  constructor(
    private readonly isParsed: boolean,
    private readonly ids: CustomIdSet,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** True where it can be neither scanned nor parsed, however it goes on. */
  get isHopeless(): boolean {
    return !this.#isWhole && this.#beginning === undefined;
  }

  add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#isWhole) {
      this.#pieces.push(Buffer.from(piece));
      if (this.#bytes < ENOUGH_BYTES) return;
      this.#beginning ??= scanBeginning(Buffer.concat(this.#pieces, ENOUGH_BYTES), this.ids);
      if (this.#bytes <= LONGEST_PARSED_BYTES && (this.isParsed || !this.#beginning)) return;
      this.#isWhole = false;
      const bytes = Buffer.concat(this.#pieces, this.#bytes);
      if (this.#beginning) this.#findEndOfParams(bytes, this.#beginning.params + 1);
      this.#end = lastBytes([bytes]);
      this.#pieces = [];
    } else {
      this.#findEndOfParams(piece, 0);
      this.#end = lastBytes([this.#end, piece]);
    }
  }

  /** All of it, where it is still there. */
  whole(): Buffer | undefined {
    return this.#isWhole ? Buffer.concat(this.#pieces, this.#bytes) : undefined;
  }

  /** Whether its beginning and its end are those of the usual form, and of the same params; the set has read its id then. */
  scan(): boolean {
    if (!this.#beginning) return false;
    const last = scanEnd(this.#end, this.#beginning, this.ids);
    return last !== -1 && this.#bytes - this.#end.length + last === this.#endOfParams;
  }

  /** @param piece the one that was added last */
  #findEndOfParams(piece: Buffer, start: number): void {
    if (this.#endOfParams !== -1) return;
    const found = this.#walk.next(piece, start, piece.length);
    if (found !== -1) this.#endOfParams = this.#bytes - piece.length + found;
  }
}

/** Copies the last `ENOUGH_BYTES`, or all where there are fewer. */
function lastBytes(pieces: readonly Buffer[]): Buffer {
  const needed: Buffer[] = [];
  for (let index = pieces.length - 1, bytes = 0; index >= 0 && bytes < ENOUGH_BYTES; index--) {
    needed.unshift(pieces[index]!);
    bytes += pieces[index]!.length;
  }
  return Buffer.from(Buffer.concat(needed).subarray(-ENOUGH_BYTES));
}
