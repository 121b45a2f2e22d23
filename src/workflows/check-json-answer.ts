/** A ready-made follow-up, and one to copy: is the answer JSON that a schema allows? `follow-ups.jsonl` then says so of each. */
import type { CheckedAnswer, CheckedSlice, JsonAnswerCheck } from '../activities';
import type { FollowUpInput, FollowUpSliceInput } from '../contract';
import { activities } from './activity-profiles';

/** Checks the answer of one result: `followUp: { workflow: 'checkJsonAnswer', args: [{ schema }] }`. */
export async function checkJsonAnswer(input: FollowUpInput, check: JsonAnswerCheck): Promise<CheckedAnswer> {
  return activities(input.activityTaskQueue).checkJsonAnswer(input, check);
}

/** Checks those of a slice: `followUp: { workflow: 'checkJsonAnswersOfSlice', per: 500, args: [{ schema }] }`. */
export async function checkJsonAnswersOfSlice(input: FollowUpSliceInput, check: JsonAnswerCheck): Promise<CheckedSlice> {
  return activities(input.activityTaskQueue).checkJsonAnswersOfSlice(input, check);
}
