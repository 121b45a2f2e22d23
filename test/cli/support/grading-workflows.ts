/** Follow-ups of somebody's own, on a worker and a task queue of their own. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { FollowUpInput } from '../../../src/contract';

/** Fails for the second request. */
export async function gradeAnswer({ customId, outcome }: FollowUpInput, bonus = 0): Promise<{ grade: number; outcome: string }> {
  if (customId.endsWith('-1')) throw ApplicationFailure.nonRetryable(`No grade for ${customId}`, 'NoGrade');
  return { grade: 1 + bonus, outcome };
}
