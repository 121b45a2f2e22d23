import type { FollowUpOptions, ReportedFollowUps } from '../../../src/contract';
import { optionsOfReport, reportedOptions } from '../../../src/jobs/follow-ups/reported-options';

const ALL: FollowUpOptions = { workflow: 'gradeAnswer', taskQueue: 'grading', on: ['errored', 'succeeded'], where: { stopReason: ['end_turn'], pointer: '/metadata/someTopic', equals: { aKey: 1 } }, window: 7, per: 3, args: [{ someLimit: 1 }] };
const read = (options: unknown) => optionsOfReport({ options } as ReportedFollowUps);

it('has the keys of the report, and leaves what the user has given as it is', () => {
  expect(reportedOptions(ALL)).toEqual({ workflow: 'gradeAnswer', task_queue: 'grading', on: ['errored', 'succeeded'], where: { stop_reason: ['end_turn'], pointer: '/metadata/someTopic', equals: { aKey: 1 } }, window: 7, per: 3, args: [{ someLimit: 1 }] });
});

it.each([ALL, { workflow: 'w' }, { workflow: 'w', where: { pointer: '/metadata/a', equals: null } }])('is read as it was given: %j', (options) => {
  expect(read(JSON.parse(JSON.stringify(reportedOptions(options))))).toEqual(options);
  // As a first version wrote them.
  expect(read(options)).toEqual(options);
});

it('tells nothing of a report that has none', () => {
  expect(read(undefined)).toBeUndefined();
});
