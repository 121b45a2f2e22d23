import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';

/** How long the server is given to answer, in ms. */
const DEADLINE_MS = 10_000;

/** Codes of gRPC that say nothing of the call itself: CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE. */
const PASSING = new Set([1, 2, 4, 8, 10, 13, 14]);

/**
 * Asks the Temporal server by the worker's own client: of its namespace, with its data converter and interceptors.
 *
 * @throws CancelledFailure where the activity was canceled; a retryable failure where the server cannot answer now: that is waited out; what the body throws besides.
 */
export async function askTemporal<T>(body: (client: Client) => Promise<T>): Promise<T> {
  const { client, cancellationSignal } = Context.current();
  try {
    return await client.withDeadline(Date.now() + DEADLINE_MS, () => body(client));
  } catch (error) {
    cancellationSignal.throwIfAborted();
    const code = codeOf(error);
    if (code === undefined || !PASSING.has(code)) throw error;
    const { message } = error as Error;
    throw ApplicationFailure.create({ type: 'TemporalServer', message: `The Temporal server does not answer: ${message}`, nonRetryable: false, category: ApplicationFailureCategory.BENIGN });
  }
}

/** Errors of the SDK wrap those of gRPC. */
function codeOf(error: unknown): number | undefined {
  for (let each = error; each instanceof Error; each = each.cause) if (isGrpcServiceError(each)) return each.code;
  return undefined;
}
