/** A request body whose end is let go only by a check, in the same synchronous turn. */
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { lastNonSpace } from '../jsonl';
import type { BodyReader } from './body-source';
import { RequestBodyError, type Sent } from './errors';

export interface HeldBackBodyOptions {
  contentLength: number;
  /** Called right before the end is handed over; throws where it must not be. */
  beforeEnd: () => void;
  /** Called right after, in the same turn, with the number of its bytes; throws where not all of them left the process. */
  afterEnd: (bytes: number) => void;
  /** Called once with what kept the body from being sent whole. */
  onFailure: (error: unknown) => void;
}

/**
 * Feeds undici with what `source` gives. undici takes a chunk by a listener that writes it to the socket at once,
 * and pauses this stream until the socket has drained: a chunk that is pushed while the stream flows is therefore
 * on the socket when `push` returns, and with a socket buffer of one byte (see `CreateConnection`) the stream flows only
 * when the kernel has taken everything before. The stream itself holds nothing (`highWaterMark: 0`).
 *
 * What is held back is the body's last byte, and with white space behind the JSON, all from its last brace on: a server may act
 * as soon as it has the whole JSON. The source gives that in one piece.
 *
 * So the end goes from the check to the kernel in one turn. Where the kernel had no room even so, `afterEnd` has to
 * take it back: what lies in a queue of this process could be sent after a freeze, before any code here runs.
 */
export class HeldBackBody extends Readable {
  #state: Sent = 'nothing';
  #wanted: (() => void) | undefined;
  #isWanted = false;
  #stopped = false;

  constructor(
    private readonly source: BodyReader,
    private readonly options: HeldBackBodyOptions,
  ) {
    super({ highWaterMark: 0 });
    // undici takes its listener off when the request is over; a late error must not end the process.
    this.on('error', () => undefined);
    this.on('resume', () => this.#wake());
  }

  /** How much of the body may have reached anybody. */
  get sent(): Sent {
    return this.#state;
  }

  /** Lets nothing more go, and leaves the connection open for an answer that came early. */
  stop(): void {
    this.#stopped = true;
  }

  override _read(): void {
    this.#isWanted = true;
    if (this.#state === 'nothing') {
      this.#state = 'incomplete';
      this.#pump().catch((error: unknown) => {
        if (this.#stopped) return;
        this.options.onFailure(error);
        this.destroy();
      });
    }
    this.#wake();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stopped = true;
    this.#wanted?.();
    this.source.close();
    callback(error);
  }

  async #pump(): Promise<void> {
    const { contentLength, beforeEnd, afterEnd } = this.options;
    let end: Buffer | undefined;
    let position = 0;
    for (let bytes = await this.source.next(); bytes; bytes = await this.source.next()) {
      if (this.#stopped) return;
      position += bytes.length;
      if (position > contentLength) break;
      if (position === contentLength && bytes.length > 0) {
        const last = Math.max(lastNonSpace(bytes), 0);
        end = bytes.subarray(last);
        bytes = bytes.subarray(0, last);
      }
      if (bytes.length > 0 && !(await this.#pushWhenWanted(bytes))) return;
    }
    if (position !== contentLength || !end) {
      const found = position > contentLength ? 'more' : `only ${position}`;
      throw new RequestBodyError(`the body was announced with ${contentLength} bytes, but its source gave ${found}`);
    }
    await this.#untilWanted();
    if (this.#stopped) return;
    // From here to the end nothing else runs in this process.
    beforeEnd();
    this.#state = 'maybe';
    this.push(end);
    try {
      afterEnd(end.length);
    } catch (error) {
      // Of several bytes the first may have left, and it is the one that counts.
      if (end.length === 1) this.#state = 'incomplete';
      throw error;
    }
    this.push(null);
  }

  async #pushWhenWanted(bytes: Buffer): Promise<boolean> {
    await this.#untilWanted();
    if (this.#stopped) return false;
    this.#isWanted = false;
    this.push(bytes);
    return true;
  }

  /** Resolves when undici would write a chunk at once, or where nothing may be sent any more. */
  async #untilWanted(): Promise<void> {
    // A kernel with room would take chunk after chunk in one turn of the event loop. Others need theirs, and an early
    // answer has to be read before a write to the connection that the server closed after it makes it unreadable.
    await nextTurn();
    while (!this.#stopped && !(this.#isWanted && this.readableFlowing)) {
      await new Promise<void>((resolve) => (this.#wanted = resolve));
    }
  }

  #wake(): void {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted?.();
  }
}
