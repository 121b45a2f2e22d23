import type { ObservedJobStatus, ObservedPart } from '../../client';
import { totalOf } from '../../contract';
import { bar } from './bar';
import { costLine } from './cost';
import { followUpCounts } from './follow-ups';
import { byInterest, countedByPhase } from './part-list';
import { jobSentence, partPrefix, partSentence, queueLine, troublesOf, troubleSentence } from './phases';
import { storingLeftMs } from './rate';
import { counted, fit, outcomesLine, shownPath, tokensLine, wrap } from './rendering';
import type { Rendering } from './rendering';

/** Parts with a line of their own; a panel is not a log. */
const MAX_PARTS_SHOWN = 8;
/** Columns of the job's own bar. */
const BAR_WIDTH = { least: 10, most: 40 };

export interface PanelOptions {
  /** The last line: what Ctrl-C does. */
  footer?: string;
  /** Results stored a second, where that is known. */
  perSecond?: number;
  /** Lines of the terminal: fewer parts are shown where they would not fit. */
  height?: number;
}

/** The live picture of a job on a terminal. No line is wider than the terminal. */
export function renderPanel(status: ObservedJobStatus, rendering: Rendering, options: PanelOptions = {}): string {
  const most = Math.min(MAX_PARTS_SHOWN, status.running.length);
  for (let shown = most; ; shown--) {
    const lines = panelLines(status, rendering, options, shown);
    // The cursor stands below the last line.
    if (shown === 0 || options.height === undefined || lines.length < options.height) return lines.join('\n');
  }
}

function panelLines(status: ObservedJobStatus, rendering: Rendering, { footer, perSecond }: PanelOptions, partsShown: number): string[] {
  const { colors, formats, now, width } = rendering;
  const elapsed = formats.duration(Date.parse(status.endedAt ?? now.toISOString()) - Date.parse(status.startedAt));
  const title = [status.jobId, status.simulated ? 'simulated' : '', status.output ? `→ ${shownPath(status.output, rendering)}` : ''];
  const lines = [colors.bold(fit(title.filter(Boolean).join(' '), width)), fit(`${jobSentence(status, rendering)} · ${elapsed}`, width)];
  lines.push(...jobBar(status, rendering), ...followUpBar(status, rendering), ...partLines(status, rendering, partsShown));

  const facts: [name: string, fact: string][] = [
    ['queue', status.parts.total > 1 ? queueLine(status, rendering) : ''],
    ['stored', storedLine(status, perSecond, rendering)],
    ['outcomes', outcomesLine(status.outcomes, rendering)],
    ['tokens', tokensLine(status.usage, rendering)],
  ];
  for (const [name, fact] of facts) if (fact) lines.push(fit(`${name.padEnd(9)} ${fact}`, width));
  if (status.cost) lines.push(fit(`cost      ${costBar(status.cost, rendering)}${costLine(status.cost)}`, width));
  if (status.source === 'memo') lines.push(colors.dim(fit(status.attention ? 'no worker of message-batches answers; what follows was told before' : 'no worker has answered yet', width)));
  if (status.attention) {
    // Not cut: a person must be able to read all of it.
    const { message, hint } = status.attention;
    lines.push('', ...[...wrap(message, width), ...wrap(hint, width)].map(colors.yellow));
  }
  if (status.paused && !status.attention && status.phase !== 'ended') lines.push(...wrap(`To go on: message-batches resume ${status.jobId}`, width).map(colors.yellow));
  if (footer) lines.push(colors.dim(fit(footer, width)));
  return lines;
}

/** Of a job of several batches, the requests whose outcome is final. Of one batch nothing is known before its end. */
function jobBar(status: ObservedJobStatus, rendering: Rendering): string[] {
  const { requests, phase } = status;
  if (!requests || phase === 'planning' || status.source === 'memo' || !isInParts(status)) return [];
  const done = totalOf(status.outcomes);
  return barLines(done, requests, `${rendering.formats.count(done)} of ${counted(requests, 'request', rendering)} done`, rendering);
}

