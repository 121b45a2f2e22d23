/** A follow-up: a workflow of yours that is started for each result. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { FollowUpInput } from 'temporal-message-batches/follow-up';
import { loadResult, textOf } from 'temporal-message-batches/follow-up';

export async function gradeAnswer(input: FollowUpInput<{ expected: string }>): Promise<{ correct: boolean }> {
  const result = await loadResult(input);
  if (result.type !== 'succeeded') throw ApplicationFailure.nonRetryable(`Got ${result.type}`);
  return { correct: textOf(result.message).includes(input.metadata.expected) };
}
