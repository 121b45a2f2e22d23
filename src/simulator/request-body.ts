/** The body of a call, read so that its last byte counts even where the client is gone by then. */
import type { IncomingMessage } from 'node:http';

/** Above this the connection is not read until the consumer has caught up. */
const MAX_HELD_BYTES = 256 * 1024;
/**
 * The last bytes of a body are always taken at once. A paused request buffers up to 128 KB itself before Node stops to
 * read the connection; if the body ended in them, and the connection behind it, they would be lost with the request.
 */
const NEVER_PAUSED_BYTES = 1024 * 1024;

/** The connection ended before the whole body had arrived. */
export class BodyIncomplete extends Error {}

/**
 * To be made in the moment in which a request is received: Node destroys a request when its connection closes, even if
 * all of it had arrived, and what nobody has taken off it by then is lost. So chunks are taken at once and kept here.
 */
export class RequestBody {
  private held: Buffer[] = [];
  private heldBytes = 0;
  private receivedBytes = 0;
  private state: 'arriving' | 'complete' | 'broken' = 'arriving';
  private forget = false;
  private readonly expectedBytes: number;
  private wake = (): void => {};

  constructor(private readonly request: IncomingMessage) {
    // Without a length only 'end' tells that all has arrived.
    this.expectedBytes = Number(request.headers['content-length'] ?? Infinity);
    if (this.expectedBytes === 0) this.state = 'complete';
    request.on('data', (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      if (this.receivedBytes === this.expectedBytes) this.state = 'complete';
      if (!this.forget) this.hold(chunk);
      this.wake();
    });
    request.on('end', () => this.end('complete'));
    request.on('close', () => this.end('broken'));
    // Without a listener Node keeps such errors to itself; 'close' follows.
    request.on('error', () => undefined);
  }

  /**
   * The body as it arrives, with backpressure. Breaking off leaves the rest unread.
   * @throws BodyIncomplete
   */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        if (this.held.length > 0) {
          const chunks = this.held;
          this.held = [];
          this.heldBytes = 0;
          yield* chunks;
          this.request.resume();
        } else if (this.state === 'complete') {
          return;
        } else if (this.state === 'broken') {
          throw new BodyIncomplete(`The connection ended after ${this.receivedBytes} bytes of the body.`);
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      if (this.state === 'arriving') this.request.pause();
    }
  }

  /** Waits for the whole body and forgets it. @throws BodyIncomplete */
  async readToEnd(): Promise<void> {
    const chunks = this.chunks();
    while (!(await chunks.next()).done);
  }

  /** The whole body. @throws BodyIncomplete, RangeError where it is larger than `maxBytes`. */
  async text(maxBytes: number): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.chunks()) {
      if (this.receivedBytes > maxBytes) throw new RangeError(`The body is larger than ${maxBytes} bytes.`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  /** Lets a client send the rest of a body that was answered already: some read no answer before. */
  ignoreRest(): void {
    this.forget = true;
    this.held = [];
    this.request.resume();
  }

  private hold(chunk: Buffer): void {
    this.held.push(chunk);
    this.heldBytes += chunk.length;
    if (this.heldBytes > MAX_HELD_BYTES && this.expectedBytes - this.receivedBytes > NEVER_PAUSED_BYTES) this.request.pause();
  }

  private end(state: 'complete' | 'broken'): void {
    if (this.state === 'arriving') this.state = state;
    this.wake();
  }
}
