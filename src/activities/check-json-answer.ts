import { setImmediate } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { FollowUpInput, FollowUpSliceInput } from '../contract';
import { checkAnswerIn, readReference, sliceLines, type CheckedAnswer, type JsonAnswerCheck } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { runActivity } from './failures';
import type { CheckedSlice } from './payloads';

/** Failing ids that are named; the rest is counted. */
const MAX_FAILING_IDS = 100;
/** Checks are done for so long at a stretch, and the one that is under way. */
const TURN_MS = 50;

/** Reads the result by reference: it never is in a history. */
export function checkJsonAnswerActivity(deps: ActivityDependencies) {
  return async function checkJsonAnswer(input: FollowUpInput, check: JsonAnswerCheck): Promise<CheckedAnswer> {
    return runActivity(deps, async () => checkAnswerIn(input, await readReference(input.result), check));
  };
}

/** As `checkJsonAnswer`, of all results of a slice. */
export function checkJsonAnswersOfSliceActivity(deps: ActivityDependencies) {
  return async function checkJsonAnswersOfSlice(input: FollowUpSliceInput, check: JsonAnswerCheck): Promise<CheckedSlice> {
    return runActivity(deps, async () => {
      let turnAt = Date.now();
      const checked: CheckedSlice = { valid: 0, invalid: 0, reasons: {}, failing: [] };
      for await (const { input: each, line } of sliceLines(input, { signal: Context.current().cancellationSignal })) {
        const answer = checkAnswerIn(each, line, check);
        // What else this worker does, heartbeats and creates among it, gets its turn.
        if (Date.now() - turnAt > TURN_MS) {
          await setImmediate();
          turnAt = Date.now();
        }
        if (answer.valid) checked.valid++;
        else {
          checked.invalid++;
          checked.reasons[answer.reason] = (checked.reasons[answer.reason] ?? 0) + 1;
          if (checked.failing.length < MAX_FAILING_IDS) checked.failing.push(each.customId);
        }
      }
      return checked;
    });
  };
}
