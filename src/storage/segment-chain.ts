/**
 * The chain: which bytes of which segments make up the source, as far as it is stored. Pure.
 *
 * Each segment holds bytes of the source from `start` on; all segments of a generation hold the same bytes
 * where they overlap. In the order of start, then ordinal, a segment counts up to where the next one begins:
 * what it holds beyond was appended by a frozen attempt that woke up, and may not have been synced.
 */

/** A segment's file as it was found. */
export interface Segment {
  name: string;
  generation: number;
  /** Source offset of its first byte. */
  start: number;
  /** From 1; tells those of the same start apart. */
  ordinal: number;
  /** Bytes in the file; of the last segment only those of whole lines. */
  size: number;
}

/** Bytes `[from, to)` of the source are found in `segment`, at `from - segment.start`. */
export interface ChainPiece {
  segment: Segment;
  from: number;
  to: number;
}

/** A segment ends before the next one begins, and no other holds what is between. */
export class ChainGap {
  constructor(
    /** The segment that is too short; undefined where the first one is not there. */
    readonly short: Segment | undefined,
    readonly next: Segment,
  ) {}
}

const NAME = /^g(\d{4,})-(\d{18})-(\d{2,})\.jsonl$/;

export function segmentName(segment: { generation: number; start: number; ordinal: number }): string {
  const { generation, start, ordinal } = segment;
  return `g${pad(generation, 4)}-${pad(start, 18)}-${pad(ordinal, 2)}.jsonl`;
}

/** What a file's name says, or undefined where it is not that of a segment. */
export function parseSegmentName(name: string): Omit<Segment, 'size'> | undefined {
  const match = NAME.exec(name);
  if (!match) return undefined;
  return { name, generation: Number(match[1]), start: Number(match[2]), ordinal: Number(match[3]) };
}

/** Later ones after earlier ones. */
export function compareSegments(a: Omit<Segment, 'size'>, b: Omit<Segment, 'size'>): number {
  return a.generation - b.generation || a.start - b.start || a.ordinal - b.ordinal;
}

/**
 * @param segments those of one generation, in order.
 * @returns the pieces in order, the last one also where it is empty.
 */
export function chainOf(segments: readonly Segment[]): ChainPiece[] | ChainGap {
  const pieces: ChainPiece[] = [];
  for (const segment of segments) {
    if (!cut(pieces, segment.start) && segment.start > 0) return new ChainGap(segments[segments.indexOf(segment) - 1], segment);
    pieces.push({ segment, from: segment.start, to: segment.start + segment.size });
  }
  return pieces.filter((piece, index) => piece.from < piece.to || index === pieces.length - 1);
}

/** Makes the pieces so far end exactly at `end`, where the next one begins. @returns false if none of them goes so far. */
function cut(pieces: ChainPiece[], end: number): boolean {
  for (let last = pieces.at(-1); last; last = pieces.at(-1)) {
    if (last.segment.start + last.segment.size >= end) {
      last.to = end;
      return true;
    }
    // It was superseded before it came so far. Whoever went on at `end` saw these bytes in an earlier segment.
    pieces.pop();
  }
  return false;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
