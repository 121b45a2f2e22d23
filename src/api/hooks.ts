/** What a caller can be told of its calls while they are under way, for logs and traces. */
import type { Call } from './call';

/** What every event tells. No event holds a body; credentials are shown as `[redacted]`. */
export interface CallEvent {
  /** Unique for a call, and the same over all of its attempts and events. */
  callId: string;
  call: Call['name'];
  method: Call['method'];
  /** What was asked for, with the query; where a redirect leads is not told. */
  url: string;
  batchId?: string;
  /** Number of the attempt, from 1. */
  attempt: number;
}

export interface RequestEvent extends CallEvent {
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
}

export interface ResponseEvent extends CallEvent {
  status: number;
  /** `request-id`, for the API's support. */
  requestId?: string;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** From the beginning of the attempt, ms. */
  durationMs: number;
}

export interface RetryEvent extends CallEvent {
  /** What the attempt rejected with. */
  error: unknown;
  /** The next attempt begins after so many ms. */
  delayMs: number;
}

export interface ErrorEvent extends CallEvent {
  /** What the caller gets: an error of this client, or the reason of an abort. */
  error: unknown;
  /** From the beginning of the call, ms. */
  durationMs: number;
}

export interface EndEvent extends CallEvent {
  status: number;
  requestId?: string;
  /** Bytes of the answer's body that were read, decompressed: less than all where results were left early. */
  bytes: number;
  /** From the beginning of the call to the end of the body, ms. */
  durationMs: number;
}

/**
 * Functions that are told of calls, synchronously. What one throws changes nothing about the call and becomes a warning of the
 * process, once. Exactly one of `onEnd` and `onError` comes last; those of results come when their body is over, so that
 * results that are neither read nor closed have none.
 */
export interface ApiHooks {
  /**
   * Before an attempt is sent. Headers that it returns go along (`traceparent`); they replace none of the client's, and
   * where one may not be given (see `ApiOptions.headers`) none of them is sent.
   */
  onRequest?(event: RequestEvent): void | Record<string, string>;
  /** The headers of an answer came, of whatever status. */
  onResponse?(event: ResponseEvent): void;
  /** An attempt failed and another one will be made. */
  onRetry?(event: RetryEvent): void;
  /** The call, or the reading of its results, ended with an error. */
  onError?(event: ErrorEvent): void;
  /** The call ended without one. */
  onEnd?(event: EndEvent): void;
}
