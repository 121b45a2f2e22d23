/** The body of results: decoded, read once, and with errors that tell what happened. */
import type { Readable } from 'node:stream';
import { invalidAnswer, type Asked } from './answer';
import { describeCall } from './call';
import { CollectionPace } from './collection-pace';
import { cutBodyError, isBodyTimeout, stalledBodyError } from './connection-failure';
import { ConnectionError, InvalidRequestError, MessageBatchesError, type InvalidAnswerError } from './errors';
import { decodedBody, UnknownEncodingError, type WireResponse } from './response-body';

/** An iterator that can always be ended early, also while a `next` of it is waiting. */
export interface EndableIterator<T> extends AsyncIterator<T, void, undefined> {
  return(): Promise<IteratorResult<T, void>>;
}

export class ResultsBody implements AsyncIterable<Buffer> {
  readonly signal: AbortSignal | undefined;
  readonly #response: WireResponse;
  readonly #asked: Asked;
  readonly #isPart: boolean;
  readonly #bytesAfter: number;
  readonly #stream: Readable;
  #bytesRead = 0;
  #isTaken = false;
  /** Who ended it before its end: its reader, which expects nothing more, or `close`, of which a reader has to hear. */
  #endedBy: 'reader' | 'close' | undefined;

  /**
   * @param isPart it does not begin with the first byte of the results
   * @param bytesAfter how many bytes of the results come after it, which the server left out
   * @throws InvalidAnswerError where it is encoded in a way that was not asked for
   */
  constructor(response: WireResponse, asked: Asked, isPart: boolean, bytesAfter: number) {
    this.signal = asked.call.signal;
    this.#response = response;
    this.#asked = asked;
    this.#isPart = isPart;
    this.#bytesAfter = bytesAfter;
    try {
      this.#stream = decodedBody(response, asked.call.idleTimeoutMs);
    } catch (error) {
      if (error instanceof UnknownEncodingError) throw invalidAnswer(response, asked, `its ${error.message} was not asked for`);
      throw error;
    }
  }

  close(): void {
    this.#end('close');
  }

  /** Ends the reading because of an error that its reader found. @returns the error, to be thrown */
  failure(error: unknown): unknown {
    this.#asked.observer.failed(error);
    this.#end('reader');
    return error;
  }

  /** An error for bytes that are no results. @param problem completes "the API answered 200, but …" */
  invalid(problem: string): InvalidAnswerError {
    return invalidAnswer(this.#response, this.#asked, problem);
  }

  [Symbol.asyncIterator](): EndableIterator<Buffer> {
    return this.read(new CollectionPace(1));
  }

  /** @throws InvalidRequestError the second time */
  read(pace?: CollectionPace): EndableIterator<Buffer> {
    if (this.#isTaken) {
      throw new InvalidRequestError('results: they can be read only once, as body, as lines() or by iterating over them. Call results again to read them again.');
    }
    this.#isTaken = true;
    const chunks = this.#chunks(pace);
    return {
      next: () => chunks.next(),
      // A generator that never began, or waits for a chunk, would not free the connection by itself.
      return: () => {
        this.#end('reader');
        return chunks.return();
      },
    };
  }

  async *#chunks(pace: CollectionPace | undefined): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
        if (this.#bytesRead === 0 && !this.#isPart && looksLikeHtml(chunk)) throw this.invalid('its body is HTML; something between here and the API may have given it');
        this.#bytesRead += chunk.length;
        pace?.read(chunk.length);
        yield chunk;
      }
      // Its end is not the end of the results.
      if (this.#bytesAfter > 0) throw Object.assign(new Error('a part ended early'), { code: `${this.#bytesAfter} bytes before the end of the results` });
    } catch (error) {
      if (this.#endedBy === 'reader') return;
      const said = this.#errorOf(error);
      this.#asked.observer.failed(said);
      throw said;
    }
    this.#asked.observer.ended(this.#bytesRead);
  }

  #end(by: 'reader' | 'close'): void {
    this.#endedBy ??= by;
    this.#stream.destroy();
    this.#asked.observer.ended(this.#bytesRead);
  }

  #errorOf(error: unknown): unknown {
    const { call, settings } = this.#asked;
    if (call.signal?.aborted) return call.signal.reason;
    const requestId = this.#response.headers['request-id'];
    if (this.#endedBy === 'close') {
      const message = `${describeCall(call)}: closed by this program after ${this.#bytesRead} bytes; what was to come is not known.`;
      return new ConnectionError(message, { sent: 'maybe', outcomeKnown: true, retryable: true, requestId });
    }
    const failure = { call, origin: settings.origin, requestId };
    if (isBodyTimeout(error)) return stalledBodyError(failure, this.#bytesRead);
    return error instanceof MessageBatchesError ? error : cutBodyError(error, failure, this.#bytesRead);
  }
}

function looksLikeHtml(chunk: Buffer): boolean {
  return chunk.subarray(0, 256).toString('latin1').replace(/^\xef\xbb\xbf/, '').trimStart().startsWith('<');
}
