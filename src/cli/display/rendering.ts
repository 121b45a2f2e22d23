import { relative } from 'node:path';
import type { Colors } from 'picocolors/types';
import stringWidth from 'string-width';
import type { OutcomeCounts, TokenUsage } from '../../contract';
import { addUsage, noUsage, OUTCOMES } from '../../contract';
import { isS3 } from '../../storage';
import type { Formats } from './formats';

/** Everything that a picture depends on besides what it shows, so that the same input always gives the same picture. */
export interface Rendering {
  now: Date;
  /** Columns; Infinity where no terminal limits them. */
  width: number;
  colors: Colors;
  formats: Formats;
  /** Paths below it are shown relative to it. */
  cwd: string;
}

/** `1 request`, `20 requests`. */
export function counted(count: number, noun: string, { formats }: Pick<Rendering, 'formats'>): string {
  const plural = noun.endsWith('ch') ? `${noun}es` : `${noun}s`;
  return `${formats.count(count)} ${count === 1 ? noun : plural}`;
}

/** Only the outcomes that occurred: `1,200 succeeded · 3 errored`; empty where nothing is known yet. */
export function outcomesLine(outcomes: OutcomeCounts, { formats }: Pick<Rendering, 'formats'>): string {
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

/** The same in short, for a cell: `254,508 in · 402,118 out`; all that went in, from the cache or not. */
export function tokensCell(reported: TokenUsage | undefined, { formats }: Pick<Rendering, 'formats'>): string {
  const usage = noUsage();
  addUsage(usage, reported);
  const read = usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens;
  return read + usage.output_tokens === 0 ? '' : `${formats.count(read)} in · ${formats.count(usage.output_tokens)} out`;
}

/** The path as a person at `cwd` would type it. */
export function shownPath(path: string, { cwd }: Pick<Rendering, 'cwd'>): string {
  if (isS3(path)) return path;
  const fromHere = relative(cwd, path);
  return fromHere === '' || fromHere.startsWith('..') ? path : fromHere;
}

/** Cuts a line without colours to the width: first the ends of batch ids, then these ids, then the line's own end. */
export function fit(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  const short = text.replace(/\b(msgbatch_\w{2})\w+/g, '$1…');
  if (stringWidth(short) <= width) return short;
  const without = short.replace(/\bmsgbatch_\w+… /g, '');
  return stringWidth(without) <= width ? without : cut(without, width);
}

/** Cuts a text without colours to so many columns, and says so with `…`. Some signs take two. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  return `${firstColumns(text, width - 1)}${width > 0 ? '…' : ''}`;
}

/** As much of a text's beginning as fits into so many columns. */
function firstColumns(text: string, width: number): string {
  if (/^[ -~]*$/.test(text)) return text.slice(0, Math.max(0, width));
  let kept = '';
  let columns = 0;
  for (const sign of text) {
    columns += stringWidth(sign);
    if (columns > width) break;
    kept += sign;
  }
  return kept;
}

/** Breaks a text into lines at its spaces, and a word that is longer than a line within it. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== undefined && stringWidth(line) + 1 + stringWidth(word) <= width) {
      lines[lines.length - 1] = `${line} ${word}`;
      continue;
    }
    let rest = word;
    while (stringWidth(rest) > width) {
      const piece = firstColumns(rest, width) || String.fromCodePoint(rest.codePointAt(0)!);
      lines.push(piece);
      rest = rest.slice(piece.length);
    }
    lines.push(rest);
  }
  return lines;
}
