import { relative } from 'node:path';
import type { Colors } from 'picocolors/types';
import type { OutcomeCounts, TokenUsage } from '../../contract';
import { addUsage, noUsage, OUTCOMES } from '../../contract';
import { isS3 } from '../../storage';
import type { Formats } from './formats';

/** Everything that a picture depends on besides what it shows, so that the same input always gives the same picture. */
export interface Rendering {
  now: Date;
  /** Columns. */
  width: number;
  colors: Colors;
  formats: Formats;
  /** Paths below it are shown relative to it. */
  cwd: string;
}

/** `1 request`, `20 requests`. */
export function counted(count: number, noun: string, { formats }: Rendering): string {
  const plural = noun.endsWith('ch') ? `${noun}es` : `${noun}s`;
  return `${formats.count(count)} ${count === 1 ? noun : plural}`;
}

/** Only the outcomes that occurred: `1,200 succeeded · 3 errored`; empty where nothing is known yet. */
export function outcomesLine(outcomes: OutcomeCounts, { formats }: Rendering): string {
  return OUTCOMES.filter((outcome) => outcomes[outcome] > 0)
    .map((outcome) => `${formats.count(outcomes[outcome])} ${outcome}`)
    .join(' · ');
}

/** `12,345 in · 6,789 out · 1,000 written to the cache · 500 read from the cache · 3 web searches`; empty where none were used. */
export function tokensLine(reported: TokenUsage, { formats }: Rendering): string {
  // A report of an older release has fewer fields.
  const usage = noUsage();
  addUsage(usage, reported);
  const { cache_creation_input_tokens: written, cache_read_input_tokens: read } = usage;
  if (usage.input_tokens + usage.output_tokens + written + read === 0) return '';
  const parts = [`${formats.count(usage.input_tokens)} in`, `${formats.count(usage.output_tokens)} out`];
  const forAnHour = usage.cache_creation.ephemeral_1h_input_tokens;
  if (written > 0) parts.push(`${formats.count(written)} written to the cache${forAnHour > 0 ? ` (${formats.count(forAnHour)} for an hour)` : ''}`);
  if (read > 0) parts.push(`${formats.count(read)} read from the cache`);
  for (const [tool, calls] of Object.entries(usage.server_tool_use)) parts.push(`${formats.count(calls)} ${tool.replaceAll('_', ' ')}`);
  return parts.join(' · ');
}

/** The path as a person at `cwd` would type it. */
export function shownPath(path: string, { cwd }: Pick<Rendering, 'cwd'>): string {
  if (isS3(path)) return path;
  const fromHere = relative(cwd, path);
  return fromHere === '' || fromHere.startsWith('..') ? path : fromHere;
}

/** Cuts a line without colours to the width: first the ends of batch ids, then the line's own. */
export function fit(text: string, width: number): string {
  const line = text.length <= width ? text : text.replace(/\b(msgbatch_\w{2})\w+/g, '$1…');
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

/** Breaks a text into lines at its spaces; a word that is longer than a line stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
