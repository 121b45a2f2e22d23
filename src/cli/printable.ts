/** Texts that came from outside, made safe to show: a terminal obeys control characters. */

export { printable } from '../api/printable';

/** JSON in one line. What JSON leaves as it is and a terminal may obey (DEL, U+0080 to U+009F, marks of direction) is escaped; the value is the same. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Without control characters but line feeds, and what colours a text of our own; without marks of direction, which turn round what stands behind them. */
export function printableLines(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(/\u001b(?!\[\d+m)|[\u0000-\u0009\u000b-\u001a\u001c-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, ' ');
}
