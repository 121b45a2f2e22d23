/** From what a child workflow returned, or how it failed, to what is put on record of it. Pure. */
import { CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
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
