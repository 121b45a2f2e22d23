import type { ObservedJobStatus } from '../../client';
import { jobSentence, partPrefix, partSentence, troubleSentence } from './phases';
import { outcomesLine } from './rendering';
import type { Rendering } from './rendering';

/**
 * What is worth a line in a log when a job goes from one status to the next: one a change of phase,
 * none for what merely moves on. Times that count down are left to the panel.
 */
export function progressLines(before: ObservedJobStatus | undefined, after: ObservedJobStatus, rendering: Rendering): string[] {
  const lines: string[] = [];
  const sentence = jobSentence(after, rendering);
  // What it waits for follows below, with the reason.
  if (!after.attention && (!before || jobSentence(before, rendering) !== sentence)) {
    const outcomes = outcomesLine(after.outcomes, rendering);
    lines.push(outcomes && after.phase === 'running' ? `${sentence} (${outcomes})` : sentence);
  }
  for (const part of after.running) {
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
