import { isUtf8 } from 'node:buffer';
import { isBlankLine, type Line } from '../../jsonl';
import { InputError } from '../input-error';
import type { LineProblem } from '../request-line';
import { valueAt } from '../value-at';
import type { Row, RowReader } from './rows';

/** In so many rows the names of fields are looked for: not each row needs to have all. */
const NAMED_ROWS = 1000;

/** How deep a row is looked into for them. */
const NAMED_DEPTH = 3;

/**
 * Rows of JSONL: an object on each line. Its fields may lie deeper, as `author.name`. Blank lines are left out.
 * @param source the file as its errors name it.
 * @throws InputError `input_empty` without a row.
 */
export async function openJsonl(source: string, lines: AsyncIterable<Line[]>): Promise<RowReader> {
  const pieces = parsed(lines);
  const first = await pieces.next();
  if (first.done) throw new InputError('input_empty', `${source} holds no rows.`, 'Write one JSON object on each line.');
  async function* rows(): AsyncGenerator<Row[], void, undefined> {
    yield first.value as Row[];
    yield* pieces;
  }
  return {
    columns: [...new Set(first.value.slice(0, NAMED_ROWS).flatMap(({ cells }) => namesIn(cells)))],
    columnsOf: 'the beginning',
    getter(field) {
      const path = field.split('.');
      return (cells) => valueAt(cells, path);
    },
    rows,
  };
}

async function* parsed(source: AsyncIterable<Line[]>): AsyncGenerator<Row[], void, undefined> {
  let line = 0;
  let number = 0;
  for await (const lines of source) {
    const rows: Row[] = [];
    for (const { bytes } of lines) {
      line++;
      if (isBlankLine(bytes)) continue;
      rows.push({ number: ++number, line, ...rowIn(bytes) });
    }
    if (rows.length > 0) yield rows;
  }
}

function rowIn(bytes: Buffer): Pick<Row, 'cells' | 'problem'> {
  if (!isUtf8(bytes)) return wrong('Not valid UTF-8.', 'Save the file as UTF-8: iconv -f LATIN1 -t UTF-8 converts the usual other encoding.');
  let cells: unknown;
  try {
    cells = JSON.parse(bytes.toString('utf8'));
  } catch {
    return wrong('Not JSON.', 'Write one JSON object on each line: jq -c . FILE does it, for an array jq -c ".[]" FILE.');
  }
  if (typeof cells !== 'object' || cells === null || Array.isArray(cells)) return wrong('JSON, but no object.', 'Write an object with the names of the fields: {"question": "…"}.');
  return { cells };
}

function wrong(message: string, hint: string): { cells: unknown; problem: LineProblem } {
  return { cells: {}, problem: { message, hint } };
}

function namesIn(value: unknown, prefix = '', depth = NAMED_DEPTH): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth === 0) return [];
  return Object.entries(value).flatMap(([key, each]) => [prefix + key, ...namesIn(each, `${prefix}${key}.`, depth - 1)]);
}
