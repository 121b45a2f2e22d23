import { CsvError, Parser } from 'csv-parse';
import { InputError } from '../input-error';
import type { LineProblem } from '../request-line';
import type { Getter, Row, RowReader } from './rows';
import { Utf8Check } from './utf8-check';

/** A longer row is an error, not a lot of memory: mostly a quote that is never closed. */
const MAX_ROW_BYTES = 64 * 1024 * 1024;

/** Rows of so many bytes together: few enough that they are forgotten before they cost a large collection. */
const PIECE_BYTES = 32 * 1024;

const NOT_UTF8 = 'Save the file as UTF-8: spreadsheets call it "CSV UTF-8", and iconv -f LATIN1 -t UTF-8 converts the usual other encoding.';

/**
 * Rows of CSV: a header, cells in quotes where they need them (RFC 4180), lines that end with LF or CRLF. Blank lines are left out.
 * @param source the file as its errors name it.
 * @throws InputError `input_invalid` where the header, or the file as CSV, is wrong; `input_empty` without a header.
 */
export async function openCsv(source: string, chunks: AsyncIterable<Buffer>, delimiter: string): Promise<RowReader> {
  const pieces = parsed(source, chunks, delimiter);
  const first = await pieces.next();
  if (first.done) throw new InputError('input_empty', `${source} is empty.`, 'Write a header with the names of the columns, and one row for each request below it.');
  const [header, ...rest] = first.value;
  const columns = checkedHeader(
    source,
    header!.cells.map((name) => name.trim()),
  );
  async function* rows(): AsyncGenerator<Row[], void, undefined> {
    let number = 0;
    const rowOf = ({ cells, line }: ParsedRow): Row => {
      number++;
      return cells.length === columns.length ? { number, line, cells } : { number, line, cells, problem: wrongCellCount(cells.length, columns.length) };
    };
    if (rest.length > 0) yield rest.map(rowOf);
    for await (const piece of pieces) yield piece.map(rowOf);
  }
  return { columns, columnsOf: 'the header', getter: (field) => cellGetter(columns.indexOf(field)), rows };
}

function cellGetter(index: number): Getter {
  return (cells) => (cells as string[])[index];
}

interface ParsedRow {
  cells: string[];
  line: number;
}

/** Collects what the library finds, which takes half the time of reading it from a stream of objects. */
class RowCollector extends Parser {
  private collected: ParsedRow[] = [];

  override push(row: unknown): boolean {
    if (row === null) return super.push(null);
    const cells = row as string[];
    // The library knows the row's last line; its cells tell how many it has.
    this.collected.push({ cells, line: this.info.lines - lineFeedsIn(cells) });
    return true;
  }

  /** What was found since it was asked last. */
  found(): ParsedRow[] {
    const { collected } = this;
    this.collected = [];
    return collected;
  }
}

function lineFeedsIn(cells: readonly string[]): number {
  let count = 0;
  for (const cell of cells) for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count++;
  return count;
}

/** Rows of the file, the header among them, never none together. */
async function* parsed(source: string, chunks: AsyncIterable<Buffer>, delimiter: string): AsyncGenerator<ParsedRow[], void, undefined> {
  const parser = new RowCollector({
    delimiter,
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: MAX_ROW_BYTES,
  });
  // They come from each call; as events they come once more.
  parser.on('error', () => undefined);
  const utf8 = new Utf8Check();
  try {
    for await (const chunk of chunks) {
      if (!utf8.add(chunk)) throw notUtf8(source, parser.info.lines);
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        const piece = chunk.subarray(at, at + PIECE_BYTES);
        await settled((done) => parser.write(piece, done));
        const rows = parser.found();
        if (rows.length > 0) yield rows;
      }
    }
    if (!utf8.end()) throw notUtf8(source, parser.info.lines);
    await settled((done) => parser.end(done));
    const rows = parser.found();
    if (rows.length > 0) yield rows;
  } catch (error) {
    throw error instanceof CsvError ? notCsv(source, error, delimiter) : error;
  } finally {
    parser.destroy();
  }
}

function settled(write: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => write((error) => (error ? reject(error) : resolve())));
}

function checkedHeader(source: string, columns: string[]): string[] {
  const invalid = (message: string, hint: string) => new InputError('input_invalid', `The header of ${source} ${message}`, hint, { problems: [{ line: 1, message, hint }] });
  if (columns.some((name) => /[\r\n]/.test(name))) {
    throw invalid('has a line end in a name.', 'Lines end with LF or CRLF; where a file has CR alone, tr "\\r" "\\n" converts it.');
  }
  const empty = columns.indexOf('');
  if (empty >= 0) throw invalid(`has no name for column ${empty + 1}.`, 'Give each column a name of its own.');
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`has ${JSON.stringify(twice)} twice.`, 'Give each column a name of its own: which of them a placeholder means would be a guess.');
  return columns;
}

function wrongCellCount(cells: number, columns: number): LineProblem {
  return {
    message: `${cells} ${cells === 1 ? 'cell' : 'cells'}, where the header has ${columns}.`,
    hint: cells > columns ? 'Put cells with a delimiter in them into double quotes.' : 'Empty cells need their delimiters too.',
  };
}

/** Says what is wrong without the excerpt of the row that the library gives. */
function notCsv(source: string, { code, lines }: CsvError & { lines?: number }, delimiter: string): InputError {
  const [message, hint] = csvProblem(code, delimiter);
  const line = lines ?? 1;
  return new InputError('input_invalid', `${source} is no good CSV from line ${line} on: ${message}`, hint, { problems: [{ line, message, hint }] });
}

function csvProblem(code: string, delimiter: string): [message: string, hint: string] {
  switch (code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return ['a quote is opened, and closed nowhere.', 'The row begins above. Write a double quote within a cell twice ("").'];
    case 'CSV_INVALID_CLOSING_QUOTE':
      return [`something stands between a closing quote and the next ${delimiter === '\t' ? 'tab' : delimiter}.`, 'Write a double quote within a cell twice ("").'];
    case 'INVALID_OPENING_QUOTE':
      return ['a double quote stands in a cell that is not in quotes.', 'Put the whole cell into double quotes, and write those within it twice ("").'];
    case 'CSV_MAX_RECORD_SIZE':
      return [`a row has more than ${MAX_ROW_BYTES} bytes.`, 'Look for a double quote that is never closed.'];
    default:
      return [code, 'Write it with a CSV library, or with a spreadsheet.'];
  }
}

function notUtf8(source: string, line: number): InputError {
  return new InputError('input_invalid', `${source} is not UTF-8, somewhere after line ${line}.`, NOT_UTF8);
}
