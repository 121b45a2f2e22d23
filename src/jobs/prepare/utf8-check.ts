import { isUtf8 } from 'node:buffer';

const NOTHING = Buffer.alloc(0);

/** Says of bytes that come in pieces whether they are UTF-8: a character may lie across two of them. */
export class Utf8Check {
  private held: Buffer = NOTHING;

  /** @returns false where the bytes so far are no UTF-8. */
  add(chunk: Buffer): boolean {
    const bytes = this.held.length > 0 ? Buffer.concat([this.held, chunk]) : chunk;
    const end = lastCharacterStart(bytes);
    this.held = bytes.subarray(end);
    return isUtf8(bytes.subarray(0, end));
  }

  /** @returns false where the last character is no whole one. */
  end(): boolean {
    return isUtf8(this.held);
  }
}

/** Where the last character begins if it has several bytes; else the end. */
function lastCharacterStart(bytes: Buffer): number {
  for (let at = bytes.length - 1; at >= Math.max(0, bytes.length - 4); at--) {
    const byte = bytes[at]!;
    if (byte < 0x80) break;
    if (byte >= 0xc0) return at;
  }
  return bytes.length;
}
