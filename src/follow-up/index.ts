/** Helpers for workflow code: what a follow-up workflow needs of the result it was started for. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { MessageBatchesActivities } from '../activities';
import type { FollowUpInput } from '../contract';

// Type-only: importing the SDK itself would put it into workflow bundles.
type MessageBatchResult = import('@anthropic-ai/sdk/resources/messages/batches').MessageBatchResult;
type Message = import('@anthropic-ai/sdk/resources/messages/messages').Message;

export type { FollowUpInput } from '../contract';

/**
 * Fetches the result that this follow-up was started for. It then stands in this workflow's history;
 * an activity of yours can read `input.result` by reference instead.
 */
export async function loadResult(input: Pick<FollowUpInput, 'result' | 'activityTaskQueue'>): Promise<MessageBatchResult> {
  const { 'messageBatches.loadResult': load } = proxyActivities<MessageBatchesActivities>({
    taskQueue: input.activityTaskQueue,
    startToCloseTimeout: '2 minutes',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
  });
  return (await load(input.result)).result;
}

/** All text of a message, its text blocks joined. */
export function textOf(message: Pick<Message, 'content'>): string {
  return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}
