import { keptFollowUp } from '../../src/cli/kept-follow-up';
import type { FollowUpOptions } from '../../src/contract';

const counts = { selected: 3, started: 3, succeeded: 2, failed: 1 };
const begun: FollowUpOptions = { workflow: 'gradeAnswer', taskQueue: 'grading', on: ['succeeded', 'errored'] };

let said: string[];
beforeEach(() => void (said = []));
const kept = (known: Omit<Parameters<typeof keptFollowUp>[0], 'id'>) => keptFollowUp({ id: 'job_1', ...known }, (line) => said.push(line));
const refused = (what: RegExp, hint: RegExp) => expect.objectContaining({ code: 'follow_up_ignored', message: expect.stringMatching(what), hint: expect.stringMatching(hint) });

test('a job goes on with the follow-ups that it was begun with', () => {
  expect(kept({ onRecord: begun })).toEqual(begun);
  expect(kept({ onRecord: null })).toBeUndefined();
  expect(kept({ onRecord: begun, typed: { ...begun, on: ['errored', 'succeeded'], window: 50, per: 'result' } })).toEqual(begun);
  expect(kept({ report: { follow_ups: { ...counts, options: begun } }, typed: begun })).toEqual(begun);
  // From another language.
  const withNulls = { ...begun, where: null, args: null, per: null } as unknown as FollowUpOptions;
  expect(kept({ onRecord: withNulls, typed: begun })).toEqual(withNulls);
  expect(said).toEqual([]);
});

test('others are refused, as they would have no effect', () => {
  expect(() => kept({ onRecord: null, typed: begun })).toThrow(refused(/is known already\. It was begun without follow-ups/, /goes on with it\. .*cancel it, then add --new: that pays again\.$/));
  expect(() => kept({ onRecord: begun, typed: { ...begun, window: 100 } })).toThrow(refused(/with other follow-ups \(gradeAnswer: window 50 instead of 100\)/, /goes on with it and with gradeAnswer\. .*--new.*\nTo leave out those that have not run, .*: message-batches cancel job_1\nAll results are kept/));
  expect(() => kept({ onRecord: begun, report: { follow_ups: { ...counts, options: begun } }, typed: { workflow: 'x' } })).toThrow(refused(/has ended\. /, /^Run those that did not complete again: message-batches retry-follow-ups job_1\n.*shows its report.*pay for it again: add --new/));
  expect(() => kept({ report: {}, typed: begun })).toThrow(refused(/without follow-ups/, /shows its report/));
});

test('what differs is named: from the queue to the arguments', () => {
  const differs = (typed: Partial<FollowUpOptions>) => {
    try {
      kept({ onRecord: begun, typed: { ...begun, ...typed } });
      return undefined;
    } catch (error) {
      return /\(gradeAnswer: (.*)\)/.exec((error as Error).message)?.[1];
    }
  };
  expect(differs({})).toBeUndefined();
  expect(differs({ taskQueue: 'other' })).toBe('task queue grading instead of other');
  expect(differs({ taskQueue: undefined })).toBe("task queue grading instead of the job's own");
  expect(differs({ on: ['errored'], where: { stopReason: 'end_turn' } })).toBe('outcomes errored,succeeded instead of errored, filter none instead of {"stopReason":"end_turn"}');
  expect(differs({ workflow: 'x', per: 7, args: [{ a: 1 }] })).toBe('workflow gradeAnswer instead of x, per result instead of 7, other arguments');
});

test('where nobody can say what it was begun with, that is said', () => {
  expect(kept({ onRecord: undefined })).toBeUndefined();
  expect(said).toEqual([]);
  expect(kept({ onRecord: undefined, typed: begun })).toEqual(begun);
  expect(said).toEqual([expect.stringContaining('its record does not tell its follow-ups')]);
  expect(kept({ report: { follow_ups: counts }, typed: begun })).toEqual(begun);
});
