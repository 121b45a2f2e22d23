import { linesOf } from '../../storage';
import { openCsv } from './csv-rows';
import { openJsonl } from './json-rows';
import type { RowReader } from './rows';

export type RowFormat = 'csv' | 'tsv' | 'jsonl';

/** As for a row of CSV. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

export interface OpenRowsOptions {
  /** The file as errors name it. */
  source: string;
  format: RowFormat;
  /** Between two cells; default a comma, or the tab of TSV. */
  delimiter?: string;
}

/** @throws InputError for what is wrong with the file as a whole. */
export function openRows(chunks: AsyncIterable<Buffer>, { source, format, delimiter }: OpenRowsOptions): Promise<RowReader> {
  if (format === 'jsonl') return openJsonl(source, linesOf(source, chunks, { maxLineBytes: MAX_LINE_BYTES }));
  return openCsv(source, chunks, delimiter ?? (format === 'tsv' ? '\t' : ','));
}

/** What the end of a file's name says; undefined where it says nothing. */
export function rowFormatOf(path: string): RowFormat | undefined {
  const extension = /\.(csv|tsv|tab|jsonl|ndjson)(?:\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  switch (extension) {
    case undefined:
      return undefined;
    case 'tab':
    case 'tsv':
      return 'tsv';
    case 'csv':
      return 'csv';
    default:
      return 'jsonl';
  }
}

/** What the first bytes look like: an object, or a header with tabs or without. */
export function guessedFormat(first: Buffer): RowFormat {
  const text = first.toString('utf8').replace(/^\uFEFF/, '').trimStart();
  if (text.startsWith('{')) return 'jsonl';
  const header = /^[^\r\n]*/.exec(text)![0];
  return header.includes('\t') && !header.includes(',') ? 'tsv' : 'csv';
}
