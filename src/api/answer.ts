/** Reads an answer of the API: JSON of a known shape, or a typed error. */
import { apiErrorOf, MAX_ERROR_BODY_BYTES, statusSettlesOutcome, type ApiError } from './api-error';
import { changesSomething, describeCall, unknownOutcomeAdvice, type Call } from './call';
import type { CallObserver } from './call-observer';
import { isBodyTimeout, stalledBodyError } from './connection-failure';
import { InvalidAnswerError, type Sent } from './errors';
import { readBeginning, readWhole, UnknownEncodingError, type BodyLimits, type WireResponse } from './response-body';
import { retryAfterMs, serverTime, type ResponseHeaders } from './retry-hints';
import type { Settings } from './settings';

/** What a call gives: the API's own object, with everything it holds, and what the headers told. */
export interface Answer<T> {
  data: T;
  /** `request-id`, for the API's support. */
  requestId?: string;
  /** The API's clock (`date` header, whole seconds). */
  serverTime?: Date;
  /** How long the API asks to wait before the next call, ms; can come with a success. */
  retryAfterMs?: number;
  /** True where the answer came from the simulator. */
  simulated: boolean;
  /** All headers of the answer, lower-case names; credentials are shown as `[redacted]`. */
  headers: ResponseHeaders;
}

/** No answer in JSON is anywhere near this; a page of 1,000 batches has about 1 MB. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;

/** What an answer is an answer to. */
export interface Asked {
  call: Call;
  settings: Settings;
  observer: CallObserver;
  /** How much of the request had been sent when the answer came. Default: all of it. */
  sent?: Sent;
}

/** Header of every answer of the simulator. */
export function isSimulated(headers: ResponseHeaders): boolean {
  return headers['x-message-batches-simulation'] === 'true';
}

/**
 * Reads a successful answer.
 * @param isExpected whether the JSON is what the call should give; unknown fields are no reason against it
 * @throws InvalidAnswerError, TimeoutError (body), the signal's reason
 */
export async function readAnswer<T>(response: WireResponse, asked: Asked, isExpected: (value: unknown) => value is T): Promise<Answer<T>> {
  let body: Buffer;
  try {
    // A create has its deadline, and its answer is worth more than any wait.
    body = await readWhole(response, MAX_JSON_BYTES, asked.call.name === 'create' ? asked.call : limitsOf(asked.call));
  } catch (error) {
    asked.call.signal?.throwIfAborted();
    if (isBodyTimeout(error)) {
      throw stalledBodyError({ call: asked.call, origin: asked.settings.origin, sent: asked.sent, requestId: response.headers['request-id'] });
    }
    if (error instanceof RangeError) throw invalidAnswer(response, asked, `it has ${error.message}`);
    if (error instanceof UnknownEncodingError) throw invalidAnswer(response, asked, `its ${error.message} was not asked for`);
    throw invalidAnswer(response, asked, 'its body was cut off');
  }
  // The decoder drops a byte order mark.
  const text = new TextDecoder().decode(body);
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw invalidAnswer(response, asked, whatInstead(text));
  }
  if (!isExpected(data)) throw invalidAnswer(response, asked, 'its JSON is not what the API answers to this call');
  const answer: Answer<T> = { data, simulated: isSimulated(response.headers), headers: asked.settings.redactHeaders(response.headers) };
  const requestId = response.headers['request-id'];
  if (requestId !== undefined) answer.requestId = requestId;
  const time = serverTime(response.headers);
  if (time) answer.serverTime = time;
  const hint = retryAfterMs(response.headers);
  if (hint !== undefined) answer.retryAfterMs = hint;
  asked.observer.ended(body.length);
  return answer;
}

/** The error for an answer with another status than success; reads what its body says. */
export async function readError(response: WireResponse, asked: Asked, message?: string): Promise<ApiError> {
  // A little more than is kept, so that no credential is cut in two at the end and escapes.
  const beginning = await readBeginning(response, MAX_ERROR_BODY_BYTES + 8192, limitsOf(asked.call));
  asked.call.signal?.throwIfAborted();
  const { settings, call } = asked;
  return apiErrorOf({
    status: response.status,
    headers: settings.redactHeaders(response.headers),
    body: settings.redactCut(new TextDecoder().decode(beginning)).slice(0, MAX_ERROR_BODY_BYTES),
    call,
    outcomeKnown: !changesSomething(call) || statusSettlesOutcome(response.status) || !isWhole(asked),
    message: message && settings.redact(message),
  });
}

/** An `InvalidAnswerError` for this answer. @param problem completes "the answer is not usable: …" */
export function invalidAnswer(response: WireResponse, asked: Asked, problem: string): InvalidAnswerError {
  const requestId = response.headers['request-id'];
  const known = !changesSomething(asked.call) || !isWhole(asked);
  const advice = known ? '' : unknownOutcomeAdvice(asked.call);
  const message = `${describeCall(asked.call)}: ${asked.settings.origin} answered ${response.status}, but ${problem}${requestId ? ` (request ${requestId})` : ''}.${advice}`;
  return new InvalidAnswerError(message, { requestId, outcomeKnown: known, retryable: known || asked.call.name !== 'create' });
}

/** An answer that is small may take as long as it could have waited, and stood still once. */
function limitsOf({ timeoutMs, idleTimeoutMs }: Call): BodyLimits {
  return { idleTimeoutMs, wholeTimeoutMs: timeoutMs + idleTimeoutMs };
}

function isWhole(asked: Asked): boolean {
  return (asked.sent ?? 'maybe') === 'maybe';
}

/** In words only: the text itself may hold anything. */
function whatInstead(text: string): string {
  const start = text.trimStart();
  if (start === '') return 'its body is empty';
  if (start.startsWith('<')) return 'its body is HTML; something between here and the API may have given it';
  return start.startsWith('{') || start.startsWith('[') ? 'its JSON is cut or damaged' : 'its body is not JSON';
}
