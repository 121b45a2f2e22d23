import { isUtf8 } from 'node:buffer';
import { API_OUTCOMES, type ApiOutcome } from '../contract';

/** What a line of results says, as far as the ledger needs it. */
export type ResultLine =
  | { kind: 'result'; customId: string; outcome: ApiOutcome; retryable: boolean; /** `message.usage` as it came. */ usage: unknown }
  /** A kind of result that this version does not know. */
  | { kind: 'unknown_type'; customId: string; type: string }
  | { kind: 'malformed'; reason: string };

/** Errors that pass by themselves: the same request may well succeed later. All others, also new ones, are final. */
const PASSING_ERRORS = new Set(['overloaded_error', 'api_error', 'rate_limit_error', 'timeout_error']);

/** @param bytes a line without its line feed. */
export function parseResultLine(bytes: Buffer): ResultLine {
  const malformed = (reason: string): ResultLine => ({ kind: 'malformed', reason });
  if (!isUtf8(bytes)) return malformed('not valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return malformed('not JSON');
  }
  const customId = field(value, 'custom_id');
  const result = field(value, 'result');
  const type = field(result, 'type');
  if (typeof customId !== 'string') return malformed('no custom_id');
  if (typeof type !== 'string') return malformed('no result.type');
  if (!isApiOutcome(type)) return { kind: 'unknown_type', customId, type };
  const usage = field(field(result, 'message'), 'usage');
  if (type === 'succeeded' && typeof field(result, 'message') !== 'object') return malformed('succeeded without a message');
  return { kind: 'result', customId, outcome: type, retryable: isRetryable(type, result), usage };
}

/** Nested twice: `result.error` is the whole error answer of the API, and its `error.type` says what it was. */
function isRetryable(outcome: ApiOutcome, result: unknown): boolean {
  if (outcome === 'expired') return true;
  const errorType = field(field(field(result, 'error'), 'error'), 'type');
  return outcome === 'errored' && typeof errorType === 'string' && PASSING_ERRORS.has(errorType);
}

function isApiOutcome(type: string): type is ApiOutcome {
  return (API_OUTCOMES as readonly string[]).includes(type);
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>)[key] : undefined;
}
