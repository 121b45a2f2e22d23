/** Follow-ups: workflows of yours that are started for each result, or for each slice of them. */
import { ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { FollowUpInput, FollowUpSliceInput } from 'temporal-message-batches/follow-up';
import { loadResult, textOf } from 'temporal-message-batches/follow-up';
import type * as sliceActivities from './slice-activities';

export async function gradeAnswer(input: FollowUpInput<{ expected: string }>): Promise<{ correct: boolean }> {
  const result = await loadResult(input);
  if (result.type !== 'succeeded') throw ApplicationFailure.nonRetryable(`Got ${result.type}`);
  return { correct: textOf(result.message).includes(input.metadata.expected) };
}

/** With `per: 500`: an activity reads the results of the slice by reference. */
export async function countWordsOfSlice(input: FollowUpSliceInput): Promise<{ words: number }> {
  const { countWords } = proxyActivities<typeof sliceActivities>({ startToCloseTimeout: '10 minutes', heartbeatTimeout: '30 seconds' });
  return { words: await countWords(input) };
}
