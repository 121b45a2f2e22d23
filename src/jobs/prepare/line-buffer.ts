import type { ScratchFile } from '../../storage';

/** One write for so many bytes. */
const BUFFER_BYTES = 1024 * 1024;
/** Of a character of a string in UTF-8. */
const MAX_UTF8_BYTES = 3;

/** Takes lines as bytes at once, so that no text of them is kept, and writes many together. */
export class LineBuffer {
  private readonly buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  private used = 0;
  private written = 0;

  constructor(private readonly scratch: ScratchFile) {}

  /** Bytes taken so far. */
  get bytes(): number {
    return this.written + this.used;
  }

  /** @returns false where it may not fit: then it was not taken, and is for `write`. */
  add(line: string): boolean {
    if (this.used + line.length * MAX_UTF8_BYTES > BUFFER_BYTES) return false;
    this.used += this.buffer.write(line, this.used);
    return true;
  }

  /** Writes what was taken, and then a line that did not fit. */
  async write(line = ''): Promise<void> {
    await this.append(this.buffer.subarray(0, this.used));
    this.used = 0;
    if (!this.add(line)) await this.append(Buffer.from(line));
  }

  private async append(bytes: Buffer): Promise<void> {
    await this.scratch.write(bytes, this.written);
    this.written += bytes.length;
  }
}
