/**
 * Splits bytes into lines, for every place that reads JSONL: inputs, stored results, answers of the API.
 * A line ends at byte 0x0A and nowhere else (U+2028, U+2029 and U+0085 may stand raw inside JSON strings).
 * Linear in the size of a line, whatever the chunks are.
 */
import { HeldBytes } from './held-bytes';

const LINE_FEED = 0x0a;
const NOTHING = Buffer.alloc(0);

export interface Line {
  /** The line's bytes without its line feed. May share memory with the chunk it came in. */
  bytes: Buffer;
  /** Offset of the line's first byte in the source. */
  offset: number;
  /** False only for a last line without a line feed. */
  terminated: boolean;
}

export class LineSplitter {
  private readonly held = new HeldBytes();
  private lineOffset: number;

  /** @param startOffset offset of the first byte that will be pushed, in the source. */
  constructor(startOffset = 0) {
    this.lineOffset = startOffset;
  }

  /** Takes a chunk, gives the lines that end in it. */
  push(chunk: Uint8Array): Line[] {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: Line[] = [];
    let from = 0;
    for (let end = buffer.indexOf(LINE_FEED); end !== -1; end = buffer.indexOf(LINE_FEED, from)) {
      lines.push(this.finish(buffer.subarray(from, end), true));
      from = end + 1;
    }
    if (from < buffer.length) this.held.add(buffer.subarray(from));
    return lines;
  }

  /** Gives the last line where it has no line feed. */
  end(): Line | undefined {
    return this.held.length === 0 ? undefined : this.finish(NOTHING, false);
  }

  /** Bytes of the unfinished line held back so far. */
  get heldBytes(): number {
    return this.held.length;
  }

  private finish(rest: Buffer, terminated: boolean): Line {
    const bytes = this.held.length === 0 ? rest : this.held.takeWith(rest);
    const offset = this.lineOffset;
    this.lineOffset += bytes.length + (terminated ? 1 : 0);
    return { bytes, offset, terminated };
  }
}

/** Reads a source to its end and gives its lines, those of one chunk together. */
export async function* splitLines(source: AsyncIterable<Uint8Array>, startOffset = 0): AsyncGenerator<Line[], void, undefined> {
  const splitter = new LineSplitter(startOffset);
  for await (const chunk of source) {
    const lines = splitter.push(chunk);
    if (lines.length > 0) yield lines;
  }
  const last = splitter.end();
  if (last) yield [last];
}
