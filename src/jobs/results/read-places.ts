import type { OpenFile } from '../../storage';
import type { LinePlace } from './index-format';

/** Lines no farther apart than this are read together: that costs less than another read. */
const MAX_GAP_BYTES = 16 * 1024;
/** At most so much is read at once, except for a single longer line. */
const MAX_READ_BYTES = 1024 * 1024;
const READS_AT_ONCE = 8;
const LINE_FEED = 0x0a;

/** Several places that are read by one call. */
interface Read {
  from: number;
  to: number;
  /** Indices of the places. */
  places: number[];
}

/**
 * Reads lines by their places, wherever these are: in the order of the file, neighbours together.
 * @returns the lines in the order of `places`; undefined for a place without a line, or where no whole line stands there.
 */
export async function readPlaces(file: OpenFile, places: readonly LinePlace[]): Promise<(Buffer | undefined)[]> {
  const lines = Array.from<Buffer | undefined>({ length: places.length });
  const reads = planReads(places);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let read = reads[next++]; read; read = reads[next++]) {
      const bytes = await file.read(read.from, read.to - read.from);
      for (const index of read.places) lines[index] = wholeLine(bytes, places[index]!, read.from);
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, work));
  return lines;
}

function planReads(places: readonly LinePlace[]): Read[] {
  const order = [...places.keys()].filter((index) => places[index]!.length > 0).sort((a, b) => places[a]!.offset - places[b]!.offset);
  const reads: Read[] = [];
  for (const index of order) {
    // With the bytes around the line, which say whether it is one.
    const from = Math.max(0, places[index]!.offset - 1);
    const to = places[index]!.offset + places[index]!.length + 1;
    const last = reads.at(-1);
    if (last && from - last.to <= MAX_GAP_BYTES && to - last.from <= MAX_READ_BYTES) {
      last.to = Math.max(last.to, to);
      last.places.push(index);
    } else {
      reads.push({ from, to, places: [index] });
    }
  }
  return reads;
}

/** Between two line feeds, or the ends of the file. */
function wholeLine(bytes: Buffer, { offset, length }: LinePlace, from: number): Buffer | undefined {
  const start = offset - from;
  const lineFeed = bytes.indexOf(LINE_FEED, start);
  const end = lineFeed === -1 ? bytes.length : lineFeed;
  const begins = offset === 0 || bytes[start - 1] === LINE_FEED;
  return begins && end === start + length ? bytes.subarray(start, end) : undefined;
}
