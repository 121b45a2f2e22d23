/** From errors of the rooms below to failures as Temporal knows them. */
import { hostname } from 'node:os';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory, TemporalFailure } from '@temporalio/common';
import { ApiError, AuthenticationError, ConnectionError, CredentialError, InvalidRequestError, MessageBatchesError, NotFoundError, PermissionError } from '../api';
import type { Attention, AttentionCode } from '../contract';
import { ACTIVITY_PREFIX } from '../contract';
import { InputError } from '../jobs';
import { StorageError } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { withHeartbeats } from './heartbeats';

/** Failure types that workflows act on; where such a failure is non-retryable, it asks for a person. */
export const FAILURE_TYPES = {
  keyRefused: 'KeyRefused',
  noAccess: 'NoAccess',
  spendLimit: 'SpendLimit',
  apiRefused: 'ApiRefused',
  batchNotFound: 'BatchNotFound',
  storage: 'StorageProblem',
  unexpected: 'Unexpected',
  invalidInput: 'InvalidInput',
} as const;

/** So many attempts are made where the API answers 404, which it can do for a moment about what it knows. */
const NOT_FOUND_ATTEMPTS = 10;

/** So many attempts, four minutes in all, are made where an error says nothing of itself: it may pass, and if it does not a person is asked. */
const UNEXPECTED_ATTEMPTS = 10;

/** So many attempts, a quarter of a minute in all, are made where no credential is to be had: what gives it may be down for a moment. */
const CREDENTIAL_ATTEMPTS = 5;

/** How much of an error's text travels: the API's own may repeat what a request said. */
const MAX_MESSAGE_LENGTH = 200;

/**
 * Runs the body of an activity: heartbeats beside it, and what it throws becomes a failure that says whether to try again.
 *
 * @param details what the heartbeats tell.
 */
export async function runActivity<T>(deps: ActivityDependencies, body: () => Promise<T>, details?: () => unknown): Promise<T> {
  try {
    return await withHeartbeats(body, details);
  } catch (error) {
    throw toFailure(deps, error);
  }
}

function toFailure(deps: ActivityDependencies, error: unknown): unknown {
  const refusal = accessRefusal(error);
  if (refusal) {
    deps.onAccessRefused?.(refusal);
    return nonRetryable(refusal.code === 'key_refused' ? FAILURE_TYPES.keyRefused : FAILURE_TYPES.noAccess, refusal.message, refusal.code);
  }
  if (error instanceof ApiError) {
    const message = shortMessage(error);
    if (error.isSpendLimit) return nonRetryable(FAILURE_TYPES.spendLimit, message, 'spend_limit');
    if (error instanceof NotFoundError && Context.current().info.attempt >= NOT_FOUND_ATTEMPTS) {
      return nonRetryable(FAILURE_TYPES.batchNotFound, message, 'batch_not_found');
    }
    if (isRefusedForGood(error)) return nonRetryable(FAILURE_TYPES.apiRefused, message, 'api_refused');
    return ApplicationFailure.create({
      type: error.name,
      message,
      nonRetryable: false,
      nextRetryDelay: error.retryAfterMs,
      // An outage of the API is waited out; it is no fault of the worker's.
      category: ApplicationFailureCategory.BENIGN,
    });
  }
  if (error instanceof InvalidRequestError) return nonRetryable(FAILURE_TYPES.apiRefused, error.message, 'api_refused');
  if (error instanceof CredentialError && Context.current().info.attempt >= CREDENTIAL_ATTEMPTS) {
    // The worker goes on, unlike after a refusal: what gives the credential may be mended outside of it.
    return nonRetryable(FAILURE_TYPES.noAccess, error.message, 'no_access');
  }
  if (error instanceof MessageBatchesError) {
    return ApplicationFailure.create({ type: error.name, message: error.message, nonRetryable: false, category: ApplicationFailureCategory.BENIGN });
  }
  if (error instanceof InputError) {
    const { message, hint } = error.code === 'input_not_found' && !error.message.includes('s3://') ? inputElsewhere(error) : error;
    return ApplicationFailure.nonRetryable(message, FAILURE_TYPES.invalidInput, { code: error.code, hint });
  }
  if (error instanceof StorageError && error.passing) {
    return ApplicationFailure.create({ type: FAILURE_TYPES.storage, message: `${error.message} ${error.hint}`, nonRetryable: false, category: ApplicationFailureCategory.BENIGN });
  }
  if (error instanceof StorageError) return nonRetryable(FAILURE_TYPES.storage, `${error.message} ${error.hint}`, 'storage');
  if (error instanceof TemporalFailure || isStop(error) || Context.current().info.attempt < UNEXPECTED_ATTEMPTS) return error;
  return nonRetryable(FAILURE_TYPES.unexpected, unexpectedMessage(error), 'unexpected');
}

