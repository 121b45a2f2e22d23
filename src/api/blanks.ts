/** White space of JSON. */

/** Space, tab, carriage return: white space of JSON that does not end a line. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0d || byte === 0x09;
}

/** @returns the index of the last byte that is no white space, line feeds among it; -1 where there is none */
export function lastNonBlank(bytes: Uint8Array): number {
  let at = bytes.length - 1;
  while (at >= 0 && (bytes[at] === 0x0a || isBlank(bytes[at]))) at--;
  return at;
}
