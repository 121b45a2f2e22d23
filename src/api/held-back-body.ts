/** A request body whose last byte is let go only by a check, in the same synchronous turn. */
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BodyReader } from './body-source';
import { RequestBodyError, type Sent } from './errors';

export interface HeldBackBodyOptions {
  contentLength: number;
  /** Called right before the last byte is handed over; throws where it must not be. */
  beforeLastByte: () => void;
  /** Called right after, in the same turn; throws where the byte did not leave the process. */
  afterLastByte: () => void;
  /** Called once with what kept the body from being sent whole. */
  onFailure: (error: unknown) => void;
}

/**
 * Feeds undici with what `source` gives. undici takes a chunk by a listener that writes it to the socket at once,
 * and pauses this stream until the socket has drained: a chunk that is pushed while the stream flows is therefore
 * on the socket when `push` returns, and with a socket buffer of one byte (see `CreateConnection`) the stream flows only
 * when the kernel has taken everything before. The stream itself holds nothing (`highWaterMark: 0`).
 *
 * So the last byte goes from the check to the kernel in one turn. Where the kernel had no room even so, `afterLastByte` has to
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
    const { contentLength, beforeLastByte, afterLastByte } = this.options;
    let lastByte: Buffer | undefined;
    let position = 0;
    for (let bytes = await this.source.next(); bytes; bytes = await this.source.next()) {
      if (this.#stopped) return;
      position += bytes.length;
      if (position > contentLength) break;
      if (position === contentLength && bytes.length > 0) {
        lastByte = bytes.subarray(-1);
        bytes = bytes.subarray(0, -1);
      }
      if (bytes.length > 0 && !(await this.#pushWhenWanted(bytes))) return;
    }
    if (position !== contentLength || !lastByte) {
      const found = position > contentLength ? 'more' : `only ${position}`;
      throw new RequestBodyError(`the body was announced with ${contentLength} bytes, but its source gave ${found}`);
    }
    await this.#untilWanted();
    if (this.#stopped) return;
    // From here to the end nothing else runs in this process.
    beforeLastByte();
    this.#state = 'maybe';
    this.push(lastByte);
    try {
      afterLastByte();
    } catch (error) {
      this.#state = 'incomplete';
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
