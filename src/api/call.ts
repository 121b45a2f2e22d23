/** The six calls of the Message Batches API as the lower layers see them. */
import { randomUUID } from 'node:crypto';
import { InvalidRequestError } from './errors';
import type { GivenHeaders } from './headers';
import { refuseUnknown } from './known-options';
import { mergeQuery, queryString, type GivenQuery, type Query } from './query';
import type { Settings } from './settings';

/** Options of every call. They go before those of the client. */
export interface CallOptions {
  /**
   * Ends the call at once; it then rejects with the signal's own reason, unwrapped. `AbortSignal.timeout` limits a whole call,
   * with all of its attempts; a create has its `deadline`.
   */
  signal?: AbortSignal | undefined;
  /** Beta names for this call, besides those of the client. */
  betas?: string[] | undefined;
  /** `anthropic-version` for this call. */
  apiVersion?: string | undefined;
  /** `anthropic-workspace-id` for this call. */
  workspaceId?: string | undefined;
  /**
   * Headers for this call; `null` removes one that the client would send (`anthropic-beta`: those of the client).
   * With `authorization` or `x-api-key` among them, no credential of the client goes along.
   */
  headers?: GivenHeaders | undefined;
  /** Query parameters for this call; `null` removes one that the client would send. */
  query?: GivenQuery | undefined;
  /**
   * How long the answer may take to begin, ms. For a create: how long all of it may take, where it has no deadline.
   * A credential that is a function may take as long.
   */
  timeoutMs?: number | undefined;
  /** How long the body of the answer may stand still while it is being read, ms. */
  idleTimeoutMs?: number | undefined;
  /** How often this call is made again after a passing failure; 0: never. */
  maxRetries?: number | undefined;
}

export interface Call {
  /** Unique; the same over all attempts. */
  id: string;
  name: 'create' | 'retrieve' | 'list' | 'cancel' | 'delete' | 'results';
  method: 'GET' | 'POST' | 'DELETE';
  /** Below the base URL, with the query. */
  path: string;
  /** The batch that the call is about, for messages. */
  batchId?: string;
  /** All headers but the credential's, which is asked for before every attempt. */
  headers: Record<string, string>;
  /** Whether the client's credential goes along: not where the caller gave another one, or removed it. */
  sendsCredential: boolean;
  /** JSON; of a cancel with fields. The body of a create is its own business. */
  body?: string;
  timeoutMs: number;
  idleTimeoutMs: number;
  maxRetries: number;
  signal?: AbortSignal;
}

/** What a call is, apart from what caller and client add to it. */
export interface CallShape extends Pick<Call, 'name' | 'method' | 'path' | 'batchId' | 'body'> {
  /** What kind of answer is wanted. */
  accept: string;
  /** Further headers that this call needs: content type and framing. */
  headers?: Record<string, string>;
  /** Parameters of the call itself; the caller's `query` does not replace them. */
  query?: Query;
}

export const BATCHES_PATH = '/v1/messages/batches';

/** Those of some calls alone among them. */
const CALL_OPTIONS = {
  signal: true, betas: true, apiVersion: true, workspaceId: true, headers: true, query: true, timeoutMs: true, idleTimeoutMs: true, maxRetries: true,
  deadline: true, bodyFields: true, userProfileId: true, offset: true, ifRange: true,
} as const satisfies Record<keyof CallOptions, true> & Record<string, true>;

/**
 * A call with everything that client and caller want of it.
 * @throws InvalidRequestError where an option cannot be used; no secret is repeated in its message
 */
export function buildCall(settings: Settings, { accept, headers, query, path, ...shape }: CallShape, options: CallOptions = {}): Call {
  refuseUnknown(shape.name, options, CALL_OPTIONS);
  return {
    id: randomUUID(),
    ...shape,
    path: path + queryString(mergeQuery(settings.query, options.query, query)),
    ...settings.headers(options, { accept, ...headers }),
    ...settings.limits(options),
    signal: options.signal,
  };
}

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
  return `${BATCHES_PATH}/${encodeURIComponent(checkId(id, 'id'))}${suffix}`;
}

/**
 * Checks an opaque id.
 * @param parameter its name in the message of the error
 * @returns the id as it is
 * @throws InvalidRequestError where it is empty or could not stand in a URL
 */
export function checkId(id: string, parameter: string): string {
  if (typeof id !== 'string' || id.trim() === '') {
    throw new InvalidRequestError(`${parameter}: the id of a message batch is needed, but it is empty.`);
  }
  // Dot segments are resolved away by URL parsers, whatever their encoding: the call would go elsewhere.
  if (id === '.' || id === '..') throw new InvalidRequestError(`${parameter}: "${id}" is no id of a message batch.`);
  if (/\p{Surrogate}/u.test(id)) throw new InvalidRequestError(`${parameter}: the id holds half of a surrogate pair and cannot be written in a URL.`);
  return id;
}
