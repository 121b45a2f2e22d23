/** A text from elsewhere in one line, without control characters: a terminal obeys them, and a line break would look like a line of ours. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
