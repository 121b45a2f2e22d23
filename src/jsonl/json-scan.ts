/** Steps over parts of JSON text in its bytes, without decoding them and looking at none twice. Grammar is for `JSON.parse` to check. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** So many bytes of a string are looked at one by one before a native search, which costs as much to begin. */
const BYTES_BEFORE_SEARCH = 24;

/** White space as JSON has it. */
export function isJsonSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x0d || byte === 0x09 || byte === 0x0a;
}

/** @returns the index of the first byte from `at` on that is not white space, at most the length. */
export function skipSpace(bytes: Buffer, at: number): number {
  while (isJsonSpace(bytes[at])) at++;
  return at;
}

/** @returns the index of the last byte that is not white space; -1 where there is none. */
export function lastNonSpace(bytes: Uint8Array): number {
  let at = bytes.length - 1;
  while (at >= 0 && isJsonSpace(bytes[at])) at--;
  return at;
}

/** True for a line of white space alone: it is no record and no mistake. */
export function isBlankLine(line: Buffer): boolean {
  return skipSpace(line, 0) === line.length;
}

/** @returns the index after the closing quote of the string that begins at `at`; the length where it is not closed. */
export function skipString(bytes: Buffer, at: number): number {
  const { length } = bytes;
  for (;;) {
    for (const stop = Math.min(at + BYTES_BEFORE_SEARCH, length); ++at < stop; ) {
      const byte = bytes[at];
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at++;
    }
    if (at >= length) return length;
    const quote = bytes.indexOf(QUOTE, at);
    if (quote === -1) return length;
    let backslashes = 0;
    while (quote - backslashes > at && bytes[quote - backslashes - 1] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote;
  }
}
