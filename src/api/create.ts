/**
 * Create, the call that costs money. There is no idempotency key, so an attempt either ends with a known outcome or
 * says that it does not know; it is never sent again where a batch could have been made.
 */
import type { MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';
import { orAborted } from './abort';
import { readAnswer, readError, type Answer, type Asked } from './answer';
import { ApiError } from './api-error';
import { makeAttempts, type Attempt } from './attempts';
import type { BodyFields } from './body-fields';
import { BATCHES_PATH, buildCall, unknownOutcomeAdvice, type Call, type CallOptions, type CallShape } from './call';
import { answerTooLateError, noAnswerError } from './connection-failure';
import { CreateConnection } from './create-connection';
import { holdSource, measureBody, type CreateBody, type MeasuredBody } from './create-body';
import { Deadline } from './deadline';
import { ConnectionError, DeadlinePassedError, InvalidRequestError, type MessageBatchesError, type Sent } from './errors';
import { HeldBackBody } from './held-back-body';
import { isRedirect, redirectTarget, refusedRedirect } from './redirects';
import { isSuccess, wireResponse, type WireResponse } from './response-body';
import type { Settings } from './settings';
import { isMessageBatch } from './shapes';

export interface CreateOptions extends CallOptions {
  /**
   * When the create must be over. The last byte is never sent after it, and the connection is reset at it, whatever
   * the process has been through. A proxy, or a gateway, that takes the whole body before it passes it on may do that later: then the
   * reset ends there, and a batch may still be made after the deadline. Default: `timeoutMs` of this call from now, or else ten minutes, the timeout of the official SDKs.
   */
  deadline?: Date | undefined;
  /** Further fields of the JSON body, beside `requests`. */
  bodyFields?: BodyFields | undefined;
  /** `anthropic-user-profile-id`: the user profile that all requests of the batch are for. A beta; see the API for its name. */
  userProfileId?: string | undefined;
}

const DEFAULT_DEADLINE_MS = 10 * 60_000;

/** @see MessageBatchesApi.create */
export async function createMessageBatch(settings: Settings, body: CreateBody, options: CreateOptions = {}): Promise<Answer<MessageBatch>> {
  const releaseSource = holdSource(body);
  try {
    return await createFrom(settings, body, options);
  } finally {
    releaseSource();
  }
}

async function createFrom(settings: Settings, body: CreateBody, options: CreateOptions): Promise<Answer<MessageBatch>> {
  options.signal?.throwIfAborted();
  const shape: CallShape = { name: 'create', method: 'POST', path: BATCHES_PATH, accept: 'application/json', headers: { 'content-type': 'application/json' } };
  const call = buildCall(settings, shape, withUserProfile(options));
  if (options.deadline !== undefined && !(options.deadline instanceof Date)) throw new InvalidRequestError('create: the deadline is a Date.');
  const deadline = new Deadline(options.deadline ?? new Date(Date.now() + (options.timeoutMs ?? DEFAULT_DEADLINE_MS)));
  if (Number.isNaN(deadline.at.getTime())) throw new InvalidRequestError('create: the deadline is not a valid date.');
  if (deadline.passed()) throw new DeadlinePassedError(deadline.at);
  const measured = await deadline.bound(options.signal, (signal) => measureBody(body, options.bodyFields, signal));
  call.headers['content-length'] = String(measured.contentLength);
  return makeAttempts(settings, call, (made) => attempt(settings, call, made, measured, deadline), {
    mayRetry: (error) => mayCreateAgain(error, measured),
    longestWaitMs: () => deadline.remainingMs(),
    isRepeatable: measured.reusable,
    bound: (work) => deadline.bound(call.signal, work),
    // Not where the deadline is no later: of two clocks that end at the same moment, nobody knows which comes first.
    credentialTimeoutMs: call.timeoutMs < deadline.remainingMs() ? call.timeoutMs : undefined,
  });
}

/** What is in `headers` goes before it, as before the other options that have a header. */
function withUserProfile(options: CreateOptions): CallOptions {
  return options.userProfileId ? { ...options, headers: { 'anthropic-user-profile-id': options.userProfileId, ...options.headers } } : options;
}

/** Nothing of the body was read, or the API itself said that it did nothing (409, 429). */
function mayCreateAgain(error: MessageBatchesError, body: MeasuredBody): boolean {
  if (!error.retryable || !error.outcomeKnown) return false;
  if (error instanceof ConnectionError) return error.sent === 'nothing';
  return error instanceof ApiError && (error.status === 409 || error.status === 429) && body.reusable;
}

async function attempt(settings: Settings, call: Call, { headers, observer }: Attempt, measured: MeasuredBody, deadline: Deadline): Promise<Answer<MessageBatch>> {
  call.signal?.throwIfAborted();
  if (deadline.passed()) throw new DeadlinePassedError(deadline.at);
  const connection = new CreateConnection(settings);
  const stop = new AbortController();
  // Nobody knows for how long a dispatcher of the caller's own keeps what it was given.
  const mayReuseMemory = settings.dispatcher === undefined;
  const body = new HeldBackBody(measured.open(mayReuseMemory), {
    contentLength: measured.contentLength,
    beforeEnd: () => {
      if (deadline.passed()) throw new DeadlinePassedError(deadline.at);
    },
    afterEnd: (bytes) => {
      if (connection.holdsBytes()) throw endNotTaken(bytes, connection, call, settings);
    },
    onFailure: (error) => stop.abort(error),
  });
  let response: WireResponse | undefined;
  // Whoever answers with a success has made a batch, or may have, however little it read.
  const sent = (): Sent => (response && isSuccess(response) ? 'maybe' : body.sent);
  const failure = (requestId?: string) => ({ call, origin: settings.origin, sent: sent(), requestId });

  // Everything that ends an attempt early goes through `stop`: the reset comes first, then undici hears of it.
  stop.signal.addEventListener('abort', () => connection.reset(), { once: true });
  const onAbort = () => stop.abort(call.signal?.reason);
  call.signal?.addEventListener('abort', onAbort, { once: true });
  const cancelDeadline = deadline.onPassed(() => {
    const late = sent() === 'maybe';
    stop.abort(late ? answerTooLateError(failure(response?.headers['request-id']), deadline.at, response ? 'body' : 'headers') : new DeadlinePassedError(deadline.at));
  });
  try {
    const path = settings.basePath + call.path;
    const asking = connection.request({ path, method: 'POST', headers, body, signal: stop.signal, bodyTimeout: call.idleTimeoutMs });
    response = wireResponse(await orAborted(asking, stop.signal), settings);
    // An answer that came before the body's end settles the matter only if the rest stays here.
    body.stop();
    observer.response(response);
    return await batchOf(response, { call: { ...call, signal: stop.signal }, settings, observer, sent: sent() });
  } catch (error) {
    stop.signal.throwIfAborted();
    throw response ? error : noAnswerError(error, failure());
  } finally {
    cancelDeadline();
    call.signal?.removeEventListener('abort', onAbort);
    body.destroy();
    await connection.close();
  }
}

async function batchOf(response: WireResponse, asked: Asked): Promise<Answer<MessageBatch>> {
  if (isRedirect(response)) {
    const target = redirectTarget(response, asked.settings.origin + asked.settings.basePath + asked.call.path);
    throw await readError(response, asked, refusedRedirect(target, 'a create is not sent elsewhere'));
  }
  if (!isSuccess(response)) throw await readError(response, asked);
  return readAnswer(response, asked, isMessageBatch);
}

/** The kernel had no room. Taken back at once, for it could leave after a freeze, past the deadline. Of one byte none can have left. */
function endNotTaken(bytes: number, connection: CreateConnection, call: Call, settings: Settings): ConnectionError {
  connection.reset();
  const what = `${call.name}: the connection to ${settings.origin} did not take`;
  if (bytes === 1) return new ConnectionError(`${what} the last byte. It was taken back, so no batch was made.`, { sent: 'incomplete', outcomeKnown: true, retryable: true });
  return new ConnectionError(`${what} all of the white space at the end of the body.${unknownOutcomeAdvice(call)}`, { sent: 'maybe', outcomeKnown: false, retryable: false });
}
