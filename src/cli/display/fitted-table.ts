import stringWidth from 'string-width';
import { printable } from '../printable';
import { drawn, plainTable } from './plain-table';
import { cut } from './rendering';
import type { Rendering } from './rendering';

/** A column of a table that fits the terminal. */
export interface Column<Row> {
  title: string;
  /** The cell's text, without colours and in one line. */
  text(row: Row): string;
  /** Of the text as it is shown. */
  color?(row: Row, text: string): string;
  /** Where there is no room for all columns, those of the highest number go first; the ones without a number stay. */
  leavesAs?: number;
  /** Down to so many columns of the terminal it may be cut; others are never cut while any column can still leave. */
  cutTo?: number;
}

/** Columns of the terminal between two cells. */
const GAP = 2;

/**
 * Draws rows as a table without borders of which no line is wider than the terminal: cells are cut as far as their
 * column allows, then columns are left out, and at last everything is cut. Columns in which nothing stands are left out.
 * @param options.head whether the titles are shown
 */
export function fittedTable<Row>(all: Column<Row>[], rows: Row[], { colors, width }: Pick<Rendering, 'colors' | 'width'>, { head = true } = {}): string {
  const texts = new Map(all.map((column) => [column, rows.map((row) => printable(column.text(row)).replace(/\s+/g, ' ').trim())]));
  let columns = all.filter((column) => rows.length === 0 || texts.get(column)!.some((text) => text !== ''));
  const widest = new Map(columns.map((column) => [column, Math.max(head ? stringWidth(column.title) : 0, ...texts.get(column)!.map((text) => stringWidth(text)))]));
  const wanted = (column: Column<Row>) => widest.get(column)!;
  const least = (column: Column<Row>) => Math.min(wanted(column), column.cutTo ?? Infinity);
  while (total(columns.map(least)) > width) {
    const leaving = columns.filter((column) => column.leavesAs !== undefined).sort((a, b) => b.leavesAs! - a.leavesAs!)[0];
    if (!leaving) break;
    columns = columns.filter((column) => column !== leaving);
  }
  const widths = shared(columns.map(wanted), columns.map(least), width);
  const table = plainTable(head ? columns.map(({ title }, index) => colors.dim(cut(title, widths[index]!))) : undefined);
  rows.forEach((row, number) => {
    table.push(
      columns.map((column, index) => {
        const text = cut(texts.get(column)![number]!, widths[index]!);
        return column.color?.(row, text) ?? text;
      }),
    );
  });
  return drawn(table);
}

function total(widths: number[]): number {
  return widths.reduce((sum, each) => sum + each, 0) + GAP * Math.max(0, widths.length - 1);
}

/** The widths as they are wanted, or the widest that can give made narrower until all fit. */
function shared(wanted: number[], least: number[], width: number): number[] {
  const widths = [...wanted];
  while (total(widths) > width) {
    const canGive = widths.map((each, index) => (each > least[index]! ? each : 0));
    // Where none can any more, even those are cut that should not be: nothing may be wider than the terminal.
    const from = Math.max(...canGive) > 0 ? canGive : widths;
    const widest = from.indexOf(Math.max(...from));
    if (widths[widest]! <= 1) break;
    widths[widest]!--;
  }
  return widths;
}
