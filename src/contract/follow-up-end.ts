/** What is kept of the end of a follow-up. Pure: workflows and activities say it alike. */
import type { FollowUpFailure, FollowUpLine } from './follow-up';
import { MAX_FOLLOW_UP_VALUE_BYTES } from './follow-up';

/** How much of a failure's message is kept, in characters. */
const MAX_MESSAGE_LENGTH = 2_000;
const MAX_TYPE_LENGTH = 200;

/** Type of the failure of `endOfFollowUp` where Temporal has no such workflow (any more). */
export const FOLLOW_UP_NOT_FOUND = 'FollowUpNotFound';

/** A value that a follow-up has returned, or how large it is where it is too large to be kept. */
export function keptValue(value: unknown): Pick<FollowUpLine, 'value' | 'value_bytes'> {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) return {};
  const bytes = new TextEncoder().encode(json).length;
  return bytes > MAX_FOLLOW_UP_VALUE_BYTES ? { value_bytes: bytes } : { value };
}

/** Temporal's own, around what went wrong. */
const WRAPPERS = new Set(['WorkflowFailedError', 'ChildWorkflowFailure', 'ActivityFailure', 'NexusOperationFailure']);

/** Why a follow-up did not complete, as it or its activity has said: without Temporal's wrappers ("Activity task failed"), and without what may have caused that in turn. */
export function followUpFailure(error: unknown): FollowUpFailure {
  let reason = error;
  while (reason instanceof Error && WRAPPERS.has(reason.name) && reason.cause instanceof Error) reason = reason.cause;
  if (!(reason instanceof Error)) return { type: 'Unknown', message: '' };
  const { type } = reason as { type?: unknown };
  return { type: (typeof type === 'string' && type !== '' ? type : reason.name).slice(0, MAX_TYPE_LENGTH), message: reason.message.slice(0, MAX_MESSAGE_LENGTH) };
}
