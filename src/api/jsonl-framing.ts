/**
 * Makes the list of a create's body of JSONL, in place: `{…}\n{…}\n` becomes `{…},{…}\n`. Not one byte is added or taken away,
 * so that the length of the body is known from that of the JSONL. White space of JSON that is not needed stays as it is.
 */
import { isBlank } from './blanks';
import { refusal, type RequestChecker } from './request-checker';
import type { UnfinishedRequest } from './unfinished-request';

const LINE_FEED = 0x0a;
const COMMA = 0x2c;
const SPACE = 0x20;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

export class JsonlFraming {
  #line = 1;
  /** Bytes of a byte order mark that were seen; all of them once it is clear that there is none. */
  #markBytes = 0;
  #unfinished: UnfinishedRequest | undefined;
  /** White space at the end of a block. The next block may begin with a request, and then a comma is needed before it. */
  #held: Buffer | undefined;

  constructor(private readonly checker: RequestChecker) {}

  /** Number of the line that the next byte belongs to, from 1. */
  get line(): number {
    return this.#line;
  }

  /**
   * @param block is written to: it must be nobody else's
   * @returns what is to be sent next, in order
   * @throws InvalidRequestError where a line is no request, see `RequestChecker`
   */
  push(block: Buffer): Buffer[] {
    if (block.length === 0) return [];
    const held = this.#held;
    this.#held = undefined;
    let at = this.#markBytes < BYTE_ORDER_MARK.length ? this.#blankByteOrderMark(block) : 0;
    while (at < block.length) {
      if (this.#unfinished) {
        at = this.#goOn(this.#unfinished, block);
      } else if (block[at] === LINE_FEED) {
        this.#line++;
        at++;
      } else if (isBlank(block[at])) {
        at++;
      } else {
        this.#separate(block, at, held);
        at = this.#begin(block, at);
      }
    }
    this.checker.checkIds();
    const endsBetweenRequests = !this.#unfinished && this.checker.requests > 0;
    if (endsBetweenRequests) this.#held = Buffer.from(block.subarray(-1));
    const rest = endsBetweenRequests ? block.subarray(0, -1) : block;
    return [...(held ? [held] : []), ...(rest.length > 0 ? [rest] : [])];
  }

  /**
   * @returns what is still to be sent
   * @throws InvalidRequestError where the last line is no request, or there was none
   */
  end(): Buffer[] {
    if (this.#unfinished) this.checker.checkUnfinished(this.#unfinished, this.#line);
    this.#unfinished = undefined;
    this.checker.checkIds();
    this.checker.end();
    return this.#held ? [this.#held] : [];
  }

  /** The byte before a request is white space: a line feed, unless the line begins with blanks. */
  #separate(block: Buffer, at: number, held: Buffer | undefined): void {
    if (this.checker.requests === 0) return;
    if (at > 0) block[at - 1] = COMMA;
    else held![0] = COMMA;
  }

  /** @returns the index behind the line, or the length of the block where the line goes on */
  #begin(block: Buffer, start: number): number {
    this.checker.begin(this.#line);
    const end = block.indexOf(LINE_FEED, start);
    if (end === -1) {
      this.#unfinished = this.checker.unfinished();
      this.#unfinished.add(block.subarray(start));
      return block.length;
    }
    this.checker.check(block, start, end, this.#line++);
    return end + 1;
  }

  #goOn(unfinished: UnfinishedRequest, block: Buffer): number {
    const lineFeed = block.indexOf(LINE_FEED);
    const end = lineFeed === -1 ? block.length : lineFeed;
    if (end > 0) unfinished.add(block.subarray(0, end));
    if (lineFeed === -1 && !unfinished.isHopeless) return block.length;
    this.checker.checkUnfinished(unfinished, this.#line++);
    this.#unfinished = undefined;
    return lineFeed + 1;
  }

  /** @returns the index behind it, or behind the part of it that stands in this block */
  #blankByteOrderMark(block: Buffer): number {
    let at = 0;
    for (; at < block.length && this.#markBytes < BYTE_ORDER_MARK.length; at++, this.#markBytes++) {
      if (block[at] !== BYTE_ORDER_MARK[this.#markBytes]) {
        if (this.#markBytes > 0) throw refusal(this.#line, 'is not UTF-8', 'Save the file as UTF-8.');
        this.#markBytes = BYTE_ORDER_MARK.length;
        break;
      }
      block[at] = SPACE;
    }
    return at;
  }
}