/** Of all batches, the follow-ups that have ended; those of a single batch are shown in its own line while they run. */
function followUpBar({ followUps, ...status }: ObservedJobStatus, rendering: Rendering): string[] {
  if (!followUps || followUps.selected === 0) return [];
  if (!isInParts(status) && status.running.some(({ phase }) => phase === 'following_up')) return [];
  return barLines(followUps.succeeded + followUps.failed + (followUps.canceled ?? 0), followUps.selected, followUpCounts(followUps, rendering, ' follow-ups'), rendering);
}

function isInParts({ parts, round }: Pick<ObservedJobStatus, 'parts' | 'round'>): boolean {
  return parts.total > 1 || round > 1;
}

/** A bar and what it shows, in two lines where the terminal is narrow. */
function barLines(done: number, total: number, text: string, { colors, width }: Rendering): string[] {
  const room = Math.min(BAR_WIDTH.most, width - text.length - 1);
  if (room < BAR_WIDTH.least) return [colors.green(bar(done, total, width)), fit(text, width)];
  return [`${colors.green(bar(done, total, room))} ${text}`];
}

function partLines(status: ObservedJobStatus, rendering: Rendering, shown: number): string[] {
  const { colors, width } = rendering;
  const parts = [...status.running].sort(byInterest);
  const troubles = troublesOf(parts);
  const lines: string[] = [];
  const prefixes = new Map(parts.slice(0, shown).map((part) => [part, prefixOf(part, status, rendering)]));
  const prefixWidth = Math.max(0, ...[...prefixes.values()].map((prefix) => prefix.length));
  for (const [part, prefix] of prefixes) {
    const sentence = partSentence(part, rendering, { alone: status.parts.total <= 1 });
    const color = part.status?.attention ? colors.yellow : colors.cyan;
    lines.push(color(fit(`  ${prefix.padEnd(prefixWidth)}${partBar(part, width)}${sentence}`, width)));
    if (part.trouble && troubles.length === 1) lines.push(...troubleLines(troubleSentence(part.trouble, rendering), '    ', rendering));
  }
  const hidden = parts.slice(shown);
  if (hidden.length > 0) lines.push(fit(`  and ${rendering.formats.count(hidden.length)} more: ${countedByPhase(hidden, rendering)}`, width));
  const [one, ...others] = troubles;
  const isShown = troubles.length === 1 && parts.slice(0, shown).some((part) => part.trouble);
  if (one && !isShown) lines.push(...troubleLines(troubleSentence(one, rendering, others.length), '  ', rendering));
  return lines;
}

/** Of how many parts, the line above tells; on a narrow terminal that is enough. */
function prefixOf(part: ObservedPart, status: ObservedJobStatus, rendering: Rendering): string {
  const prefix = partPrefix(part, status, rendering);
  return rendering.width < 80 ? prefix.replace(/ of [\d,]+: /, ': ') : prefix;
}

function troubleLines(sentence: string, indent: string, { colors, width }: Rendering): string[] {
  return wrap(sentence, width - indent.length).map((line) => colors.yellow(indent + line));
}

/** How much of a batch's results is stored, or of its follow-ups done. Empty where that cannot be told, or there is no room. */
function partBar({ status }: ObservedPart, width: number): string {
  const columns = width >= 100 ? 20 : width >= 60 ? 10 : 0;
  if (columns === 0 || !status) return '';
  if (status.phase === 'storing') return `${bar(status.stored.lines, status.requests, columns)} `;
  if (status.phase !== 'following_up' || !status.followUps) return '';
  const { selected, succeeded, failed } = status.followUps;
  return `${bar(succeeded + failed, selected, columns)} `;
}

/** `1,250 results a second, about 40 s left`; empty where nothing is stored. */
function storedLine(status: ObservedJobStatus, perSecond: number | undefined, rendering: Rendering): string {
  if (perSecond === undefined || !status.running.some((part) => part.phase === 'storing')) return '';
  const left = storingLeftMs(status, perSecond);
  return `${counted(Math.round(perSecond), 'result', rendering)} a second${left === undefined ? '' : `, about ${rendering.formats.duration(left)} left`}`;
}

function costBar({ spent, reserved, cap }: NonNullable<ObservedJobStatus['cost']>, { width }: Rendering): string {
  return cap === undefined || width < 60 ? '' : `${bar(spent + reserved, cap, 10)} `;
}
