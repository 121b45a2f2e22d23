/** Which follow-ups a job has, and how far they are, in words. */
import type { FollowUpCounts, FollowUpFilter, FollowUpOptions } from '../../contract';
import { DEFAULT_FOLLOW_UP_WINDOW } from '../../contract';
import type { Rendering } from './rendering';

const LONGEST_VALUE = 60;

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
export function followUpCounts({ selected, started, succeeded, failed }: FollowUpCounts, { formats }: Pick<Rendering, 'formats'>, noun = ''): string {
  const running = Math.max(0, started - succeeded - failed);
  const ended = `${formats.count(succeeded + failed)} of ${formats.count(selected)}${noun} done`;
  return `${ended}${failed > 0 ? ` (${formats.count(failed)} failed)` : ''}${running > 0 ? `, ${formats.count(running)} running` : ''}`;
}
