import type { ObservedJobStatus } from '../../client';
import { fittedTable } from './fitted-table';
import type { Column } from './fitted-table';
import { notCompleted } from './follow-ups';
import { needOf } from './needs';
import { jobSentence, partSentence, troublesOf, troubleSentence } from './phases';
import { counted, fit, outcomesLine, shownPath, wrap } from './rendering';
import type { Rendering } from './rendering';

/** Jobs whose needs are told in full; the table has all. */
const MAX_NEEDS_TOLD = 10;

/** All jobs, a line each: first those that need a person, then the open ones, then the newest. Below it, what to do for those that need one. */
export function renderJobTable(jobs: ObservedJobStatus[], rendering: Rendering): string {
  const { colors, formats, now, width } = rendering;
  const sorted = sortedByNeed(jobs, rendering);
  const columns: Column<ObservedJobStatus>[] = [
    { title: 'JOB', text: (job) => job.jobId, cutTo: 24 },
    { title: 'STATE', text: (job) => state(job, rendering), color: (job, text) => stateColor(job, rendering)(text), cutTo: 36 },
    { title: 'REQUESTS', text: (job) => (job.requests === undefined ? '' : formats.count(job.requests)), leavesAs: 2 },
    { title: 'STARTED', text: (job) => `${formats.duration(now.getTime() - Date.parse(job.startedAt))} ago`, leavesAs: 3 },
    { title: 'OUTPUT', text: (job) => (job.output === undefined ? '' : shownPath(job.output, rendering)), leavesAs: 4, cutTo: 15 },
  ];
  const lines = [fittedTable(columns, sorted, rendering)];

  const needs = sorted.flatMap((job) => {
    const need = needOf(job, rendering);
    return need ? [{ jobId: job.jobId, ...need }] : [];
  });
  for (const { jobId, what, hint, command } of needs.slice(0, MAX_NEEDS_TOLD)) {
    lines.push('', ...wrap(`${jobId} ${what}`, width).map(colors.yellow));
    for (const todo of [hint, command]) if (todo) lines.push(...wrap(todo, width - 2).map((line) => `  ${line}`));
  }
  const more = needs.length - MAX_NEEDS_TOLD;
  if (more > 0) lines.push('', fit(`and ${formats.count(more)} more that need a person: message-batches status JOB says what to do`, width));
  return lines.join('\n');
}

/** First what needs a person, then what is open, then what has ended; the newest first in each. */
export function sortedByNeed(jobs: ObservedJobStatus[], rendering: Pick<Rendering, 'now' | 'formats'>): ObservedJobStatus[] {
  const rank = (job: ObservedJobStatus) => (needOf(job, rendering) ? 0 : job.phase === 'ended' ? 2 : 1);
  return [...jobs].sort((a, b) => rank(a) - rank(b) || Date.parse(b.startedAt) - Date.parse(a.startedAt));
}

function state(job: ObservedJobStatus, rendering: Rendering): string {
  const need = needOf(job, rendering);
  if (need) return need.short;
  if (job.report) {
    const left = job.followUps ? notCompleted(job.followUps, rendering) : '';
    const invalid = job.report.follow_ups?.answers?.invalid ?? 0;
    return `${jobSentence(job, rendering)}: ${outcomesLine(job.outcomes, rendering)}${left === '' ? '' : ` · ${left}`}${invalid > 0 ? ` · ${counted(invalid, 'answer', rendering)} invalid` : ''}`;
  }
  const [trouble, ...others] = troublesOf(job.running);
  if (trouble) return troubleSentence(trouble, rendering, others.length);
  const [part] = job.running;
  // The id of a batch says nothing in a table of jobs.
  return part && job.running.length === 1 ? partSentence(part, rendering).replace(/^msgbatch_\w+ /, '') : jobSentence(job, rendering);
}

function stateColor(job: ObservedJobStatus, rendering: Rendering): (text: string) => string {
  const { colors } = rendering;
  if (job.failure) return colors.red;
  return needOf(job, rendering) || troublesOf(job.running).length > 0 ? colors.yellow : String;
}
