/** A text from elsewhere in one line, without control characters: a terminal obeys them, and a line break would look like a line of ours. Nor marks of direction, which turn round what stands behind them. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]+/gu, ' ');
}
