/** Which follow-ups a job has, and how far they are, in words. */
import type { ObservedFollowUpRetry } from '../../client';
import type { AnswerCounts, FollowUpCounts, FollowUpFilter, FollowUpOptions, JobReport, ReportedFollowUps } from '../../contract';
import { DEFAULT_FOLLOW_UP_WINDOW } from '../../contract';
import { optionsOfReport } from '../../jobs';
import { printable } from '../printable';
import { counted } from './rendering';
import type { Rendering } from './rendering';

const LONGEST_VALUE = 60;
const MAX_REASONS_SHOWN = 5;

/** `gradeAnswer on task queue grading for each succeeded result whose stop_reason is end_turn, at most 50 at once for a batch` */
export function followUpSentence({ workflow, taskQueue, on = ['succeeded'], where = {}, window = DEFAULT_FOLLOW_UP_WINDOW, per = 'result' }: FollowUpOptions, { formats }: Pick<Rendering, 'formats'>): string {
  const queue = taskQueue === undefined ? '' : ` on task queue ${taskQueue}`;
  const outcomes = on.join(' or ');
  const results = per === 'result' ? `for each ${outcomes} result` : `for each slice of up to ${formats.count(per)} ${outcomes} results`;
  return `${workflow}${queue} ${results}${conditions(where)}, at most ${formats.count(window)} at once for a batch`;
}

function conditions({ stopReason, pointer, equals }: FollowUpFilter): string {
  const all: string[] = [];
  if (stopReason !== undefined) all.push(`stop_reason is ${[stopReason].flat().join(' or ')}`);
  if (pointer !== undefined) all.push(equals === undefined ? `${pointer} is there` : `${pointer} is ${short(JSON.stringify(equals))}`);
  return all.length === 0 ? '' : ` where ${all.join(' and ')}`;
}

function short(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text;
}

/** `66,001 of 99,000 done (1 failed), 3,999 running`. @param noun what there are, where it is not said before */
export function followUpCounts({ selected, started, succeeded, failed, canceled = 0 }: FollowUpCounts, { formats }: Pick<Rendering, 'formats'>, noun = ''): string {
  const done = succeeded + failed + canceled;
  const running = Math.max(0, started - done);
  const ended = `${formats.count(done)} of ${formats.count(selected)}${noun} done`;
  return `${ended}${failed > 0 ? ` (${formats.count(failed)} failed)` : ''}${running > 0 ? `, ${formats.count(running)} running` : ''}`;
}

/** Of an ended job, those that did not complete: `2 follow-ups failed, 3 canceled, 6 not started`; empty where all did. */
export function notCompleted({ selected, started, failed, canceled = 0 }: FollowUpCounts, rendering: Pick<Rendering, 'formats'>): string {
  const kinds = ([[failed, 'failed'], [canceled, 'canceled'], [selected - started, 'not started']] as const).filter(([count]) => count > 0);
  return kinds.map(([count, what], index) => `${index === 0 ? counted(count, 'follow-up', rendering) : rendering.formats.count(count)} ${what}`).join(', ');
}

/** How a job ends whose follow-ups nobody serves. */
export function endWithoutSentence(jobId: string): string {
  return `Or end it without the follow-ups that have not begun: message-batches cancel ${jobId}`;
}

export function endRetrySentence(jobId: string): string {
  return `Or cancel those that run again: message-batches retry-follow-ups ${jobId} --cancel`;
}

/** Says that what was taken over from an earlier job has got no follow-up, as there it may have; undefined where nothing was, or none were asked for. */
export function takenOverWithout({ follow_ups: followUps, reused }: JobReport, rendering: Rendering): string | undefined {
  if (!followUps || !reused || reused.requests === 0) return undefined;
  return `${counted(reused.requests, 'result', rendering)} ${reused.requests === 1 ? 'was' : 'were'} taken over from ${reused.job_id}: no follow-up was started for ${reused.requests === 1 ? 'it' : 'them'}.`;
}

