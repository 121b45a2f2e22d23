/**
 * The results of one batch as they arrived, byte for byte, each byte of the source once. Here in files; in S3 see
 * s3/s3-segments.ts.
 *
 * Every attempt to fetch them appends to a segment file of its own, created exclusively, whose name says at
 * which byte of the source it begins. Nothing is ever truncated, renamed or written by two: an attempt that
 * was frozen and wakes up can only append to its own segment, and what it appends beyond the beginning of the
 * next one does not count (see segment-chain.ts).
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, syncFolder } from './durable-files';
import { FileWriter } from './file-writer';
import { readFileChunks } from './read-file';
import { ChainGap, type ChainPiece, chainOf, compareSegments, parseSegmentName, type Segment, segmentName } from './segment-chain';
import { FileSegmentWriter, SupersededError, type SegmentWriter } from './segment-writer';
import { isSystemError, StorageError, storageError } from './storage-error';

const LINE_FEED = 0x0a;
/** A power loss leaves zeros by the block (of at least 512 bytes), from anywhere in it on. */
const TORN_ZEROS = 64;

/** Where a byte of the source lies. */
export interface SegmentLocation {
  /** A file, or an object in S3. */
  path: string;
  /** Within the file. */
  offset: number;
}

export interface OpenSegmentsOptions {
  /** Which generation; default the latest. */
  generation?: number;
  /** Source offset up to which it is known to have been synced: zeros before it are what the source gave, and no torn file. Default 0. */
  synced?: number;
}

/** What is stored of one batch's results. */
export interface Segments {
  readonly folder: string;
  /** From 1. A new one begins at byte 0, because the source was seen to differ from what was stored. */
  readonly generation: number;
  /** Source offset of the end of the last whole line that is stored, and survives a power loss. */
  readonly checkpoint: number;
  /**
   * Begins a segment at the checkpoint, for this attempt alone.
   * @throws SupersededError where another attempt has begun one since these were opened; StorageError
   */
  begin(): Promise<SegmentWriter>;
  /**
   * The source's bytes `[from, to)`, default all up to the checkpoint.
   * @throws StorageError `changed` where something of them is gone.
   */
  read(from?: number, to?: number): AsyncGenerator<Buffer, void, undefined>;
  /** The source's bytes `[from, to)` in one buffer, for a single line. @throws StorageError */
  readBytes(from: number, to: number): Promise<Buffer>;
  /**
   * Where a byte before the checkpoint lies. The whole line that it stands in lies in the same file or object.
   * @throws RangeError for other offsets.
   */
  locate(offset: number): SegmentLocation;
  /**
   * Begins anew at byte 0 of the source and remembers that, so that whoever opens the folder next does the same.
   * What the earlier generation has stored stays as it is.
   */
  newGeneration(): Promise<Segments>;
}

/** See `openSegments`, for a folder of this machine. */
export function openFileSegments(folder: string, options: OpenSegmentsOptions = {}): Promise<Segments> {
  return FileSegments.open(folder, options);
}

class FileSegments implements Segments {
  private constructor(
    readonly folder: string,
    readonly generation: number,
    readonly checkpoint: number,
    private readonly chain: readonly ChainPiece[],
  ) {}

  static async open(folder: string, options: OpenSegmentsOptions): Promise<Segments> {
    const found = await listSegments(folder);
    const generation = options.generation ?? found.at(-1)?.generation ?? 1;
    const names = found.filter((segment) => segment.generation === generation);
    const segments: Segment[] = [];
    for (const [index, name] of names.entries()) {
      segments.push({ ...name, size: await syncedSize(join(folder, name.name), index === names.length - 1 ? (options.synced ?? 0) - name.start : undefined) });
    }
    const chain = chainOf(segments);
    if (chain instanceof ChainGap) throw gapError(folder, chain);
    const last = chain.at(-1);
    for (const piece of chain) if (piece !== last) await mustEndWithLine(folder, piece);
    return new FileSegments(folder, generation, last?.to ?? 0, chain);
  }

  async begin(): Promise<SegmentWriter> {
    await makeFolder(this.folder);
    const last = this.chain.at(-1)?.segment;
    // The one that follows what was seen, and no other: an attempt that was frozen since then finds it taken.
    const segment = { generation: this.generation, start: this.checkpoint, ordinal: last?.start === this.checkpoint ? last.ordinal + 1 : 1 };
    const name = segmentName(segment);
    const file = await createExclusively(join(this.folder, name));
    if (!file) throw new SupersededError();
    await syncFolder(this.folder);
    return new FileSegmentWriter(file, segment.start, async () => {
      const latest = (await listSegments(this.folder)).at(-1);
      // Not there at all: the whole folder was put aside.
      return latest === undefined || compareSegments(latest, { ...segment, name }) > 0;
    });
  }

  async *read(from = 0, to = this.checkpoint): AsyncGenerator<Buffer, void, undefined> {
    for (const piece of this.chain) {
      const first = Math.max(from, piece.from);
      let left = Math.min(to, piece.to) - first;
      if (left <= 0) continue;
      const path = join(this.folder, piece.segment.name);
      for await (const chunk of readFileChunks(path, { offset: first - piece.segment.start, length: left })) {
        left -= chunk.length;
        yield chunk;
      }
      if (left > 0) throw changedError(path, `${path} has become shorter: ${left} bytes of stored results are gone.`);
    }
  }

