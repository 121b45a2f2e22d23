import { isUtf8 } from 'node:buffer';
import { API_OUTCOMES, type ApiOutcome, type TokenUsage } from '../contract';
import { endOfPlainText, usualResult, type UsualResult } from '../jsonl';
import { scanUsage } from './usage-scan';

/** What a line of results says, as far as the ledger needs it. */
export type ResultLine =
  | {
      kind: 'result';
      customId: string;
      outcome: ApiOutcome;
      retryable: boolean;
      /** `message.model` and `message.usage` as they came. */
      model: unknown;
      usage: unknown;
    }
  /** A kind of result that this version does not know. */
  | { kind: 'unknown_type'; customId: string; type: string }
  | { kind: 'malformed'; reason: string };

const QUOTE = 0x22;
const COMMA = 0x2c;
/** As the API writes it. Found within a line, something between two lines was lost. */
const LINE_START = Buffer.from('{"custom_id":"');
const MODEL = Buffer.from('model');
const TEXT_FOLLOWS = Buffer.from('":"');
const USAGE = Buffer.from('"usage":{');

/** Parsing takes the event loop as long as it takes: of the worst JSON, three seconds for so much. */
const LONGEST_PARSED = 16 * 1024 * 1024;

/** Errors that pass by themselves: the same request may well succeed later. All others, also new ones, are final. */
const PASSING_ERRORS = new Set(['overloaded_error', 'api_error', 'rate_limit_error', 'timeout_error']);

/**
 * A succeeded result as the API writes it is read from its two ends: the head says whose it is, and the message has to end with its
 * usage, which is parsed. Of the text between them it is only seen that it is UTF-8, has no torn bytes, and no second line in it.
 * Every other line is parsed whole.
 * @param bytes a line without its line feed.
 */
export function parseResultLine(bytes: Buffer): ResultLine {
  if (!isUtf8(bytes)) return malformed('not valid UTF-8');
  return usualLine(bytes) ?? parseWhole(bytes, isText);
}

/** As `parseResultLine`, of a line in the outputs of a job. It may have the input's own id, which may be a number: `customIdOf` tells it as it is written. */
export function parseOutputLine(bytes: Buffer): ResultLine {
  if (!isUtf8(bytes)) return malformed('not valid UTF-8');
  return usualLine(bytes) ?? parseWhole(bytes, (id) => isText(id) || typeof id === 'number');
}

/** @returns undefined where it takes the whole line to tell. */
function usualLine(bytes: Buffer): ResultLine | undefined {
  const usual = usualResult(bytes);
  if (!usual || bytes.includes(0) || bytes.includes(LINE_START, usual.messageStart)) return undefined;
  const model = modelOf(bytes, usual);
  const usage = usageOf(bytes, usual);
  if (model === undefined || usage === undefined) return undefined;
  return { kind: 'result', customId: usual.customId, outcome: 'succeeded', retryable: false, model, usage };
}

/** The message's `model`, where it is among the short texts that it begins with. */
function modelOf(bytes: Buffer, { messageStart }: UsualResult): string | undefined {
  for (let quote = messageStart + 1; bytes[quote] === QUOTE; ) {
    const keyEnd = endOfPlainText(bytes, quote + 1);
    const value = keyEnd + TEXT_FOLLOWS.length;
    if (bytes.compare(TEXT_FOLLOWS, 0, TEXT_FOLLOWS.length, keyEnd, value) !== 0) return undefined;
    const end = endOfPlainText(bytes, value);
    if (bytes[end] !== QUOTE || bytes[end + 1] !== COMMA) return undefined;
    if (bytes.compare(MODEL, 0, MODEL.length, quote + 1, keyEnd) === 0) return bytes.toString('latin1', value, end);
    quote = end + 2;
  }
  return undefined;
}

/**
 * The message's `usage`, where it is the last member. A quote before it that no backslash stands before is a real one, so this is a
 * key; and what is JSON up to the brace that closes the message is the value of one of the message's own.
 */
function usageOf(bytes: Buffer, { messageStart, messageEnd }: UsualResult): TokenUsage | undefined {
  const at = bytes.lastIndexOf(USAGE, messageEnd);
  return at > messageStart && bytes[at - 1] === COMMA ? scanUsage(bytes, at + USAGE.length - 1, messageEnd) : undefined;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function parseWhole(bytes: Buffer, isId: (id: unknown) => boolean): ResultLine {
  if (bytes.length > LONGEST_PARSED) return malformed('too long for a line that is not written as the API writes results');
  let value: unknown;
  try {
    // Bytes beyond ASCII stand in strings only, of which none is looked at here but ids, types and models: so each byte
    // may pass for a character, which is parsed in two thirds of the time and half of the memory.
    value = JSON.parse(bytes.toString('latin1'));
  } catch {
    return malformed('not JSON');
  }
  const id = field(value, 'custom_id');
  const result = field(value, 'result');
  const type = field(result, 'type');
  if (typeof type !== 'string') return malformed(isError(value) ? 'an error object in place of a result' : !isId(id) ? 'no custom_id' : 'no result.type');
  if (!isId(id)) return malformed('no custom_id');
  const customId = String(id);
  if (!isApiOutcome(type)) return { kind: 'unknown_type', customId, type };
  const message = field(result, 'message');
  if (type === 'succeeded' && (typeof message !== 'object' || message === null)) return malformed('succeeded without a message');
  return { kind: 'result', customId, outcome: type, retryable: isRetryable(type, result), model: field(message, 'model'), usage: field(message, 'usage') };
}

function malformed(reason: string): ResultLine {
  return { kind: 'malformed', reason };
}

/** `{"type":"error","error":{…}}`, as the API answers a call that failed, with a custom_id or without. */
function isError(value: unknown): boolean {
  return typeof field(value, 'error') === 'object' || field(value, 'type') === 'error';
}

/** Nested twice: `result.error` is the whole error answer of the API, and its `error.type` says what it was. */
function isRetryable(outcome: ApiOutcome, result: unknown): boolean {
  if (outcome === 'expired') return true;
  if (outcome !== 'errored') return false;
  const errorType = field(field(field(result, 'error'), 'error'), 'type');
  return typeof errorType === 'string' && PASSING_ERRORS.has(errorType);
}

function isApiOutcome(type: string): type is ApiOutcome {
  return (API_OUTCOMES as readonly string[]).includes(type);
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>)[key] : undefined;
}
