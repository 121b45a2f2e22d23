/** Space, tab, carriage return: white space of JSON that does not end a line. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0d || byte === 0x09;
}
