/** From what a child workflow returned, or how it failed, to what is put on record of it. Pure. */
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import type { FollowUpEnd } from '../activities';
import type { FollowUpFailure } from '../contract';
import { MAX_FOLLOW_UP_VALUE_BYTES } from '../contract';

/** How much of a failure's message is kept, in characters. */
const MAX_MESSAGE_LENGTH = 2_000;

/** @param value what the workflow returned. */
export function completedEnd(workflowId: string, value: unknown): FollowUpEnd {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) return { workflowId, status: 'completed' };
  const bytes = new TextEncoder().encode(json).length;
  return bytes > MAX_FOLLOW_UP_VALUE_BYTES ? { workflowId, status: 'completed', value_bytes: bytes } : { workflowId, status: 'completed', value };
}

/** @param cause of the failure of the child workflow. */
export function failedEnd(workflowId: string, cause: Error | undefined): FollowUpEnd {
  if (cause instanceof CancelledFailure) return { workflowId, status: 'canceled' };
  if (cause instanceof TerminatedFailure) return { workflowId, status: 'terminated' };
  const failure = innermostFailure(cause);
  return { workflowId, status: cause instanceof TimeoutFailure ? 'timed_out' : 'failed', failure };
}

/** Temporal wraps what went wrong in "Activity task failed" and the like. */
function innermostFailure(error: Error | undefined): FollowUpFailure {
  let innermost = error;
  while (innermost?.cause instanceof Error) innermost = innermost.cause;
  const type = (innermost instanceof ApplicationFailure && innermost.type) || innermost?.name || 'Unknown';
  return { type, message: (innermost?.message ?? '').slice(0, MAX_MESSAGE_LENGTH) };
}
