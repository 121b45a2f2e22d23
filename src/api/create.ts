/**
 * Create, the call that costs money. There is no idempotency key, so an attempt either ends with a known outcome or
 * says that it does not know; it is never sent again where a batch could have been made.
 */
import type { MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';
import { orAborted } from './abort';
import { readAnswer, readError, type Answer, type Asked } from './answer';
import { ApiError } from './api-error';
import { BATCHES_PATH, type Call, type CallOptions } from './call';
import { answerTooLateError, noAnswerError } from './connection-failure';
import { CreateConnection } from './create-connection';
import { measureBody, type CreateBody, type MeasuredBody } from './create-body';
import { Deadline } from './deadline';
import { ConnectionError, DeadlinePassedError, InvalidRequestError, type MessageBatchesError } from './errors';
import { HeldBackBody } from './held-back-body';
import { isRedirect, redirectTarget, refusedRedirect } from './redirects';
import { withRetries } from './retry';
import { wireResponse, type WireResponse } from './response-body';
import type { Settings } from './settings';
import { isMessageBatch } from './shapes';

export interface CreateOptions extends CallOptions {
  /**
   * When the create must be over. The last byte is never sent after it, and the connection is reset at it, whatever
   * the process has been through. Default: ten minutes from now, the timeout of the official SDKs.
   */
  deadline?: Date;
}

const DEFAULT_DEADLINE_MS = 10 * 60_000;

/** @see MessageBatchesApi.create */
export async function createMessageBatch(settings: Settings, body: CreateBody, options: CreateOptions = {}): Promise<Answer<MessageBatch>> {
  options.signal?.throwIfAborted();
  const deadline = new Deadline(options.deadline ?? new Date(Date.now() + DEFAULT_DEADLINE_MS));
  if (Number.isNaN(deadline.at.getTime())) throw new InvalidRequestError('create: the deadline is not a valid date.');
  const measured = measureBody(body);
  const call: Call = {
    name: 'create',
    method: 'POST',
    path: BATCHES_PATH,
    headers: settings.headers(options, {
      accept: 'application/json',
      'content-type': 'application/json',
      'content-length': String(measured.contentLength),
    }),
    signal: options.signal,
  };
  return withRetries(() => attempt(settings, call, measured, deadline), {
    maxRetries: settings.maxRetries,
    signal: options.signal,
    mayRetry: (error) => mayCreateAgain(error, measured),
    longestWaitMs: () => deadline.remainingMs(),
  });
}

/** Nothing of the body was read, or the API itself said that it did nothing (409, 429). */
function mayCreateAgain(error: MessageBatchesError, body: MeasuredBody): boolean {
  if (!error.retryable || !error.outcomeKnown) return false;
  if (error instanceof ConnectionError) return error.sent === 'nothing';
  return error instanceof ApiError && (error.status === 409 || error.status === 429) && body.reusable;
}

async function attempt(settings: Settings, call: Call, measured: MeasuredBody, deadline: Deadline): Promise<Answer<MessageBatch>> {
  if (deadline.passed()) throw new DeadlinePassedError(deadline.at);
  const connection = new CreateConnection(settings);
  const stop = new AbortController();
  const body = new HeldBackBody(measured.open(), {
    contentLength: measured.contentLength,
    beforeLastByte: () => {
      if (deadline.passed()) throw new DeadlinePassedError(deadline.at);
    },
    afterLastByte: () => {
      if (connection.holdsBytes()) throw lastByteNotTaken(connection, call, settings);
    },
    onFailure: (error) => stop.abort(error),
  });
  const failure = (requestId?: string) => ({ call, origin: settings.origin, sent: body.sent, requestId });
  let response: WireResponse | undefined;

  // Everything that ends an attempt early goes through `stop`: the reset comes first, then undici hears of it.
  stop.signal.addEventListener('abort', () => connection.reset(), { once: true });
  const onAbort = () => stop.abort(call.signal?.reason);
  call.signal?.addEventListener('abort', onAbort, { once: true });
  const cancelDeadline = deadline.onPassed(() => {
    const late = body.sent === 'maybe';
    stop.abort(late ? answerTooLateError(failure(response?.headers['request-id']), deadline.at, response ? 'body' : 'headers') : new DeadlinePassedError(deadline.at));
  });
  try {
    const path = settings.basePath + call.path;
    const asking = connection.request({ path, method: 'POST', headers: call.headers, body, signal: stop.signal });
    response = wireResponse(await orAborted(asking, stop.signal));
    // An answer that came before the body's end settles the matter only if the rest stays here.
    body.stop();
    return await batchOf(response, { call: { ...call, signal: stop.signal }, settings, sent: body.sent });
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
  if (response.status < 200 || response.status >= 300) throw await readError(response, asked);
  return readAnswer(response, asked, isMessageBatch);
}

/** The kernel had no room for one byte. Taken back at once, for it could leave after a freeze, past the deadline. */
function lastByteNotTaken(connection: CreateConnection, call: Call, settings: Settings): ConnectionError {
  connection.reset();
  return new ConnectionError(`${call.name}: the connection to ${settings.origin} did not take the last byte. It was taken back, so no batch was made.`, {
    sent: 'incomplete',
    outcomeKnown: true,
    retryable: true,
  });
}
