/** Makes a call again where that is safe. Off (`maxRetries: 0`) where Temporal retries. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageBatchesError } from './errors';
import { ApiError, ConflictError, NotFoundError } from './api-error';
import type { Call } from './call';
import { backoffMs } from './retry-hints';

export interface RetryPolicy {
  /** Which failures may be tried again. Default: those that say so themselves. */
  mayRetry?: (error: MessageBatchesError) => boolean;
  /** A wait that is longer than this is not begun; the failure is thrown instead. */
  longestWaitMs?: () => number;
  /** Told of a failure after which there will be another attempt, before the wait for it. */
  onRetry?: (error: MessageBatchesError, delayMs: number) => void;
}

/** Runs `attempt` until it succeeds, fails for good, or `maxRetries` further attempts were made. */
export async function withRetries<T>(attempt: () => Promise<T>, { maxRetries, signal }: Pick<Call, 'maxRetries' | 'signal'>, policy: RetryPolicy = {}): Promise<T> {
  const mayRetry = policy.mayRetry ?? ((error) => error.retryable);
  let unknown: MessageBatchesError | undefined;
  for (let retry = 0; ; retry++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof MessageBatchesError)) throw error;
      if (!error.outcomeKnown) unknown = error;
      if (retry >= maxRetries || !mayRetry(error)) throw settles(error) ? error : (unknown ?? error);
      // A hint of 0 must not make a tight loop, so it can only lengthen the usual wait.
      const hint = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
      const delay = Math.max(hint, backoffMs(retry));
      if (delay > (policy.longestWaitMs?.() ?? Infinity)) throw unknown ?? error;
      policy.onRetry?.(error, delay);
      await wait(delay, signal);
    }
  }
}

/**
 * Whether an error settles what became of the earlier attempts at a cancel or delete as well, for it speaks of the batch.
 * Others (nothing was sent, say) speak of their own attempt alone: then the earlier one, which may have been carried out, is thrown.
 */
function settles(error: MessageBatchesError): boolean {
  return error instanceof NotFoundError || error instanceof ConflictError;
}

/** Waits; an abort rejects at once with the signal's own reason and leaves neither timer nor listener. */
export async function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await sleep(milliseconds, undefined, signal && { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
