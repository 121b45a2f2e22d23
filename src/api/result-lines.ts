/** Reads results line by line: each line is looked at, or parsed, when it is asked for. */
import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import { isBlankLine, LineSplitter, type Line } from '../jsonl';
import { CollectionPace } from './collection-pace';
import type { InvalidAnswerError } from './errors';
import { NoResultError, parseResult, scanResult, type ResultLine, type ResultOutcome } from './result-line';
import type { EndableIterator, ResultsBody } from './results-body';

/** A longer line is an error, not a lot of memory. No answer of a model is near it. */
export const MAX_RESULT_LINE_BYTES = 64 * 1024 * 1024;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * @param offset of the body's first byte in the whole of the results
 * @throws InvalidRequestError where the body is being read already
 */
export function readResultLines(body: ResultsBody, offset: number): EndableIterator<ResultLine> {
  return new LineIterator(body, body.read(new CollectionPace(1 / 4)), offset, (line, number) => new ScannedLine(line, number, body));
}

/** As `readResultLines`, every line parsed. */
export function readResults(body: ResultsBody, offset: number): EndableIterator<MessageBatchIndividualResponse> {
  return new LineIterator(body, body.read(), offset, ({ bytes }) => parseResult(bytes));
}

class LineIterator<T> implements EndableIterator<T> {
  readonly #body: ResultsBody;
  readonly #chunks: EndableIterator<Buffer>;
  readonly #splitter: LineSplitter;
  readonly #offset: number;
  readonly #take: (line: Line, number: number) => T;
  /** Of the bytes that have come. */
  #end: number;
  /** Lines that have come; those before `#next` have been given. */
  #lines: Line[] = [];
  #next = 0;
  #number = 0;
  #refill: Promise<void> | undefined;
  /** No more lines will come. */
  #isOver = false;

  /** @param take makes an item of a line; may throw NoResultError */
  constructor(body: ResultsBody, chunks: EndableIterator<Buffer>, offset: number, take: (line: Line, number: number) => T) {
    this.#body = body;
    this.#chunks = chunks;
    this.#splitter = new LineSplitter(offset);
    this.#offset = offset;
    this.#end = offset;
    this.#take = take;
  }

  // No async generator: so a line that has come already costs one promise and no waiting.
  next(): Promise<IteratorResult<T, void>> {
    if (this.#refill) return this.#refill.then(() => this.next());
    try {
      const value = this.#itemAtHand();
      if (value !== undefined) return Promise.resolve({ done: false, value });
    } catch (error) {
      this.#stop();
      return Promise.reject(this.#body.failure(error));
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    this.#refill = this.#fetchLines().finally(() => (this.#refill = undefined));
    return this.#refill.then(() => this.next());
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#stop();
    await this.#chunks.return();
    return { done: true, value: undefined };
  }

  #stop(): void {
    this.#isOver = true;
    this.#lines = [];
  }

  #itemAtHand(): T | undefined {
    const { signal } = this.#body;
    while (this.#next < this.#lines.length) {
      // Lines that have come already are of no use to a caller that gave up.
      signal?.throwIfAborted();
      const item = this.#itemOf(this.#lines[this.#next++]!);
      if (item !== undefined) return item;
    }
    return undefined;
  }

  /** Resolves when there are further lines, or no more will come. */
  async #fetchLines(): Promise<void> {
    this.#lines = [];
    this.#next = 0;
    try {
      while (this.#lines.length === 0 && !this.#isOver) this.#takeChunk(await this.#chunks.next());
    } catch (error) {
      this.#stop();
      throw this.#body.failure(error);
    }
  }

  #takeChunk({ done, value: chunk }: IteratorResult<Buffer, void>): void {
    if (this.#isOver) return;
    if (done) {
      this.#isOver = true;
      const last = this.#splitter.end();
      if (last) this.#lines = [last];
      return;
    }
    this.#end += chunk.length;
    this.#lines = this.#splitter.push(chunk);
    const { heldBytes } = this.#splitter;
    if (heldBytes > MAX_RESULT_LINE_BYTES) throw this.#tooLong(this.#number + 1, this.#end - heldBytes);
  }

  /** @returns undefined for a blank line */
  #itemOf(line: Line): T | undefined {
    const number = ++this.#number;
    if (line.bytes.length > MAX_RESULT_LINE_BYTES) throw this.#tooLong(number, line.offset);
    const own = line.offset === 0 ? withoutByteOrderMark(line) : line;
    if (isBlankLine(own.bytes)) return undefined;
    try {
      return this.#take(own, number);
    } catch (error) {
      if (!(error instanceof NoResultError)) throw error;
      throw this.#body.invalid(`${place(number, own.offset)} ${!line.terminated && error.mayBeCut ? this.#cutAt(own.offset) : error.message}`);
    }
  }

  #cutAt(offset: number): string {
    const before = offset - this.#offset;
    return `ends in the middle, without a line feed: the body may have been cut there; ${before === 0 ? 'nothing came before it' : `the ${before} bytes before it are good`}`;
  }

  #tooLong(number: number, offset: number): InvalidAnswerError {
    return this.#body.invalid(`${place(number, offset)} is longer than ${MAX_RESULT_LINE_BYTES} bytes, which no result is`);
  }
}

class ScannedLine implements ResultLine {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly number: number;
  readonly customId: string;
  readonly outcome: ResultOutcome;
  readonly #body: ResultsBody;

  /** @throws NoResultError */
  constructor({ bytes, offset, terminated }: Line, number: number, body: ResultsBody) {
    const { customId, outcome } = scanResult(bytes, !terminated);
    this.bytes = bytes;
    this.offset = offset;
    this.number = number;
    this.customId = customId;
    this.outcome = outcome;
    this.#body = body;
  }

  parse(): MessageBatchIndividualResponse {
    try {
      return parseResult(this.bytes);
    } catch (error) {
      throw error instanceof NoResultError ? this.#body.invalid(`${place(this.number, this.offset)} ${error.message}`) : error;
    }
  }
}

function withoutByteOrderMark(line: Line): Line {
  if (!line.bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) return line;
  return { ...line, bytes: line.bytes.subarray(BYTE_ORDER_MARK.length), offset: BYTE_ORDER_MARK.length };
}

/** In words, for messages. */
function place(number: number, offset: number): string {
  return `line ${number} of the results (at byte ${offset})`;
}
