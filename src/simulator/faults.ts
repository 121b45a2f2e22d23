/** Faults on demand: what can go wrong, and when it is some call's turn. */
export const CALLS = ['create', 'retrieve', 'list', 'cancel', 'delete', 'results'] as const;
export type Call = (typeof CALLS)[number];

export interface FaultTarget {
  on: Call;
  /** Only calls on this batch. */
  batchId?: string;
  /** How many calls it meets. Default 1; Infinity: every one until `clearFaults`. */
  times?: number;
  /** How many calls it lets pass first. Default 0. */
  after?: number;
}

/** Whether the call takes effect (a create is accepted, a cancel is made) although its answer is spoilt. Default `beforeAccept`: it does not. */
export type When = 'beforeAccept' | 'afterAccept';

export type FaultKind =
  /** Answers this status, with this `message`. `html`: as something in between would, with HTML and no request-id. */
  | { kind: 'status'; status: number; when?: When; retryAfterSeconds?: number; errorCode?: string; message?: string; html?: boolean; headers?: Record<string, string> }
  /** A 404 for a batch that exists. */
  | { kind: 'not-found' }
  /** A 200 whose body is not what it should be. */
  | { kind: 'garbage'; form?: 'html' | 'cut-json' | 'empty'; when?: When }
  /** The call takes effect, then the connection is destroyed without an answer. */
  | { kind: 'lose-answer' }
  /** The call takes effect; the answer comes after `ms`, without `ms` never. */
  | { kind: 'hold-answer'; ms?: number }
  /** The body is never read, nothing is ever answered. */
  | { kind: 'freeze' }
  /** So many bytes of the body are read, then nothing more; nothing is ever answered. */
  | { kind: 'freeze-body'; afterBytes: number }
  /** The connection is destroyed after so many bytes of the body (default 0); the call takes no effect. */
  | { kind: 'reset'; afterBytes?: number }
  /**
   * The results' body ends after so many bytes (compressed ones with `gzip`) or lines. `contentLength`: with the whole length announced.
   * `looksComplete`: without a length and properly terminated, so that nothing on the wire shows the cut.
   */
  | ({ kind: 'cut'; contentLength?: boolean; looksComplete?: boolean; gzip?: boolean } & CutPoint)
  /** The results' body stops after so many bytes or lines and the connection stays open. */
  | ({ kind: 'stall'; gzip?: boolean } & CutPoint)
  /** Sends the client elsewhere; the call takes no effect. Default: 307 to the call's own path, where no fault may wait any more. An empty `location`: none. */
  | { kind: 'redirect'; status?: RedirectStatus; location?: string }
  /** The call takes effect. Its answer has these headers besides or instead of its own, and its object (in a list: each batch) these fields. */
  | { kind: 'change-answer'; headers?: Record<string, string>; fields?: Record<string, unknown> }
  /** Results in which lines are changed: `count` of them (default 1), the first of which is number `line` (default 1). They are sent from the beginning, without a length. */
  | { kind: 'change-lines'; change: LineChange; line?: number; count?: number }
  /**
   * Results that say something else: the texts of `count` lines (default: all) from number `line` on (default 1) differ, in as many
   * bytes. They have an entity tag of their own, where results have one.
   */
  | { kind: 'changed-results'; line?: number; count?: number };

export const REDIRECTS = [301, 302, 303, 307, 308] as const;
export type RedirectStatus = (typeof REDIRECTS)[number];

/** What a line of results can be instead of what it should be. */
export const LINE_CHANGES = [
  'unknown-result-type', // `result.type` is one that no client knows
  'unknown-error-type', // an errored result whose `error.error.type` no client knows
  'unknown-fields', // fields that no client knows beside the known ones
  'unknown-custom-id', // a custom_id that was not in the batch, instead of the right one
  'repeated', // the same line twice
  'contradicted', // behind the line another one with the same custom_id, which says expired
  'missing', // no such line
  'corrupted', // its second half is missing
  'blank-line-before', // nothing is wrong with it, but an empty line stands before it
] as const;
export type LineChange = (typeof LINE_CHANGES)[number];

/** One of the two. */
export interface CutPoint {
  afterBytes?: number;
  afterLines?: number;
}

export type Fault = FaultTarget & FaultKind;
