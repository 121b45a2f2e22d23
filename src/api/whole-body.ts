/** Reads a body that is sent as it is, so that white space at its end never goes alone. */
import { lastNonSpace } from '../jsonl';
import { SourceReader, type BodyReader, type ByteSource } from './body-source';
import { RequestBodyError } from './errors';

/** More white space in a row nobody writes; it is held in memory. */
const MOST_BLANK_BYTES = 16 * 1024;

/** A chunk up to this size is copied, to go together with what was held before it. A larger one goes after it: that takes less time. */
const MOST_COPIED_BYTES = 16 * 1024;

/**
 * Gives what a source gives, but each time holds its last byte that is no white space, and what follows it: it may be the end of the JSON.
 * It goes when more than white space has come after it, or last of all, in one piece.
 */
export class WholeBodyReader implements BodyReader {
  readonly #source: SourceReader;
  readonly #ready: Buffer[] = [];
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(source: ByteSource) {
    this.#source = new SourceReader(source);
  }

  /** @throws RequestBodyError where the source fails, or gives more than 16 KB of white space in a row */
  async next(): Promise<Buffer | undefined> {
    while (this.#ready.length === 0) {
      const chunk = await this.#source.next();
      if (!chunk) return this.#end();
      this.#add(chunk);
      if (this.#heldBytes > MOST_BLANK_BYTES) throw new RequestBodyError(`the body has more than ${MOST_BLANK_BYTES} bytes of white space in a row. Send it without`);
    }
    return this.#ready.shift();
  }

  close(): void {
    this.#source.close();
  }

  #add(chunk: Buffer): void {
    const last = lastNonSpace(chunk);
    if (last === -1) {
      if (chunk.length > 0) this.#hold(chunk);
      return;
    }
    const free = [...this.#held, chunk.subarray(0, last)].filter((piece) => piece.length > 0);
    this.#ready.push(...(last <= MOST_COPIED_BYTES && free.length > 1 ? [Buffer.concat(free)] : free));
    this.#held = [];
    this.#heldBytes = 0;
    this.#hold(chunk.subarray(last));
  }

  #hold(piece: Buffer): void {
    this.#held.push(piece);
    this.#heldBytes += piece.length;
  }

  #end(): Buffer | undefined {
    const rest = this.#held;
    this.#held = [];
    return rest.length === 0 ? undefined : Buffer.concat(rest);
  }
}