/** `run again 2 times (the last time as gradeBetter on task queue graders-2)`; empty where they were not */
export function retriesText({ retries = 0, retried_with: others = [] }: ReportedFollowUps, { formats }: Pick<Rendering, 'formats'>): string {
  if (retries === 0) return '';
  const last = others.at(-1);
  const times = retries === 1 ? 'once' : `${formats.count(retries)} times`;
  if (!last) return `run again ${times}`;
  const when = retries === 1 ? '' : last.attempt === retries ? 'the last time ' : `attempt ${formats.count(last.attempt)} `;
  return `run again ${times} (${when}as ${last.workflow}${last.task_queue === undefined ? '' : ` on task queue ${last.task_queue}`}${last.other_args ? ' with other arguments' : ''})`;
}

/** `Follow-ups run again now (attempt 2): 3 of 5 done, 1 running`, what waits for a person, and how to stay with them */
export function retrySentence({ attempt, followUps, attention }: ObservedFollowUpRetry, jobId: string, rendering: Pick<Rendering, 'formats'>): string {
  const counts = followUps && followUps.selected > 0 ? `: ${followUpCounts(followUps, rendering)}` : '';
  const lines = [`Follow-ups run again now (attempt ${rendering.formats.count(attempt)})${counts}`];
  if (attention) lines.push(attention.message, attention.hint);
  lines.push(`Stay with them: message-batches retry-follow-ups ${jobId}`);
  if (attention?.code === 'follow_up_unserved') lines.push(endRetrySentence(jobId));
  return lines.join('\n');
}

/** `Follow-ups of job_4c1f run again now: message-batches retry-follow-ups job_4c1f`, for where other things are said of the job */
export function retryLine({ attention }: ObservedFollowUpRetry, jobId: string): string {
  return `Follow-ups of ${jobId} run again now${attention ? `, and wait for a person (${attention.code})` : ''}: message-batches retry-follow-ups ${jobId} [--cancel]`;
}

/** `3 valid, 2 invalid: 1 × not_json, 1 × schema`, the most frequent reason first. */
export function answerCounts({ valid, invalid, reasons }: AnswerCounts, { formats }: Pick<Rendering, 'formats'>): string {
  const sorted = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, MAX_REASONS_SHOWN).map(([reason, count]) => `${formats.count(count)} × ${printable(reason)}`);
  const all = sorted.length > shown.length ? [...shown, '…'] : shown;
  return `${formats.count(valid)} valid, ${formats.count(invalid)} invalid${all.length > 0 ? `: ${all.join(', ')}` : ''}`;
}

/** Says that the filter of an ended job's follow-ups was passed by no result, which may not be what was meant; undefined where it was, or there is none. */
export function nothingPassed({ follow_ups: followUps, outcomes, batches, reused }: JobReport, rendering: Rendering): string | undefined {
  const options = followUps?.selected === 0 ? optionsOfReport(followUps) : undefined;
  const filter = conditions(options?.where ?? {});
  if (!options || filter === '') return undefined;
  const on = options.on ?? ['succeeded'];
  // What was taken over from another job was not looked at.
  const own = (outcome: (typeof on)[number]): number => (reused ? Math.min(outcomes[outcome], batches.reduce((sum, batch) => sum + batch.outcomes[outcome], 0)) : outcomes[outcome]);
  const results = on.reduce((sum, outcome) => sum + own(outcome), 0);
  return results === 0 ? undefined : `No follow-up was started: 0 of ${counted(results, `${on.join(' or ')} result`, rendering)} passed the filter${filter}.`;
}

/** Where one finds out what is wrong. @param options of the checks: of slices only ids are kept. */
export function invalidAnswersSentence(options: { per?: unknown } | undefined): string {
  const ofSlices = typeof options?.per === 'number';
  return ofSlices ? 'The ids of invalid answers, up to a hundred a slice, stand in follow-ups.jsonl.' : 'What is wrong with each invalid answer stands in follow-ups.jsonl.';
}
