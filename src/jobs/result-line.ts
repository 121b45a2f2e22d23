import { isUtf8 } from 'node:buffer';
import { API_OUTCOMES, type ApiOutcome } from '../contract';

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

/** Errors that pass by themselves: the same request may well succeed later. All others, also new ones, are final. */
const PASSING_ERRORS = new Set(['overloaded_error', 'api_error', 'rate_limit_error', 'timeout_error']);

/**
 * Every line is parsed whole: what is counted as succeeded is JSON to its last brace.
 * @param bytes a line without its line feed.
 */
export function parseResultLine(bytes: Buffer): ResultLine {
  if (!isUtf8(bytes)) return malformed('not valid UTF-8');
  let value: unknown;
  try {
    // Bytes beyond ASCII stand in strings only, of which none is looked at here but ids, types and models: so each byte
    // may pass for a character, which is parsed in two thirds of the time and half of the memory.
    value = JSON.parse(bytes.toString('latin1'));
  } catch {
    return malformed('not JSON');
  }
  const customId = field(value, 'custom_id');
  const result = field(value, 'result');
  const type = field(result, 'type');
  if (typeof type !== 'string') return malformed(isError(value) ? 'an error object in place of a result' : typeof customId !== 'string' ? 'no custom_id' : 'no result.type');
  if (typeof customId !== 'string') return malformed('no custom_id');
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
