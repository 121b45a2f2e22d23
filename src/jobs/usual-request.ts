/** A request as programs usually write it: what its line says, found without looking at all of it twice. */
import { isUtf8 } from 'node:buffer';
import { endOfPlainText, isJsonSpace, lastNonSpace, skipSpace, skipTokens, tokens } from '../jsonl';
import { skipValue } from './json-members';
import { requestFacts } from './request-facts';
import { type RequestLine, sentOf } from './request-parts';

const BEFORE_CUSTOM_ID = tokens('{', '"custom_id"', ':');
const BEFORE_PARAMS = tokens('"', ',', '"params"', ':');
const BEFORE_METADATA = tokens(',', '"metadata"', ':');
const METADATA_KEY = Buffer.from('"metadata"');

const QUOTE = 0x22;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const LONGEST_CUSTOM_ID = 64;
/** `JSON.stringify` writes nothing six times as long as it was: metadata of so many bytes is never too long. */
const SURELY_SHORT_METADATA = 680;

/** What the last line was like, and the next one probably is: it is a matter of time only, not of what comes out. */
const habit = { metadata: false };

/**
 * A line `{"custom_id":"…","params":{…}}`, perhaps with `"metadata":{…}` after it. What stands between `"params":` and the end is
 * parsed by itself: if that is one object, nothing else can stand in the line, and no key twice.
 * @returns undefined where it is not certain, which says nothing about the line
 */
export function usualRequest(line: Buffer): RequestLine | undefined {
  if (line[0] !== OPENING_BRACE) return undefined;
  const last = lastNonSpace(line);
  const quote = skipTokens(line, 0, BEFORE_CUSTOM_ID);
  if (line[last] !== CLOSING_BRACE || line[quote] !== QUOTE) return undefined;
  const idEnd = endOfPlainText(line, quote + 1);
  const customId = customIdAt(line, quote + 1, idEnd);
  const start = skipTokens(line, idEnd, BEFORE_PARAMS);
  if (customId === undefined || line[start] !== OPENING_BRACE || !isUtf8(line)) return undefined;

  const metadata = habit.metadata ? metadataAt(line, start, last) : undefined;
  habit.metadata = metadata !== undefined;
  const params = objectAt(line, start, metadata ? metadata.before : last);
  if (!params) {
    // Perhaps it has metadata: then the next ones have it too.
    habit.metadata = true;
    return undefined;
  }
  const paramsEnd = endOfValue(line, metadata ? metadata.before : last);
  // Its bytes were taken for Latin-1.
  if (typeof params['model'] === 'string' && !isAscii(params['model'])) return undefined;
  const facts = requestFacts(params);
  if (!metadata) return { customId, sent: last + 1 === line.length ? line : line.subarray(0, last + 1), paramsStart: start, paramsEnd, facts };
  const value = textObject(line.toString('utf8', metadata.start, last));
  if (!value) return undefined;
  return { customId, ...sentOf(line.subarray(quote, idEnd + 1), line.subarray(start, paramsEnd)), facts, metadata: value };
}

function customIdAt(line: Buffer, start: number, end: number): string | undefined {
  if (end === start || end - start > LONGEST_CUSTOM_ID) return undefined;
  for (let at = start; at < end; at++) if (!IN_CUSTOM_ID[line[at]!]) return undefined;
  return line.toString('latin1', start, end);
}

const IN_CUSTOM_ID = Array.from({ length: 256 }, (_, code) => /[a-zA-Z0-9_-]/.test(String.fromCharCode(code)));

/** Where short metadata ends the line: `params` may have a member of that name too. */
function metadataAt(line: Buffer, params: number, last: number): { before: number; start: number } | undefined {
  const from = Math.max(params, last - SURELY_SHORT_METADATA);
  const key = line.indexOf(METADATA_KEY, from);
  if (key === -1) return undefined;
  let before = key - 1;
  while (isJsonSpace(line[before])) before--;
  const start = skipTokens(line, before, BEFORE_METADATA);
  if (line[start] !== OPENING_BRACE || skipSpace(line, skipValue(line, start)) !== last) return undefined;
  return { before, start };
}

/** For JSON's grammar bytes beyond ASCII are all the same, and as Latin-1 they are read in a fraction of the time. */
function objectAt(line: Buffer, start: number, end: number): Record<string, unknown> | undefined {
  return textObject(line.toString('latin1', start, end));
}

/** @param text begins with a brace. */
function textObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function endOfValue(line: Buffer, end: number): number {
  while (isJsonSpace(line[end - 1])) end--;
  return end;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7e) return false;
  return true;
}
