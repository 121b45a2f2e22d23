/**
 * What can go wrong with a call, apart from an error that the API itself answered (`api-error.ts`).
 * No error holds a credential, a prompt or an answer: nothing of a request is kept, and causes are
 * summed up in words instead of being attached (undici's carry raw bytes of the answer).
 */

/** What every error of this client tells. */
export abstract class MessageBatchesError extends Error {
  /**
   * False where the API may have carried the call out although no usable answer came: a batch may
   * have been made and be paid for. Such a create must be looked up in the list, never just sent again.
   * A call that changes nothing has a known outcome whatever happens.
   */
  abstract readonly outcomeKnown: boolean;
  /** True where the same call may simply be made again later. Never true for an unknown create. */
  abstract readonly retryable: boolean;
  /** The API's `request-id`, where its answer had begun. */
  declare readonly requestId?: string;

  constructor(message: string, requestId?: string) {
    super(message);
    this.name = new.target.name;
    if (requestId !== undefined) this.requestId = requestId;
  }
}

/**
 * How much of a request may have reached the API.
 * `nothing`: no connection came about, or none of the request was written to it.
 * `incomplete`: the last bytes of the body were never handed over, so nobody has a whole request.
 * `maybe`: all of it may have arrived.
 */
export type Sent = 'nothing' | 'incomplete' | 'maybe';

export interface ConnectionErrorDetails {
  sent: Sent;
  outcomeKnown: boolean;
  retryable: boolean;
  /** Code of the system or of undici, e.g. `ECONNRESET`. */
  code?: string;
  requestId?: string;
}

/** No answer, or not all of one: refused, no such host, reset, cut off. */
export class ConnectionError extends MessageBatchesError {
  readonly sent: Sent;
  readonly outcomeKnown: boolean;
  readonly retryable: boolean;
  declare readonly code?: string;

  constructor(message: string, details: ConnectionErrorDetails) {
    super(message, details.requestId);
    this.sent = details.sent;
    this.outcomeKnown = details.outcomeKnown;
    this.retryable = details.retryable;
    if (details.code !== undefined) this.code = details.code;
  }
}

/** The connection stands but nothing came in time. */
export class TimeoutError extends ConnectionError {
  /** `headers`: no answer began. `body`: it began, then stood still. */
  readonly waitingFor: 'headers' | 'body';

  constructor(message: string, details: ConnectionErrorDetails & { waitingFor: 'headers' | 'body' }) {
    super(message, details);
    this.waitingFor = details.waitingFor;
  }
}

/** The deadline of a create passed before its last bytes were sent: no batch was made by it. */
export class DeadlinePassedError extends MessageBatchesError {
  readonly outcomeKnown = true;
  /** With a later deadline. */
  readonly retryable = true;
  readonly deadline: Date;

  constructor(deadline: Date) {
    super(
      `create: the deadline ${deadline.toISOString()} passed before the last bytes of the body were sent. ` +
        'No batch was made; it may be created again with a later deadline.',
    );
    this.deadline = deadline;
  }
}

/** The source of a create's body failed, or had another length than announced. No batch was made by it. */
export class RequestBodyError extends MessageBatchesError {
  readonly outcomeKnown = true;
  readonly retryable = false;

  constructor(problem: string, options?: { cause?: unknown }) {
    super(`create: ${problem}. The last bytes were held back, so no batch was made.`);
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

/** An answer that says success but is not one: HTML, cut JSON, nothing at all, pages that do not move on. */
export class InvalidAnswerError extends MessageBatchesError {
  readonly outcomeKnown: boolean;
  readonly retryable: boolean;

  /** @param details default: of a call that changes nothing and may be made again */
  constructor(message: string, details: { outcomeKnown?: boolean; retryable?: boolean; requestId?: string } = {}) {
    super(message, details.requestId);
    this.outcomeKnown = details.outcomeKnown ?? true;
    this.retryable = details.retryable ?? true;
  }
}

/**
 * What was asked for cannot be done: bad settings, ids or requests. Refused before any HTTP, but for requests that are checked on
 * their way: there the last byte was held back, so no batch was made.
 */
export class InvalidRequestError extends MessageBatchesError {
  readonly outcomeKnown = true;
  readonly retryable = false;
}

/**
 * The function that gives the credential failed, took too long, or gave no token. Nothing was sent with it.
 * What it threw is the `cause`, as it was: the message does not repeat it.
 */
export class CredentialError extends MessageBatchesError {
  readonly outcomeKnown = true;
  readonly retryable = false;

  constructor(problem: string, options?: { cause?: unknown }) {
    super(`${problem}. Nothing was sent with it.`);
    if (options && 'cause' in options) this.cause = options.cause;
  }
}
