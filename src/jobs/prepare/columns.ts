import { distance } from 'fastest-levenshtein';
import { InputError } from '../input-error';
import type { RowReader } from './rows';

/** A field that was asked for, and what asks for it. */
export interface NamedField {
  field: string;
  /** E.g. `--prompt`. */
  where: string;
}

/** So many letters may differ in what is taken for a slip. */
const MAX_SLIP = 3;

/** Wide tables have hundreds of columns. */
const MOST_LISTED = 30;

/** @throws InputError `unknown_field` for the first that is no column, with the columns there are. */
export function mustBeColumns(source: string, { columns, columnsOf }: Pick<RowReader, 'columns' | 'columnsOf'>, names: readonly NamedField[]): void {
  const unknown = names.find(({ field }) => !columns.includes(field));
  // Without any names, no row could be read: that is told of each row.
  if (!unknown || columns.length === 0) return;
  const meant = nearest(unknown.field, columns);
  const guess = meant === undefined ? '' : `Did you mean ${meant}? `;
  throw new InputError(
    'unknown_field',
    `${unknown.where} names ${JSON.stringify(unknown.field)}, but ${columnsOf} of ${source} has no such field.`,
    `${guess}There ${columns.length === 1 ? 'is' : 'are'} ${listed(columns)}.${delimiterHint(columns)}`,
  );
}

function nearest(field: string, columns: readonly string[]): string | undefined {
  const near = columns.map((name) => ({ name, slips: distance(name.toLowerCase(), field.toLowerCase()) })).sort((a, b) => a.slips - b.slips)[0];
  return near && near.slips <= Math.min(MAX_SLIP, Math.floor(field.length / 2)) ? near.name : undefined;
}

function listed(columns: readonly string[]): string {
  const shown = columns.slice(0, MOST_LISTED).join(', ');
  return columns.length > MOST_LISTED ? `${shown} and ${columns.length - MOST_LISTED} more` : shown;
}

function delimiterHint(columns: readonly string[]): string {
  const only = columns.length === 1 ? columns[0]! : '';
  return /[;\t|,]/.test(only) ? ` That looks like several: name what separates them with --delimiter.` : '';
}
