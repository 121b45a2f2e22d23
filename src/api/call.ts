/** The six calls of the Message Batches API as the lower layers see them. */
import { InvalidRequestError } from './errors';

/** Options of every call. */
export interface CallOptions {
  /** Ends the call at once; it then rejects with the signal's own reason, unwrapped. */
  signal?: AbortSignal;
  /** Beta names for this call, besides those of the client. */
  betas?: string[];
  /** `anthropic-version` for this call. */
  apiVersion?: string;
}

export interface Call {
  name: 'create' | 'retrieve' | 'list' | 'cancel' | 'delete' | 'results';
  method: 'GET' | 'POST' | 'DELETE';
  /** Below the base URL, with the query. */
  path: string;
  /** The batch that the call is about, for messages. */
  batchId?: string;
  headers: Record<string, string>;
  signal?: AbortSignal;
}

export const BATCHES_PATH = '/v1/messages/batches';

/** A call in words, for messages: `retrieve msgbatch_01…`. */
export function describeCall(call: Pick<Call, 'name' | 'batchId'>): string {
  return call.batchId === undefined ? call.name : `${call.name} ${call.batchId}`;
}

/** True for calls that leave something changed at the API, so that a lost answer leaves a question. */
export function changesSomething(call: Pick<Call, 'method'>): boolean {
  return call.method !== 'GET';
}

/** What to do where nobody knows whether a call was carried out; begins with a space. */
export function unknownOutcomeAdvice(call: Pick<Call, 'name'>): string {
  return call.name === 'create'
    ? ' Whether a batch was made is unknown: look for it in the list before it is sent again.'
    : ' Whether it was carried out is unknown: retrieve the batch to see.';
}

/**
 * Path of one batch. The id is opaque and becomes exactly one path segment.
 * @throws InvalidRequestError where it could not
 */
export function batchPath(id: string, suffix: '' | '/cancel' | '/results' = ''): string {
  return `${BATCHES_PATH}/${encodeId(id, 'id')}${suffix}`;
}

/**
 * Percent-encodes an opaque id.
 * @param parameter its name in the message of the error
 */
export function encodeId(id: string, parameter: string): string {
  if (typeof id !== 'string' || id.trim() === '') {
    throw new InvalidRequestError(`${parameter}: the id of a message batch is needed, but it is empty.`);
  }
  // Dot segments are resolved away by URL parsers, whatever their encoding: the call would go elsewhere.
  if (id === '.' || id === '..') throw new InvalidRequestError(`${parameter}: "${id}" is no id of a message batch.`);
  try {
    return encodeURIComponent(id);
  } catch {
    throw new InvalidRequestError(`${parameter}: the id holds half of a surrogate pair and cannot be written in a URL.`);
  }
}
