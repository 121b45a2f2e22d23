/** Reads bytes that somebody else's code gives, and ends that code when the call is over. */
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isUint8Array } from 'node:util/types';
import { RequestBodyError } from './errors';

/** The bytes of one attempt at sending a body. */
export interface BodyReader {
  /** The next bytes; undefined after the last. */
  next(): Promise<Buffer | undefined>;
  /** Frees what is held, at any time and however often. Waits for nothing. */
  close(): void;
}

export type ByteSource = AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

/** After so many chunks the event loop has its turn: a source that never waits would keep every timer from running. */
const CHUNKS_IN_A_TURN = 256;

/** Reads a source once. It is opened by the first `next`, so that one that was never asked is still whole. */
export class SourceReader implements BodyReader {
  #iterable: AsyncIterable<Uint8Array> | undefined;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #chunks = 0;
  #bytes = 0;
  #ended = false;

  constructor(private readonly source: ByteSource) {}

  /** @throws RequestBodyError with what the source threw as its cause */
  async next(): Promise<Buffer | undefined> {
    if (++this.#chunks % CHUNKS_IN_A_TURN === 0) await nextTurn();
    if (this.#ended) return undefined;
    let result: IteratorResult<Uint8Array>;
    try {
      this.#iterator ??= this.#open();
      result = await this.#iterator.next();
    } catch (error) {
      this.#ended = true;
      throw new RequestBodyError(`the source of the body failed after ${this.#bytes} bytes`, { cause: error });
    }
    if (result.done) {
      this.#ended = true;
      return undefined;
    }
    const chunk: unknown = result.value;
    if (!isUint8Array(chunk)) {
      throw new RequestBodyError(`the source of the body gave ${describe(chunk)} after ${this.#bytes} bytes, but it has to give bytes (Uint8Array), such as Buffer.from(text)`);
    }
    this.#bytes += chunk.byteLength;
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    // Not awaited: a generator hears of it only when what it waits for has come, and that may be never.
    const returned = async () => this.#iterator?.return?.();
    returned().catch(() => undefined);
    // A stream hears of this at once.
    if (this.#iterable instanceof Readable) this.#iterable.destroy();
  }

  #open(): AsyncIterator<Uint8Array> {
    const iterable = typeof this.source === 'function' ? this.source() : this.source;
    if (!isAsyncIterable(iterable)) throw new TypeError('The function gave no async iterable of bytes.');
    this.#iterable = iterable;
    return iterable[Symbol.asyncIterator]();
  }
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof (value as Partial<AsyncIterable<Uint8Array>> | null | undefined)?.[Symbol.asyncIterator] === 'function';
}

function describe(value: unknown): string {
  if (typeof value === 'string') return 'a string';
  return value === null || value === undefined ? String(value) : `something of type ${typeof value}`;
}
