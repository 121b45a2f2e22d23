import Table from 'cli-table3';

/** Draws a table without the spaces that fill its last column. */
export function drawn(table: Table.Table): string {
  return table.toString().replace(/ +$/gm, '');
}

/** A table without borders: readable, and easy to copy from. */
export function plainTable(head?: string[]): Table.Table {
  const edges = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
  const chars = { ...Object.fromEntries(edges.map((edge) => [edge, ''])), middle: '  ' };
  return new Table({ chars, style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] }, ...(head && { head }) });
}
