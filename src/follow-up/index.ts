/** Helpers for workflow code: what a follow-up workflow needs of the result it was started for. */
import { ActivityCancellationType, ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { MessageBatchesActivities } from '../activities';
import type { FollowUpInput } from '../contract';
import type { StoredRequest } from '../jobs';

// Type-only: importing the SDK itself would put it into workflow bundles.
type MessageBatchResult = import('@anthropic-ai/sdk/resources/messages/batches').MessageBatchResult;

export type { DataReference, FollowUpInput, FollowUpSliceInput } from '../contract';
export type { StoredRequest } from '../jobs';
export { textOf } from './text-of';

/**
 * Fetches the result that this follow-up was started for. It then stands in this workflow's history, and may have at most 2 MB; an
 * activity of yours can read it by reference instead: `readResult` of `temporal-message-batches/follow-up/activity`.
 *
 * @returns the API's `result`, whatever its outcome.
 * @throws ActivityFailure where it is not stored any more; says so, and what to do. Outages are waited out.
 */
export async function loadResult(input: Pick<FollowUpInput, 'result' | 'activityTaskQueue'>): Promise<MessageBatchResult> {
  const { 'messageBatches.loadResult': load } = activities(input.activityTaskQueue);
  return (await load(input.result)).result;
}

/**
 * Fetches the request of this follow-up as the input of the job has it. It then stands in this workflow's history, and may have at most
 * 2 MB; an activity of yours can read it by reference instead: `readRequest` of `temporal-message-batches/follow-up/activity`.
 *
 * @throws ApplicationFailure `RequestGone`, non-retryable, where the job's own copy is not kept any more; ActivityFailure otherwise.
 */
export async function loadRequest(input: Pick<FollowUpInput, 'jobId' | 'customId' | 'request' | 'activityTaskQueue'>): Promise<StoredRequest> {
  if (!input.request) {
    throw ApplicationFailure.nonRetryable(`The request ${input.customId} of job ${input.jobId} is not kept any more. Put what a follow-up needs of it into its metadata.`, 'RequestGone');
  }
  const { 'messageBatches.loadRequest': load } = activities(input.activityTaskQueue);
  return load(input.request, input.customId);
}

function activities(taskQueue: string) {
  return proxyActivities<MessageBatchesActivities>({
    taskQueue,
    startToCloseTimeout: '2 minutes',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
  });
}
