import type { ObservedJobStatus } from '../../client';
import { jobSentence, partSentence, troubleSentence } from './phases';
import { drawn, plainTable } from './plain-table';
import { outcomesLine, shownPath } from './rendering';
import type { Rendering } from './rendering';

/** All jobs, a line each: first those that need a person, then the open ones, then the newest. */
export function renderJobTable(jobs: ObservedJobStatus[], rendering: Rendering): string {
  const { colors, formats } = rendering;
  const table = plainTable(['JOB', 'STATE', 'REQUESTS', 'STARTED', 'OUTPUT'].map((title) => colors.dim(title)));
  for (const job of [...jobs].sort(byNeed)) {
    table.push([
      job.jobId,
      state(job, rendering),
      job.requests === undefined ? '' : formats.count(job.requests),
      `${formats.duration(rendering.now.getTime() - Date.parse(job.startedAt))} ago`,
      job.output === undefined ? '' : shownPath(job.output, rendering),
    ]);
  }
  return drawn(table);
}

/** Sorts what needs a person to the top. */
export function byNeed(a: ObservedJobStatus, b: ObservedJobStatus): number {
  return need(a) - need(b) || Date.parse(b.startedAt) - Date.parse(a.startedAt);
}

function need(job: ObservedJobStatus): number {
  if (job.attention || job.failure) return 0;
  return job.phase === 'ended' ? 2 : 1;
}

function state(job: ObservedJobStatus, rendering: Rendering): string {
  const { colors } = rendering;
  if (job.attention) return colors.yellow(`waits for a person (${job.attention.code})`);
  if (job.failure) return colors.red(jobSentence(job, rendering));
  if (job.report) return `${jobSentence(job, rendering)}: ${outcomesLine(job.outcomes, rendering)}`;
  const trouble = job.running.find((each) => each.trouble)?.trouble;
  if (trouble) return colors.yellow(troubleSentence(trouble, rendering));
  const [part] = job.running;
  return part && job.running.length === 1 ? partSentence(part, rendering) : jobSentence(job, rendering);
}
