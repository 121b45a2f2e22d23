/**
 * A progress bar of so many columns: `██████░░░░`. It is full only when all is done, and not empty once something is.
 * @returns the empty string where there is nothing to show progress of
 */
export function bar(done: number, total: number, width: number): string {
  if (total <= 0 || width <= 0) return '';
  const share = Math.min(1, Math.max(0, done / total));
  const filled = share === 1 ? width : share === 0 ? 0 : Math.min(width - 1, Math.max(1, Math.floor(share * width)));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
