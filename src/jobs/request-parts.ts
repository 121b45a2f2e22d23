/** What a line of an input comes to, and how the pieces of it are put together. */
import type { RequestFacts } from './request-facts';

/** A line of an input, checked. */
export interface RequestLine {
  /** What it is sent under: its own id, or where `own` is there, one of ours. */
  customId: string;
  /** What is sent: exactly `{"custom_id":…,"params":…}` with the user's own bytes of `params`. May share memory with the line. */
  sent: Buffer;
  /** Where `params` begins and ends in `sent`, `[start, end)`. */
  paramsStart: number;
  paramsEnd: number;
  facts: RequestFacts;
  /** Never sent; handed to joins and follow-ups. */
  metadata?: Record<string, unknown>;
  /** Beta names that the request asks for, each once and in order; sent as a header of its batch. Absent where there are none. */
  betas?: string[];
  /** The id that the line has itself, where it is sent under one of ours. */
  own?: OwnId;
}

/** An id that the API would refuse. Both are absent where the line has none. */
export interface OwnId {
  /** The value as JSON, as it was written. */
  json?: Buffer;
  /** The string, or the number as it was written. */
  text?: string;
  isNumber?: true;
}

/** @param customId as JSON. */
export function sentOf(customId: Buffer, params: Buffer): Pick<RequestLine, 'sent' | 'paramsStart' | 'paramsEnd'> {
  const paramsStart = BEFORE_ID.length + customId.length + BEFORE_PARAMS.length;
  return { sent: Buffer.concat([BEFORE_ID, customId, BEFORE_PARAMS, params, END]), paramsStart, paramsEnd: paramsStart + params.length };
}

const BEFORE_ID = Buffer.from('{"custom_id":');
const BEFORE_PARAMS = Buffer.from(',"params":');
const END = Buffer.from('}');
