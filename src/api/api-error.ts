/**
 * Errors that the API answered, one class per status.
 * Statuses and types: https://platform.claude.com/docs/en/api/errors
 */
import { describeCall, unknownOutcomeAdvice, type Call } from './call';
import { MessageBatchesError } from './errors';
import { retryAfterMs, shouldRetry, type ResponseHeaders } from './retry-hints';
import { isObject } from './shapes';

/** What an error answer is made from. `message`, `body` and `headers` are free of credentials already. */
export interface ErrorAnswer {
  status: number;
  headers: ResponseHeaders;
  /** The body's text, at most `MAX_ERROR_BODY_BYTES` of it. */
  body: string;
  call: Pick<Call, 'name' | 'batchId'>;
  outcomeKnown: boolean;
  /** Said instead of what the body says. */
  message?: string;
}

/** How much of an error's body is kept. */
export const MAX_ERROR_BODY_BYTES = 64 * 1024;

/** A status other than success. */
export class ApiError extends MessageBatchesError {
  readonly status: number;
  /** `error.type` as the API gave it, e.g. `rate_limit_error`; absent where something in between answered. */
  declare readonly type?: string;
  /** `error.details.error_code`, where given. */
  declare readonly errorCode?: string;
  /** The workspace that the call was for (`anthropic-workspace-id` of the answer), where the API named it. */
  declare readonly workspaceId?: string;
  /** How long the server asks to wait, ms, bounded. */
  declare readonly retryAfterMs?: number;
  readonly outcomeKnown: boolean;
  readonly retryable: boolean;
  // Private, so that neither logging nor JSON spreads them; read them by name.
  readonly #headers: ResponseHeaders;
  readonly #body: string;
  readonly #details?: Readonly<Record<string, unknown>>;
  readonly #apiMessage?: string;

  constructor(answer: ErrorAnswer) {
    const parsed = parseErrorBody(answer.body);
    const requestId = answer.headers['request-id'] ?? parsed.requestId;
    super(messageOf(answer, parsed, requestId), requestId);
    this.status = answer.status;
    if (parsed.type !== undefined) this.type = parsed.type;
    if (parsed.errorCode !== undefined) this.errorCode = parsed.errorCode;
    const workspaceId = answer.headers['anthropic-workspace-id'];
    if (workspaceId !== undefined) this.workspaceId = workspaceId;
    const hint = retryAfterMs(answer.headers);
    if (hint !== undefined) this.retryAfterMs = hint;
    this.#headers = answer.headers;
    this.#body = answer.body;
    this.#details = parsed.details;
    this.#apiMessage = parsed.message;
    this.outcomeKnown = answer.outcomeKnown;
    const passing = [408, 409, 429, 499].includes(answer.status) || answer.status >= 500;
    const wanted = shouldRetry(answer.headers) ?? (passing && !this.isSpendLimit);
    this.retryable = wanted && (answer.outcomeKnown || answer.call.name !== 'create');
  }

  /** Headers of the answer, lower-case names. */
  get headers(): ResponseHeaders {
    return this.#headers;
  }

  /** First 64 KB of the answer's body as text. */
  get body(): string {
    return this.#body;
  }

  /** `error.details` as the API gave it: what goes with the `errorCode`; absent where there is none. */
  get details(): Readonly<Record<string, unknown>> | undefined {
    return this.#details;
  }

  /**
   * True where money or a limit on it is the reason, so that waiting a little does not help:
   * 402, the spend limits that the API names, and a spend limit that the user set (400, known only by its words).
   */
  get isSpendLimit(): boolean {
    if (this.status === 402) return true;
    if (this.status !== 400 && this.status !== 429) return false;
    return this.errorCode?.endsWith('spend_limit_reached') || /API usage limits|credit balance is too low/i.test(this.#apiMessage ?? '');
  }
}

/** 400. */
export class BadRequestError extends ApiError {}
/** 401: the credential is not known. */
export class AuthenticationError extends ApiError {}
/** 402. */
export class BillingError extends ApiError {}
/** 403: the credential may not do this. */
export class PermissionError extends ApiError {}
/** 404; not final shortly after a create. */
export class NotFoundError extends ApiError {}
/** 408. */
export class RequestTimeoutError extends ApiError {}
/** 409. */
export class ConflictError extends ApiError {}
/** 413; may come from something before the API, as HTML. */
export class RequestTooLargeError extends ApiError {}
/** 422. */
export class UnprocessableEntityError extends ApiError {}
/** 429. */
export class RateLimitError extends ApiError {}
/** Any 5xx. */
export class ServerError extends ApiError {}
/** 500. */
export class InternalServerError extends ServerError {}
/** 503. */
export class ServiceUnavailableError extends ServerError {}
/** 504. */
export class GatewayTimeoutError extends ServerError {}
/** 529. */
export class OverloadedError extends ServerError {}

const CLASSES: Record<number, typeof ApiError> = {
  400: BadRequestError,
  401: AuthenticationError,
  402: BillingError,
  403: PermissionError,
  404: NotFoundError,
  408: RequestTimeoutError,
  409: ConflictError,
  413: RequestTooLargeError,
  422: UnprocessableEntityError,
  429: RateLimitError,
  500: InternalServerError,
  503: ServiceUnavailableError,
  504: GatewayTimeoutError,
  529: OverloadedError,
};

/** The error for an answer, of the class that belongs to its status. */
export function apiErrorOf(answer: ErrorAnswer): ApiError {
  const Class = CLASSES[answer.status] ?? (answer.status >= 500 ? ServerError : ApiError);
  return new Class(answer);
}

/**
 * Whether a status settles what became of a call that changes something.
 * 4xx and "ask elsewhere" do; a timeout in between (408), "the client has left" (499, of gateways) and 5xx do not: the
 * batch may have been made.
 */
export function statusSettlesOutcome(status: number): boolean {
  return (status >= 400 && status < 500 && status !== 408 && status !== 499) || [301, 302, 307, 308].includes(status);
}

interface ParsedErrorBody {
  type?: string;
  message?: string;
  details?: Record<string, unknown>;
  errorCode?: string;
  requestId?: string;
}

/** Reads `{"type":"error","error":{type,message,details?},"request_id"}`; anything else gives nothing. */
function parseErrorBody(body: string): ParsedErrorBody {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {};
  }
  const text = (object: unknown, key: string): string | undefined => {
    const found = property(object, key);
    return typeof found === 'string' ? found : undefined;
  };
  const error = property(value, 'error');
  const details = property(error, 'details');
  return {
    type: text(error, 'type'),
    message: text(error, 'message'),
    details: isObject(details) ? details : undefined,
    errorCode: text(details, 'error_code'),
    requestId: text(value, 'request_id'),
  };
}

function property(object: unknown, key: string): unknown {
  return isObject(object) ? object[key] : undefined;
}

function messageOf(answer: ErrorAnswer, parsed: ParsedErrorBody, requestId: string | undefined): string {
  const type = parsed.type ? ` ${parsed.type}` : '';
  const said = answer.message ?? parsed.message ?? 'the answer has no error message of the API; something in between may have given it';
  const request = requestId ? ` (request ${requestId})` : '';
  const advice = answer.outcomeKnown ? '' : unknownOutcomeAdvice(answer.call);
  return `${describeCall(answer.call)}: ${answer.status}${type}: ${said}${request}${advice}`;
}
