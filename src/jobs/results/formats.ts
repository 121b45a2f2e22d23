/** Results as bytes in the forms that people and programs ask for. */
import { DEFAULT_FIELDS, type Field, fieldsOf } from './fields';
import { errorOf, textOf } from './result-content';
import type { ResultRecord } from './result-record';

/** Turns results into bytes, those of one call together. */
export interface ResultsFormat {
  /** What comes before all results; may be empty. */
  readonly head: Buffer;
  encode(records: readonly ResultRecord[]): Buffer;
}

const NOTHING = Buffer.alloc(0);
const LINE_FEED = Buffer.from('\n');

/** The API's lines, byte for byte; for requests without a result, a line of the same form. */
export function apiLines(): ResultsFormat {
  return { head: NOTHING, encode: (records) => linesOf(records.map((record) => record.lineOrSubstitute())) };
}

/** A line each: `{"custom_id", "params", "metadata", "result"}`. */
export function joinedLines(): ResultsFormat {
  return { head: NOTHING, encode: (records) => Buffer.concat(records.flatMap((record) => [...record.joined(), LINE_FEED])) };
}

/** A line each: an object of these fields, `null` where a result has no such value. */
export function fieldLines(fields: readonly Field[]): ResultsFormat {
  const objectOf = (record: ResultRecord) => Object.fromEntries(fields.map((field) => [field.name, field.valueOf(record) ?? null]));
  return { head: NOTHING, encode: (records) => linesOf(records.map((record) => Buffer.from(JSON.stringify(objectOf(record))))) };
}

export interface CsvOptions {
  /** The columns; default `DEFAULT_FIELDS`. */
  fields?: readonly Field[];
  /** Puts an apostrophe before texts that a spreadsheet would take for a formula. */
  escapeFormulas?: boolean;
  /** Leaves out control characters that a terminal obeys. */
  forTerminal?: boolean;
}

/** CSV as in RFC 4180, with a header; an empty cell where a result has no such value, JSON for objects. */
export async function csv({ fields = fieldsOf(DEFAULT_FIELDS), escapeFormulas = false, forTerminal = false }: CsvOptions): Promise<ResultsFormat> {
  const { stringify } = await import('csv-stringify/sync');
  // The library quotes what holds a line's end as it writes it, CR and LF; each of them alone ends a line for many readers.
  const options = { record_delimiter: 'windows', quoted_match: /[\r\n]/, escape_formulas: escapeFormulas } as const;
  const cellOf = (value: unknown): string => {
    const text = value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
    return forTerminal ? withoutControls(text) : text;
  };
  const encoded = (rows: string[][]) => Buffer.from(stringify(rows, options));
  return {
    head: encoded([fields.map(({ name }) => name)]),
    encode: (records) => encoded(records.map((record) => fields.map((field) => cellOf(field.valueOf(record))))),
  };
}

export interface TextOptions {
  /** Only the text itself, for a single result. */
  bare?: boolean;
  /** Leaves out control characters that a terminal obeys. */
  forTerminal?: boolean;
}

/** For reading: each result's text under a line that names it. */
export function text({ bare = false, forTerminal = false }: TextOptions): ResultsFormat {
  const textOfRecord = (record: ResultRecord) => {
    const body = forTerminal ? withoutControls(readableText(record)) : readableText(record);
    const ended = body.endsWith('\n') ? body : `${body}\n`;
    return Buffer.from(bare ? ended : `=== ${record.customId}: ${record.outcome} ===\n${ended}\n`);
  };
  return { head: NOTHING, encode: (records) => Buffer.concat(records.map(textOfRecord)) };
}

function readableText(record: ResultRecord): string {
  const { result, outcome } = record;
  if (result?.type === 'errored') return `[errored: ${errorOf(result)!.summary}]`;
  if (result?.type !== 'succeeded') return `[${outcome}]`;
  return textOf(result) || `[no text; stop_reason: ${result.message.stop_reason}]`;
}

function linesOf(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
}

/** Answers are anybody's text, and a terminal obeys control characters. Line feeds and tabs stay. */
function withoutControls(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]+/gu, '');
}
