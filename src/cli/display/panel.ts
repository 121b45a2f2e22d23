import type { ObservedJobStatus } from '../../client';
import { jobSentence, partPrefix, partSentence, troubleSentence } from './phases';
import { fit, outcomesLine, shownPath, tokensLine, wrap } from './rendering';
import type { Rendering } from './rendering';

/** Parts with a line of their own; a panel is not a log. */
const MAX_PARTS_SHOWN = 5;

export interface PanelOptions {
  /** The last line: what Ctrl-C does. */
  footer?: string;
}

/** The live picture of a job on a terminal. */
export function renderPanel(status: ObservedJobStatus, rendering: Rendering, { footer }: PanelOptions = {}): string {
  const { colors, formats, now, width } = rendering;
  const elapsed = formats.duration(Date.parse(status.endedAt ?? now.toISOString()) - Date.parse(status.startedAt));
  const title = [status.jobId, status.simulated ? 'simulated' : '', status.output ? `→ ${shownPath(status.output, rendering)}` : ''];
  const lines = [colors.bold(fit(title.filter(Boolean).join(' '), width)), fit(`${jobSentence(status, rendering)} · ${elapsed}`, width)];

  for (const part of status.running.slice(0, MAX_PARTS_SHOWN)) {
    lines.push(colors.cyan(fit(`  ${partPrefix(part, status, rendering)}${partSentence(part, rendering)}`, width)));
    if (part.trouble) lines.push(...wrap(troubleSentence(part.trouble, rendering), width - 4).map((line) => colors.yellow(`    ${line}`)));
  }
  const hidden = status.running.length - MAX_PARTS_SHOWN;
  if (hidden > 0) lines.push(fit(`  and ${formats.count(hidden)} more`, width));

  const outcomes = outcomesLine(status.outcomes, rendering);
  if (outcomes) lines.push(fit(`outcomes  ${outcomes}`, width));
  const tokens = tokensLine(status.usage, rendering);
  if (tokens) lines.push(fit(`tokens    ${tokens}`, width));
  if (status.source === 'memo') lines.push(colors.dim(fit('no worker has answered yet', width)));
  if (status.attention) {
    // Not cut: a person must be able to read all of it.
    const { message, hint } = status.attention;
    lines.push('', ...[...wrap(message, width), ...wrap(hint, width)].map(colors.yellow));
  }
  if (footer) lines.push(colors.dim(fit(footer, width)));
  return lines.join('\n');
}
