/** One line of results: whose result it is and what came of the request, found without parsing the whole. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import { isJsonSpace, skipSpace, skipString } from '../jsonl';
import { isObject } from './shapes';

/** `result.type`; the API may come to have more of them. */
export type ResultOutcome = 'succeeded' | 'errored' | 'canceled' | 'expired' | (string & {});

/** A line of results as it came, with what it is about. */
export interface ResultLine {
  /** Without the line feed. Shares the memory of its chunk (64 KB, kept as long as this is): copy what is kept for long. */
  bytes: Buffer;
  /** Of its first byte, in the decoded results from their very beginning. */
  offset: number;
  /** 1 for the first line of this stream; blank lines are counted. */
  number: number;
  customId: string;
  /**
   * What came of the request. It and `customId` are verified: both are what `JSON.parse` gives for the line, wherever the line is JSON
   * at all. For a succeeded result as the API writes it, that is proved without a look at most of its message; that the message
   * itself is JSON, and valid UTF-8, shows when it is parsed. Every other line was parsed, and so was a last one without a line feed,
   * which may be cut.
   */
  outcome: ResultOutcome;
  /**
   * The whole result, unknown fields and types included.
   * @throws InvalidAnswerError where a succeeded line turns out not to be JSON
   */
  parse(): MessageBatchIndividualResponse;
}

/** What a line is about. */
export interface ScannedResult {
  customId: string;
  outcome: ResultOutcome;
}

/** A line is no result. The message completes "the line …" and holds nothing of the line. */
export class NoResultError extends Error {
  /** @param mayBeCut the beginning of a result would look the same */
  constructor(problem: string, readonly mayBeCut = false) {
    super(problem);
  }
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
 * Finds out what a line is about: from its bytes where it is a succeeded result as the API writes it, else by parsing it.
 * @param mayBeCut parse it in any case: half a line can look like a whole one
 * @throws NoResultError
 */
export function scanResult(bytes: Buffer, mayBeCut = false): ScannedResult {
  const customId = mayBeCut ? undefined : customIdOfUsualLine(bytes);
  if (customId !== undefined) return { customId, outcome: 'succeeded' };
  const { custom_id, result } = parseResult(bytes);
  return { customId: custom_id, outcome: result.type };
}

/**
 * Parses a line.
 * @throws NoResultError where it is no JSON, or has no `custom_id` or `result.type`
 */
export function parseResult(bytes: Buffer): MessageBatchIndividualResponse {
  let value: unknown;
  try {
    value = JSON.parse(decode(bytes));
  } catch (error) {
    // The parser's own message quotes the line.
    throw error instanceof NoResultError ? error : new NoResultError('is not JSON', true);
  }
  if (!isObject(value)) throw new NoResultError('is not a JSON object');
  if (typeof value['custom_id'] !== 'string') throw new NoResultError('has no custom_id');
  if (!isObject(value['result']) || typeof value['result']['type'] !== 'string') throw new NoResultError('has no result.type');
  return value as unknown as MessageBatchIndividualResponse;
}

/** JSON is UTF-8; a decoder would put other characters in the place of what is not. Half of all lines are ASCII, which is decoded faster. */
function decode(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (!isUtf8(bytes)) throw new NoResultError('is not valid UTF-8', true);
  return bytes.toString('utf8');
}

/**
 * The custom_id of `{"custom_id":"…","result":{"type":"succeeded","message":{…}}}` where no later key can say otherwise.
 * @returns undefined where that cannot be told, which says nothing about the line
 */
function customIdOfUsualLine(bytes: Buffer): string | undefined {
  const quote = skipTokens(bytes, 0, BEFORE_CUSTOM_ID);
  if (bytes[quote] !== QUOTE) return undefined;
  const end = endOfPlainText(bytes, quote + 1);
  const message = skipTokens(bytes, end, BEFORE_MESSAGE);
  if (bytes[message] !== OPENING_BRACE || !endsWithMessage(bytes, message)) return undefined;
  return bytes.toString('latin1', quote + 1, end);
}

/**
 * Whether nothing but two closing braces comes after the message, if the line is JSON: then none of the keys before it can stand
 * a second time. If something did, a brace would close and a comma and a key would follow, no deeper than the message stands. So
 * only what comes after the first such place needs to be walked through: it may not leave the message before the message's last
 * brace. The long texts of an answer come before that, and are passed over by a native search.
 */
function endsWithMessage(bytes: Buffer, message: number): boolean {
  const last = thirdBraceFromEnd(bytes);
  if (last <= message) return false;
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

/** Tokens one after another, and for each byte whether it begins one, so that white space may stand before it. */
interface Tokens {
  bytes: Buffer;
  begins: boolean[];
}

function tokens(...all: string[]): Tokens {
  return { bytes: Buffer.from(all.join('')), begins: all.flatMap((token) => Array.from(token, (_, index) => index === 0)) };
}

/** @returns the index after the tokens and the white space that follows; -1 where they do not stand at `at` */
function skipTokens(bytes: Buffer, at: number, { bytes: wanted, begins }: Tokens): number {
  for (let index = 0; index < wanted.length; index++, at++) {
    if (bytes[at] === wanted[index]) continue;
    if (!begins[index]) return -1;
    at = skipSpace(bytes, at);
    if (bytes[at] !== wanted[index]) return -1;
  }
  return skipSpace(bytes, at);
}

/** @returns the index of the first byte from `at` on that is not printable ASCII, or is a quote or a backslash: up to it, bytes mean themselves. */
function endOfPlainText(bytes: Buffer, at: number): number {
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return at;
  }
  return at;
}
