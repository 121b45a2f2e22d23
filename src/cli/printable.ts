/** Texts that came from outside, made safe to show: a terminal obeys control characters. */

export { printable } from '../api/printable';

/** JSON in one line. The control characters that JSON leaves as they are (DEL, U+0080 to U+009F) are escaped; the value is the same. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