/** Of an activity that was told to stop; Temporal knows what became of it. */
function isStop(error: unknown): boolean {
  return Context.current().cancellationSignal.aborted || (error instanceof Error && error.name === 'CompleteAsyncError');
}

/** Names the place too, which whoever mends it needs; only the first line of a message, and no more of it than of an API's. */
function unexpectedMessage(error: unknown): string {
  const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  const [place] = /(?<=\bat ).*?[\w-]+\.[jt]s:\d+/.exec(stack.slice(stack.indexOf(message) + message.length)) ?? [];
  const [firstLine = ''] = message.split('\n');
  return `${Context.current().info.activityType.replace(ACTIVITY_PREFIX, '')} fails again and again: ${name}: ${firstLine.slice(0, MAX_MESSAGE_LENGTH)}${place === undefined ? '' : ` (at ${place.split(/[\\/(]/).at(-1)})`}`;
}

/** Whoever has started the job may sit at another machine, where the input is. */
function inputElsewhere({ message }: InputError): { message: string; hint: string } {
  return {
    message: `${message.replace(/\.$/, '')} on ${hostname()}, where the worker of this job runs`,
    hint: 'Put the input where that worker can read it under the same name (a shared disk, or s3://BUCKET/KEY), or start the job on that machine.',
  };
}

/** A client error that the same call would meet again. */
function isRefusedForGood({ status, retryable }: ApiError): boolean {
  return !retryable && status >= 400 && status < 500 && ![404, 408, 409, 429, 499].includes(status);
}

/** An error of the API as it may travel: with its request id, and not with all of its text. */
export function shortMessage({ message, requestId }: ApiError): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message;
  return `${message.slice(0, MAX_MESSAGE_LENGTH)}…${requestId === undefined ? '' : ` (request ${requestId})`}`;
}

/** 401 and 403 speak of the credential. */
export function isKeyRefused(error: unknown): boolean {
  return error instanceof AuthenticationError || error instanceof PermissionError;
}

/**
 * What a person is told where a worker, as it was started, cannot work: its key is refused, its proxy leads nowhere for good, or
 * a certificate is not trusted. Undefined for all else, which may pass by itself.
 */
export function accessRefusal(error: unknown): Attention | undefined {
  if (error instanceof ApiError) return isKeyRefused(error) ? keyRefused(shortMessage(error)) : undefined;
  // Of a create that may have arrived it says only that it must not be sent again.
  const refused = error instanceof ConnectionError && error.sent === 'nothing' && !error.retryable;
  return refused ? attentionNow('no_access', error.message, NO_ACCESS_HINT) : undefined;
}

/** What a person is told when a key is refused. */
export function keyRefused(message: string): Attention {
  return attentionNow('key_refused', message, KEY_HINT);
}

const KEY_HINT = 'Set ANTHROPIC_API_KEY to a key of the workspace that made the batches, then run the same command again.';
const NO_ACCESS_HINT = 'Mend HTTPS_PROXY, HTTP_PROXY, NO_PROXY or NODE_EXTRA_CA_CERTS in the environment of the worker, then run the same command again.';

function attentionNow(code: AttentionCode, message: string, hint: string): Attention {
  return { code, message, hint, since: new Date().toISOString() };
}

function nonRetryable(type: string, message: string, code: AttentionCode): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type, { code });
}