  async readBytes(from: number, to: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.read(from, to)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  locate(offset: number): SegmentLocation {
    const piece = this.chain.find((candidate) => candidate.from <= offset && offset < candidate.to);
    if (!piece) throw new RangeError(`Byte ${offset} of ${this.folder} is not stored (${this.checkpoint} are)`);
    return { path: join(this.folder, piece.segment.name), offset: offset - piece.segment.start };
  }

  async newGeneration(): Promise<Segments> {
    await makeFolder(this.folder);
    const mark = await createExclusively(join(this.folder, segmentName({ generation: this.generation + 1, start: 0, ordinal: 1 })));
    await mark?.close();
    await syncFolder(this.folder);
    return openFileSegments(this.folder);
  }
}

/** All segments of a folder, later ones after earlier ones. */
async function listSegments(folder: string): Promise<Omit<Segment, 'size'>[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return [];
    throw storageError(error, 'read', folder);
  }
  return names
    .map(parseSegmentName)
    .filter((segment) => segment !== undefined)
    .sort(compareSegments);
}

/**
 * Makes a segment survive a power loss and gives its size; of the last one only that of the whole lines, of which so many bytes are known.
 * It was written perhaps by a process that died or froze before its own sync.
 */
async function syncedSize(path: string, whole: number | undefined): Promise<number> {
  try {
    // Windows syncs only what is open for writing.
    const handle = await open(path, 'r+');
    try {
      const { size } = await handle.stat();
      await handle.sync();
      return whole === undefined ? size : await endOfLastLine(path, size, Math.max(0, whole));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw storageError(error, 'read', path);
  }
}

/**
 * The end of the last whole line in the first `size` bytes of a file. A run of zeros ends it too: that is what some
 * file systems leave of a file that was growing when the power failed. A lone zero is part of its line, which is then
 * malformed, and hides no other.
 */
async function endOfLastLine(path: string, size: number, known: number): Promise<number> {
  // What was synced is whole lines.
  let end = known <= size ? known : 0;
  let at = end;
  // Zeros at the end of the chunk before, where a run may go on in this one.
  let zerosBefore = 0;
  if (at === size) return end;
  for await (const chunk of readFileChunks(path, { offset: at, length: size - at })) {
    const torn = startOfZeros(chunk, zerosBefore);
    const whole = torn === undefined ? chunk : chunk.subarray(0, Math.max(torn, 0));
    const lineFeed = whole.lastIndexOf(LINE_FEED);
    if (lineFeed !== -1) end = at + lineFeed + 1;
    if (torn !== undefined) break;
    zerosBefore = zerosAtEnd(chunk, zerosBefore);
    at += chunk.length;
  }
  return end;
}

/** Where a run of at least `TORN_ZEROS` zeros begins in a chunk, negative where it began in the one before; undefined where none does. */
function startOfZeros(chunk: Buffer, zerosBefore: number): number | undefined {
  let from = chunk.indexOf(0);
  while (from !== -1) {
    let to = from + 1;
    while (to < chunk.length && chunk[to] === 0) to++;
    const start = from === 0 ? -zerosBefore : from;
    if (to - start >= TORN_ZEROS) return start;
    from = chunk.indexOf(0, to);
  }
  return undefined;
}

function zerosAtEnd(chunk: Buffer, zerosBefore: number): number {
  let from = chunk.length;
  while (from > 0 && chunk[from - 1] === 0) from--;
  return chunk.length - from + (from === 0 ? zerosBefore : 0);
}

async function mustEndWithLine(folder: string, piece: ChainPiece): Promise<void> {
  const path = join(folder, piece.segment.name);
  for await (const chunk of readFileChunks(path, { offset: piece.to - 1 - piece.segment.start, length: 1 })) {
    if (chunk[0] === LINE_FEED) return;
  }
  throw changedError(path, `${path} was changed: no line ends where the next segment goes on (byte ${piece.to} of the results).`);
}

async function createExclusively(path: string): Promise<FileWriter | undefined> {
  try {
    return await FileWriter.create(path);
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return undefined;
    throw storageError(error, 'create', path);
  }
}

function gapError(folder: string, gap: ChainGap): StorageError {
  const next = join(folder, gap.next.name);
  if (!gap.short) return changedError(folder, `The results before byte ${gap.next.start} are gone: no segment holds what comes before ${next}.`);
  const path = join(folder, gap.short.name);
  const end = gap.short.start + gap.short.size;
  return changedError(path, `${path} is shorter than it was: it ends at byte ${end} of the results, and ${next} goes on at byte ${gap.next.start}.`);
}

function changedError(path: string, message: string): StorageError {
  const hint = 'Put the file back from a copy. Or, while the job still stores results, move the whole folder away: they are then fetched again, as long as the API keeps them (29 days).';
  return new StorageError('changed', path, message, hint);
}
