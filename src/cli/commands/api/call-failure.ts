/** Tells a person what a failed call means and what to do now. */
import type { ApiError, ConnectionError, MessageBatchesError } from '../../../api';
import { CliError, toCliError } from '../../cli-error';
import { ExitCode } from '../../exit-codes';
import { printable } from '../../printable';

/** The call that failed. */
export interface FailedCall {
  name: 'create' | 'retrieve' | 'list' | 'cancel' | 'delete' | 'results';
  /** Of the batch. */
  id?: string;
  /** Writes a further command of `api`. */
  commandLine: (...words: string[]) => string;
}

/** Stable words for scripts, by the class of the error. */
const CODES: Record<string, string> = {
  AuthenticationError: 'key_refused',
  PermissionError: 'key_refused',
  NotFoundError: 'not_found',
  ConflictError: 'conflict',
  RequestTimeoutError: 'api_timeout',
  RateLimitError: 'rate_limited',
  RequestTooLargeError: 'too_large',
  ConnectionError: 'api_unreachable',
  TimeoutError: 'api_timeout',
  DeadlinePassedError: 'deadline_passed',
  RequestBodyError: 'input_unreadable',
  InvalidAnswerError: 'invalid_answer',
  InvalidRequestError: 'invalid_request',
};

/** What to do about an error where nothing about the call itself says more. */
const HINTS: Record<string, string> = {
  key_refused: 'Set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN) to a key of the right workspace; ANTHROPIC_BASE_URL to the API that it is for.',
  spend_limit: 'Nothing is sent until somebody adds credit or raises the limit in the console of the API.',
  rate_limited: 'Try again later.',
  conflict: 'Try again.',
  too_large: '`message-batches run INPUT` cuts an input into batches that fit.',
  api_unreachable: 'Look at ANTHROPIC_BASE_URL, the proxy settings and the network, then try again.',
  api_timeout: 'Try again, with a longer --timeout where the network is slow.',
  deadline_passed: 'Try again with a longer --timeout.',
  input_unreadable: 'Try again while nothing else writes to the input.',
  invalid_answer: 'Something between here and the API may have answered: look at ANTHROPIC_BASE_URL and the proxy settings.',
  api_failed: 'Try again.',
};

/** @returns the error as it is shown; what is not of a call goes on as `toCliError` has it */
export async function callFailure(error: unknown, call: FailedCall): Promise<CliError> {
  const { ApiError, MessageBatchesError } = await import('../../../api/index.js');
  if (!(error instanceof MessageBatchesError)) return toCliError(error);
  const code = codeOf(error, error instanceof ApiError ? error : undefined, call);
  const needsPerson = ['outcome_unknown', 'key_refused', 'spend_limit'].includes(code);
  return new CliError(code, printable(error.message), {
    hint: hintOf(code, error, call),
    exitCode: needsPerson ? ExitCode.attention : ExitCode.failed,
    details: detailsOf(error, error instanceof ApiError ? error : undefined),
    cause: error,
  });
}

/** How to find out whether a batch was made, where nobody knows. */
export function lookForBatch(call: Pick<FailedCall, 'commandLine'>): string {
  return `A batch may exist and be paid for. Do not send it again before you have looked: ${call.commandLine('list')}\nA batch of it has as many requests (request_counts) and was created (created_at) when this command ran.`;
}

function codeOf(error: MessageBatchesError, answered: ApiError | undefined, { name }: FailedCall): string {
  if (name === 'create' && !error.outcomeKnown) return 'outcome_unknown';
  if (answered?.isSpendLimit) return 'spend_limit';
  return CODES[error.name] ?? (answered && answered.status >= 500 ? 'api_failed' : 'refused');
}

function hintOf(code: string, error: MessageBatchesError, call: FailedCall): string | undefined {
  if (code === 'outcome_unknown') return lookForBatch(call);
  if (!error.outcomeKnown) return `See what became of it: ${call.commandLine('retrieve', call.id ?? '')}`;
  if (call.name === 'create') return createHint(code, error);
  if (code === 'not_found') {
    return call.name === 'results'
      ? `Results exist only of a batch that has ended, for 29 days. See its status: ${call.commandLine('retrieve', call.id ?? '')}`
      : `Right after a create this may pass. All batches of this key's workspace: ${call.commandLine('list')}`;
  }
  if (call.name === 'delete' && code === 'refused') return `Only a batch that has ended can be deleted: ${call.commandLine('cancel', call.id ?? '')}`;
  return HINTS[code];
}

/** A create whose outcome is known has made no batch. */
function createHint(code: string, { sent }: Partial<ConnectionError>): string {
  const none = sent === 'nothing' || code === 'invalid_request' ? 'Nothing was sent.' : 'No batch was made.';
  if (code === 'invalid_request') return `${none} Mend it, then run the same command again.`;
  return HINTS[code] === undefined ? none : `${none} ${HINTS[code]}`;
}

function detailsOf({ requestId }: MessageBatchesError, answered: ApiError | undefined): Record<string, unknown> {
  return {
    ...(answered && { status: answered.status, type: answered.type ?? null }),
    ...(answered?.errorCode !== undefined && { errorCode: answered.errorCode }),
    ...(answered?.retryAfterMs !== undefined && { retryAfterMs: answered.retryAfterMs }),
    ...(requestId !== undefined && { requestId }),
  };
}
