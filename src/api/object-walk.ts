/** Finds the end of a JSON object by its nesting: strings are passed over, and nothing is parsed. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Names and short values end within so many bytes; for longer strings the native search is faster than a loop. */
const NEAR_BYTES = 24;

/**
 * Walks through an object from behind its opening brace. Where the bytes are a part of valid JSON, what it finds is the brace that
 * closes the object; where they are not, the whole of which they are a part is not valid either, and no parser takes it.
 */
export class ObjectWalk {
  #depth = 1;
  #inString = false;
  /** Backslashes at the end of a piece that ends within a string. */
  #backslashes = 0;

  /**
   * Goes on with the next piece, or a part of it.
   * @returns the index of the brace that closes the object; -1 where it is not there. There is nothing to walk through behind it
   */
  next(bytes: Buffer, start: number, end: number): number {
    let at = this.#inString ? this.#behindString(bytes, start, end) : start;
    let depth = this.#depth;
    while (at < end) {
      const byte = bytes[at++];
      if (byte === QUOTE) {
        // Almost every name and value: short, and without a backslash at its end.
        const near = Math.min(at + NEAR_BYTES, end);
        let quote = at;
        while (quote < near && bytes[quote] !== QUOTE) quote++;
        at = quote < near && bytes[quote - 1] !== BACKSLASH ? quote + 1 : this.#behindString(bytes, at, end);
      } else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) {
        depth++;
      } else if ((byte === CLOSING_BRACE || byte === CLOSING_BRACKET) && --depth === 0) {
        return at - 1;
      }
    }
    this.#depth = depth;
    return -1;
  }

  /** @returns the index behind the quote that ends the string; `end` where that is not there */
  #behindString(bytes: Buffer, start: number, end: number): number {
    let quote = bytes.indexOf(QUOTE, start);
    while (quote !== -1 && quote < end && this.#backslashesBefore(bytes, quote, start) % 2 === 1) quote = bytes.indexOf(QUOTE, quote + 1);
    this.#inString = quote === -1 || quote >= end;
    this.#backslashes = this.#inString ? this.#backslashesBefore(bytes, end, start) : 0;
    return this.#inString ? end : quote + 1;
  }

  #backslashesBefore(bytes: Buffer, index: number, start: number): number {
    let at = index;
    while (at > start && bytes[at - 1] === BACKSLASH) at--;
    return index - at + (at === start ? this.#backslashes : 0);
  }
}
