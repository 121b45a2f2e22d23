import type { ObservedJobStatus } from '../../client';
import { costLine } from './cost';
import { followUpCounts } from './follow-ups';
import { countedByPhase } from './part-list';
import { jobSentence, partPrefix, partSentence, troublesOf, troubleSentence } from './phases';
import { outcomesLine } from './rendering';
import type { Rendering } from './rendering';

/** Jobs of more parts get no lines for each of them. */
const MAX_PARTS_LOGGED = 3;
/** How often such a job is summed up, and one whose follow-ups run, in ms. */
const SUMMARY_EVERY_MS = 60_000;

/** The lines of a log from one look at a job to the next. */
export class ProgressLog {
  private last: ObservedJobStatus | undefined;
  private summary = '';
  private summedUpAt = 0;

  /** What is worth a line since the last call. */
  lines(status: ObservedJobStatus, rendering: Rendering): string[] {
    const lines = progressLines(this.last, status, rendering);
    const now = rendering.now.getTime();
    if (lines.length > 0) this.summedUpAt = now;
    if (status.phase === 'running' && (hasManyParts(status) || followUpsRun(status)) && now - this.summedUpAt >= SUMMARY_EVERY_MS) {
      const summary = hasManyParts(status) ? summaryLine(status, rendering) : followUpsText(status, rendering);
      // A whole hour of processing is one line, not sixty.
      if (summary !== '' && summary !== this.summary) lines.push(summary);
      this.summary = summary;
      this.summedUpAt = now;
    }
    this.last = status;
    return lines;
  }
}

/**
 * What is worth a line in a log when a job goes from one status to the next: one a change of phase,
 * none for what merely moves on. Times that count down are left to the panel. Of a job of many parts, the phases
 * of the job alone.
 */
export function progressLines(before: ObservedJobStatus | undefined, after: ObservedJobStatus, rendering: Rendering): string[] {
  const many = hasManyParts(after);
  const lines: string[] = [];
  // What it waits for follows below, with the reason.
  if (!after.attention && (!before || stateOf(before, many, rendering) !== stateOf(after, many, rendering))) {
    const outcomes = outcomesLine(after.outcomes, rendering);
    const sentence = jobSentence(after, rendering);
    lines.push(outcomes && after.phase === 'running' ? `${sentence} (${outcomes})` : sentence);
  }
  if (many) {
    const [trouble, ...others] = troublesOf(after.running);
    if (trouble && troublesOf(before?.running ?? []).length === 0) lines.push(troubleSentence(trouble, rendering, others.length));
  }
  for (const part of many ? [] : after.running) {
    if (part.phase === undefined) continue;
    const earlier = before?.running.find((each) => each.workflowId === part.workflowId);
    const prefix = partPrefix(part, after, rendering);
    if (earlier?.phase !== part.phase || earlier?.batchId !== part.batchId) lines.push(prefix + partSentence(part, rendering));
    if (part.trouble && !earlier?.trouble) lines.push(prefix + troubleSentence(part.trouble, rendering));
  }
  if (after.attention && after.attention.since !== before?.attention?.since) {
    lines.push(`waits for a person: ${after.attention.message}`, after.attention.hint);
  }
  return lines;
}

function hasManyParts({ parts }: ObservedJobStatus): boolean {
  return parts.total > MAX_PARTS_LOGGED;
}

function followUpsRun({ running }: ObservedJobStatus): boolean {
  return running.some(({ phase }) => phase === 'following_up');
}

/** `66,001 of 99,000 follow-ups done (1 failed), 3,999 running`; empty where there are none. */
function followUpsText({ followUps }: ObservedJobStatus, rendering: Rendering): string {
  return followUps && followUps.selected > 0 ? followUpCounts(followUps, rendering, ' follow-ups') : '';
}

/** What a line is written at a change of. Of many parts, not how many have ended: the summary tells that. */
function stateOf(status: ObservedJobStatus, many: boolean, rendering: Rendering): string {
  const counted = many ? { ...status, parts: { ...status.parts, ended: 0 } } : status;
  return jobSentence(counted, rendering);
}

/** `round 1: 2 of 100 batches done; 9 processing, 3 waiting for room (200,000 succeeded) · $3.20 of $20.00` */
function summaryLine(status: ObservedJobStatus, rendering: Rendering): string {
  const outcomes = outcomesLine(status.outcomes, rendering);
  const parts = countedByPhase(status.running, rendering);
  const followUps = followUpsText(status, rendering);
  return `${jobSentence(status, rendering)}${parts ? `; ${parts}` : ''}${outcomes ? ` (${outcomes})` : ''}${followUps ? ` · ${followUps}` : ''}${status.cost ? ` · ${costLine(status.cost)}` : ''}`;
}
