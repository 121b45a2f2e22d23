import { MAX_PROBLEM_EXAMPLES } from '../../contract';
import { readChunks, readLines, type ScratchFile, StorageError } from '../../storage';
import { DuplicateIds } from '../duplicate-ids';
import { InputError } from '../input-error';
import { inputError, mustBeFile } from '../input-scanner';
import type { PassOptions } from '../progress';
import { type LineProblem, parseRequestLine } from '../request-line';
import { mustBeColumns } from './columns';
import { fixedParams, type FixedParams } from './fixed-params';
import { LineBuffer } from './line-buffer';
import { RequestMaker, type RequestShape } from './request-maker';
import { guessedFormat, openRows, type RowFormat, rowFormatOf } from './row-format';
import type { Row, RowReader } from './rows';

export interface PrepareOptions extends PassOptions, FixedParams, RequestShape {
  /** The file as errors name it, and whose name says what it is; default its path. */
  source?: string;
  /** Default: by the file's name, else by its first bytes. */
  format?: RowFormat;
  /** Between two cells of CSV. */
  delimiter?: string;
}

/** Something wrong with a row. */
export interface RowProblem extends LineProblem {
  /** From 1, without the header and blank lines. */
  row: number;
  /** Where it begins in the file, from 1; unknown of custom_ids that stand twice. */
  line?: number;
}

/** What a whole table came to. The requests can be used if `problemCount` is 0. */
export interface Prepared {
  format: RowFormat;
  rows: number;
  requests: number;
  /** Rows left out because a value was missing. */
  skipped: number;
  /** Values that were missing, and stand for nothing. */
  emptyValues: number;
  /** Of the requests as JSONL. */
  bytes: number;
  /** The first request's line, without its line feed. */
  first?: string;
  /** The first twenty, by row. */
  problems: RowProblem[];
  problemCount: number;
}

/**
 * Makes a request of each row of a table, in one pass, and holds about 16 bytes of each row in memory where it has custom_ids of its own.
 * @param path CSV, TSV or JSONL, plain or gzip.
 * @param scratch takes the lines of the requests.
 * @throws InputError for what is wrong with the file as a whole, a template or the params; StorageError; the signal's reason as it is.
 */
export async function prepareRequests(path: string, scratch: ScratchFile, options: PrepareOptions): Promise<Prepared> {
  const maker = new RequestMaker(fixedParams(options), options);
  await mustBeFile(path, 'a file of rows: CSV, TSV or JSONL, plain or .gz');
  try {
    return await prepare(path, scratch, maker, { ...options, source: options.source ?? path });
  } catch (error) {
    throw error instanceof StorageError && error.path === path && !error.passing && error.code !== 'line_too_long' ? inputError(error, path) : error;
  }
}

async function prepare(path: string, scratch: ScratchFile, maker: RequestMaker, options: PrepareOptions & { source: string }): Promise<Prepared> {
  const { source, delimiter, signal } = options;
  const format = options.format ?? rowFormatOf(source) ?? guessedFormat(await beginning(path));
  const chunks = readChunks(path, { signal });
  try {
    const reader = await openRows(chunks, { source, format, delimiter });
    mustBeColumns(source, reader, maker.named());
    maker.bind((field) => reader.getter(field));
    const made = await new Preparing(scratch, maker, options).run(reader);
    mustHaveRequests(source, made);
    return { format, ...made };
  } finally {
    // Whoever stops in the middle leaves no file open.
    await chunks.return();
  }
}

function mustHaveRequests(source: string, made: Pick<Prepared, 'rows' | 'requests' | 'problemCount'>): void {
  if (made.rows === 0) throw new InputError('input_empty', `${source} holds no rows.`, 'Write one row for each request.');
  if (made.requests === 0 && made.problemCount === 0) {
    throw new InputError('input_empty', `No row of ${source} has all values that are needed, so there are no requests.`, 'Look at the names of the fields, or put nothing in the place of what is missing: --missing empty.');
  }
}

/** One pass over the rows. */
class Preparing {
  private readonly ids?: DuplicateIds;
  private readonly problems: RowProblem[] = [];
  private problemCount = 0;
  private rows = 0;
  private requests = 0;
  /** Their numbers, so that the rows of requests are known. */
  private readonly skipped: number[] = [];
  private emptyValues = 0;
  private first?: string;
  private readonly lines: LineBuffer;

  constructor(
    private readonly scratch: ScratchFile,
    private readonly maker: RequestMaker,
    private readonly options: PrepareOptions,
  ) {
    this.lines = new LineBuffer(scratch);
    if (options.idField !== undefined) this.ids = new DuplicateIds();
  }

  async run(reader: RowReader): Promise<Omit<Prepared, 'format'>> {
    for await (const rows of reader.rows()) {
      this.options.signal?.throwIfAborted();
      for (const row of rows) {
        const line = this.take(row);
        if (line !== undefined && !this.lines.add(line)) await this.lines.write(line);
      }
      this.options.onProgress?.({ lines: this.rows, bytes: this.lines.bytes });
    }
    await this.lines.write();
    if (this.ids?.suspected && this.problemCount === 0) await this.findDuplicates(this.ids);
    const { rows, requests, skipped, emptyValues, first, problems, problemCount } = this;
    return { rows, requests, skipped: skipped.length, emptyValues, bytes: this.lines.bytes, first, problems, problemCount };
  }

  /** @returns the line of its request, where there is one to write. */
  private take(row: Row): string | undefined {
    this.rows++;
    const made = this.maker.make(row);
    switch (made.kind) {
      case 'skipped':
        this.skipped.push(row.number);
        return undefined;
      case 'problems':
        for (const problem of made.problems) this.addProblem({ row: row.number, line: row.line, ...problem });
        return undefined;
      case 'request':
        this.requests++;
        this.emptyValues += made.emptyValues;
        this.first ??= made.line.trimEnd();
        this.ids?.add(made.customId);
        // Where rows are wrong, nothing is handed out.
        return this.problemCount > 0 ? undefined : made.line;
    }
  }

  private async findDuplicates(ids: DuplicateIds): Promise<void> {
    const rowOf = rowsOfRequests(this.skipped);
    for await (const { customId, line, firstLine } of ids.find(readLines(this.scratch.path), parseRequestLine)) {
      this.addProblem({
        row: rowOf(line),
        message: `${JSON.stringify(customId)} stands in row ${rowOf(firstLine)} already, and no two requests may have one custom_id.`,
        hint: `Choose a field for --id-field that is different in all rows, or leave it out: the ids are then row-1, row-2, …`,
      });
    }
    this.problemCount += ids.uncompared;
  }

  private addProblem(problem: RowProblem): void {
    this.problemCount++;
    if (this.problems.length < MAX_PROBLEM_EXAMPLES) this.problems.push(problem);
  }
}

/** @returns which row the n-th request was made of, from 1, where these rows made none. */
function rowsOfRequests(skipped: readonly number[]): (request: number) => number {
  return (request) => {
    // Between 0 and all: how many were left out before it.
    let low = 0;
    for (let high = skipped.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (skipped[middle]! - middle <= request) low = middle + 1;
      else high = middle;
    }
    return request + low;
  };
}

async function beginning(path: string): Promise<Buffer> {
  for await (const chunk of readChunks(path)) return chunk;
  return Buffer.alloc(0);
}
