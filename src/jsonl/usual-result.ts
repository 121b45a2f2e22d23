/** A succeeded result as the API writes it: what its line is about, found in the bytes without parsing the whole. */
import { isJsonSpace, skipSpace, skipString } from './json-scan';
import { skipTokens, tokens } from './tokens';

/** A line `{"custom_id":"…","result":{"type":"succeeded","message":{…}}}`. */
export interface UsualResult {
  customId: string;
  /** Index of the message's first byte, its opening brace. */
  messageStart: number;
  /** Index of its closing brace. */
  messageEnd: number;
}

const BEFORE_CUSTOM_ID = tokens('{', '"custom_id"', ':');
const BEFORE_MESSAGE = tokens('"', ',', '"result"', ':', '{', '"type"', ':', '"succeeded"', ',', '"message"', ':');

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
/** `[ {` and `] }` differ from each other in this bit only. */
const BRACE_BIT = 0x20;

/**
 * If the line is JSON at all, it says this: no key that comes later can say otherwise. Whether the message is JSON is not looked at.
 * @returns undefined where it is not certain, which says nothing about the line
 */
export function usualResult(bytes: Buffer): UsualResult | undefined {
  const quote = skipTokens(bytes, 0, BEFORE_CUSTOM_ID);
  if (bytes[quote] !== QUOTE) return undefined;
  const end = endOfPlainText(bytes, quote + 1);
  const message = skipTokens(bytes, end, BEFORE_MESSAGE);
  if (bytes[message] !== OPENING_BRACE) return undefined;
  const last = thirdBraceFromEnd(bytes);
  if (last <= message || !endsWithMessage(bytes, message, last)) return undefined;
  return { customId: bytes.toString('latin1', quote + 1, end), messageStart: message, messageEnd: last };
}

/**
 * Whether nothing but two closing braces comes after the message, if the line is JSON: then none of the keys before it can stand
 * a second time. If something did, a brace would close and a comma and a key would follow, no deeper than the message stands. So
 * only what comes after the first such place needs to be walked through: it may not leave the message before the message's last
 * brace. The long texts of an answer come before that, and are passed over by a native search.
 */
function endsWithMessage(bytes: Buffer, message: number, last: number): boolean {
  for (let brace = bytes.indexOf(CLOSING_BRACE, message); brace < last; brace = bytes.indexOf(CLOSING_BRACE, brace + 1)) {
    const comma = skipSpace(bytes, brace + 1);
    if (bytes[comma] !== COMMA) continue;
    const quote = skipSpace(bytes, comma + 1);
    if (bytes[quote] !== QUOTE) continue;
    return !mayEndString(bytes, quote) && isNeverShallowerThanAt(bytes, quote, last);
  }
  return true;
}

/** @returns the index of the last brace but two, where three of them end the line; else -1 */
function thirdBraceFromEnd(bytes: Buffer): number {
  let at = bytes.length;
  for (let braces = 0; braces < 3; braces++) {
    do at--;
    while (isJsonSpace(bytes[at]));
    if (bytes[at] !== CLOSING_BRACE) return -1;
  }
  return at;
}

/** False where a quote can only begin a string: after one that ends it, there is punctuation. */
function mayEndString(bytes: Buffer, quote: number): boolean {
  const next = bytes[skipSpace(bytes, quote + 1)];
  return next === COMMA || next === COLON || next === CLOSING_BRACKET || next === CLOSING_BRACE;
}

/** @param start outside of strings */
function isNeverShallowerThanAt(bytes: Buffer, start: number, end: number): boolean {
  let depth = 0;
  let shallowest = 0;
  let at = start;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      at = skipString(bytes, at);
      continue;
    }
    at++;
    if ((byte | BRACE_BIT) === OPENING_BRACE) depth++;
    else if ((byte | BRACE_BIT) === CLOSING_BRACE && --depth < shallowest) shallowest = depth;
  }
  return at === end && depth === shallowest;
}

/** @returns the index of the first byte from `at` on that is not printable ASCII, or is a quote or a backslash: up to it, bytes mean themselves. */
export function endOfPlainText(bytes: Buffer, at: number): number {
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return at;
  }
  return at;
}
