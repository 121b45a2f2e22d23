/**
 * Which objects make up the results of a batch, as far as they are stored. Pure.
 *
 * An object holds whole lines of the source from `start` to `end`, which its name says. It ends at a boundary, which
 * follows from the source alone: the end of the first line that ends at or after a multiple of 8 MB. So two attempts
 * write the same objects. Only the last one of an attempt that ends is shorter, and the next object goes on from there
 * to the same boundary. No object reaches over one.
 */

/** Objects end at the first line end at or after a multiple of so many bytes of the source. */
export const OBJECT_BYTES = 8 * 1024 * 1024;

export interface SegmentObject {
  name: string;
  /** From 1. */
  generation: number;
  /** Source offset of its first byte. */
  start: number;
  /** Source offset after its last byte. */
  end: number;
}

const NAME = /^g(\d{4,})-(\d{18})-(\d{18})\.jsonl$/;

export function objectName({ generation, start, end }: Omit<SegmentObject, 'name'>): string {
  return `g${pad(generation, 4)}-${pad(start, 18)}-${pad(end, 18)}.jsonl`;
}

/** What an object's name says, or undefined where it is not that of a segment. */
export function parseObjectName(name: string): SegmentObject | undefined {
  const match = NAME.exec(name);
  if (!match) return undefined;
  return { name, generation: Number(match[1]), start: Number(match[2]), end: Number(match[3]) };
}

/** The source offset at or after which an object that holds the byte at `offset` ends. */
export function boundaryAfter(offset: number): number {
  return (Math.floor(offset / OBJECT_BYTES) + 1) * OBJECT_BYTES;
}

export interface ObjectChain {
  /** From byte 0 on, without a gap or an overlap. */
  pieces: SegmentObject[];
  /** Others, which hold bytes that a piece holds too. */
  overlaps: SegmentObject[];
  /** The first one that does not join on: what comes before it is gone. */
  gap?: SegmentObject;
}

/** @param objects those of one generation. */
export function chainOfObjects(objects: readonly SegmentObject[]): ObjectChain {
  const sorted = objects.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start || b.end - a.end);
  const chain: ObjectChain = { pieces: [], overlaps: [] };
  let end = 0;
  for (const object of sorted) {
    if (object.start > end || (object.start < end && object.end > end)) return { ...chain, gap: object };
    if (object.start < end) {
      chain.overlaps.push(object);
      continue;
    }
    chain.pieces.push(object);
    end = object.end;
  }
  return chain;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
