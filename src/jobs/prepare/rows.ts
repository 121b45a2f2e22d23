/** Rows of a table, whatever file they come from. */
import type { LineProblem } from '../request-line';

/** A row that was read. */
export interface Row {
  /** From 1, without the header and without blank lines. */
  number: number;
  /** Where it begins in the file, from 1, as an editor shows it. */
  line: number;
  /** What getters of its reader take. */
  cells: unknown;
  /** Where the row itself is wrong, whatever is asked of it. */
  problem?: LineProblem;
}

/** Gives a field's value of a row; undefined or null where there is none. */
export type Getter = (cells: unknown) => unknown;

/** An open table: what may be asked of its rows, and the rows. */
export interface RowReader {
  /** Names of the fields. */
  readonly columns: readonly string[];
  /** Where they were found: `the header`, or `the beginning` of JSONL. */
  readonly columnsOf: string;
  /** @param field one of `columns`. */
  getter(field: string): Getter;
  /** In their order, those of one piece of the file together. Can be read once. */
  rows(): AsyncGenerator<Row[], void, undefined>;
}

/** The text of a value in a prompt: itself, or JSON. Empty where there is none. */
export function textOfValue(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}
