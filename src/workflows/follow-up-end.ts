/** From what a child workflow returned, or how it failed, to what is put on record of it. Pure. */
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import type { FollowUpEnd } from '../activities';
import { followUpFailure, keptReturn } from '../contract';

/** @param returned what the workflow returned, read with `AS_RETURNED`. */
export function completedEnd(workflowId: string, returned: unknown): FollowUpEnd {
  return { workflowId, status: 'completed', ...keptReturn(returned) };
}

/** @param cause of the failure of the child workflow. */
export function failedEnd(workflowId: string, cause: Error | undefined): FollowUpEnd {
  if (cause instanceof CancelledFailure) return { workflowId, status: 'canceled' };
  if (cause instanceof TerminatedFailure) return { workflowId, status: 'terminated' };
  return { workflowId, status: cause instanceof TimeoutFailure ? 'timed_out' : 'failed', failure: followUpFailure(cause) };
}

/** Causes of a failure that are measured. */
const MOST_CAUSES = 100;

/** What a failure takes of the history of whoever has started the workflow, about, in bytes: message, stack and details, with those of its causes. @see failedEnd */
export function failureBytes(failure: Error | undefined): number {
  let bytes = 0;
  let cause: unknown = failure;
  for (let depth = 0; cause instanceof Error && depth < MOST_CAUSES; depth++, cause = cause.cause) {
    bytes += cause.message.length + (cause.stack?.length ?? 0) + (cause instanceof ApplicationFailure ? jsonBytes(cause.details) : 0);
  }
  return bytes;
}

/** Of what cannot be written as JSON, nothing is known. */
function jsonBytes(value: unknown): number {
  try {
    return JSON.stringify(value)?.length ?? 0;
  } catch {
    return 0;
  }
}
