/** Bytes in memory to which more are added: for what is held of each request until a part is full. */
const FIRST_BYTES = 4096;

export class GrowingBytes {
  length = 0;
  private bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);

  /** @param text of ASCII only. */
  addAscii(text: string): void {
    const at = this.grow(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[at + i] = text.charCodeAt(i);
  }

  add(bytes: Uint8Array): void {
    const at = this.grow(bytes.length);
    this.bytes.set(bytes, at);
  }

  addByte(byte: number): void {
    const at = this.grow(1);
    this.bytes[at] = byte;
  }

  addUint32(value: number): void {
    const at = this.grow(4);
    const { bytes } = this;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  /** What was added; shares memory with this. */
  view(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** @returns where the new bytes begin. */
  private grow(by: number): number {
    const at = this.length;
    this.length += by;
    if (this.length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.length));
      this.bytes.copy(larger, 0, 0, at);
      this.bytes = larger;
    }
    return at;
  }
}
