/** Takes final results out of the bytes of a part's segments as these pass by. */
import { type Line, LineSplitter } from '../jsonl';
import { membersOf, trimJson } from './json-members';
import { customIdOf } from './results/custom-id';
import type { ResultsIndexWriter } from './results/index-writer';

/** The final result of a request. */
export interface FinalResult {
  /** The request's position in the input. */
  ordinal: number;
  /** Where the result's line lies in the segments of the part. */
  offset: number;
  length: number;
  /** JSON of the request's own id, where it was sent under one of ours. */
  ownId?: Buffer;
}

const LINE_FEED = Buffer.from('\n');

/** The bytes of results as they came, neighbours together. */
export class ResultRanges {
  private readonly ranges: [from: number, to: number][];
  private next = 0;
  private at = 0;

  /** @param results in the order of the segments. */
  constructor(results: readonly FinalResult[]) {
    this.ranges = neighboursTogether(results);
  }

  /** @returns what of the chunk belongs to results, with the line feeds after them. */
  take(chunk: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    const end = this.at + chunk.length;
    for (; this.next < this.ranges.length && this.ranges[this.next]![0] < end; this.next++) {
      const [from, to] = this.ranges[this.next]!;
      pieces.push(chunk.subarray(Math.max(from - this.at, 0), to - this.at));
      if (to > end) break;
    }
    this.at = end;
    return pieces;
  }
}

/** The lines of results with the requests' own ids. Tells the index where each of them goes. */
export class ResultLines {
  private readonly splitter = new LineSplitter();
  private next = 0;

  /** @param results in the order of the segments. */
  constructor(
    private readonly results: readonly FinalResult[],
    /** Where the first result goes in results.jsonl. */
    private writtenTo: number,
    private readonly index: ResultsIndexWriter,
  ) {}

  get isDone(): boolean {
    return this.next === this.results.length;
  }

  /** @param into gets the lines that end in the chunk, with their line feeds. */
  take(chunk: Buffer, into?: Buffer[]): void {
    for (const line of this.splitter.push(chunk)) this.takeLine(line, into);
  }

  private takeLine({ bytes, offset }: Line, into: Buffer[] | undefined): void {
    const result = this.results[this.next];
    if (!result || result.offset < offset || result.offset >= offset + Math.max(bytes.length, 1)) return;
    this.next++;
    // The first line may have a byte order mark before it, which is no part of the result.
    const asItCame = bytes.subarray(result.offset - offset);
    const line = result.ownId ? withId(asItCame, result.ownId) : asItCame;
    const customId = customIdOf(line);
    if (customId !== undefined) this.index.add(result.ordinal, customId, { offset: this.writtenTo, length: line.length });
    this.writtenTo += line.length + LINE_FEED.length;
    into?.push(line, LINE_FEED);
  }
}

/** The line with another id, and all else byte for byte. */
function withId(line: Buffer, json: Buffer): Buffer {
  const trimmed = trimJson(line);
  const before = trimmed.byteOffset - line.byteOffset;
  // Where a key stands twice, the last one counts.
  const id = membersOf(trimmed).findLast(({ key }) => key === 'custom_id');
  return id ? Buffer.concat([line.subarray(0, before + id.start), json, line.subarray(before + id.end)]) : line;
}

/** Bytes of results, `[from, to)`, with the line feeds after them. */
function neighboursTogether(results: readonly FinalResult[]): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (const { offset, length } of results) {
    const end = offset + length + LINE_FEED.length;
    const last = ranges.at(-1);
    if (last?.[1] === offset) last[1] = end;
    else ranges.push([offset, end]);
  }
  return ranges;
}
