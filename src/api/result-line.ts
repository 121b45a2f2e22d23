/** One line of results: whose result it is and what came of the request, found without parsing the whole. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import { usualResult } from '../jsonl';
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

/**
 * Finds out what a line is about: from its bytes where it is a succeeded result as the API writes it, else by parsing it.
 * @param mayBeCut parse it in any case: half a line can look like a whole one
 * @throws NoResultError
 */
export function scanResult(bytes: Buffer, mayBeCut = false): ScannedResult {
  const usual = mayBeCut ? undefined : usualResult(bytes);
  if (usual) return { customId: usual.customId, outcome: 'succeeded' };
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
