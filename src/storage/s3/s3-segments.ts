/**
 * The results of one batch in S3: a series of objects whose names and ends follow from the source (see
 * segment-objects.ts), below the folder that `series.json` names. An attempt that was frozen and wakes up can only
 * write again what is there already, or what comes next.
 */
import { joinLocation } from '../location';
import type { OpenSegmentsOptions, SegmentLocation, Segments } from '../segments';
import type { SegmentWriter } from '../segment-writer';
import { StorageError } from '../storage-error';
import { listObjects } from './objects';
import { ObjectSegmentWriter } from './object-segment-writer';
import { readObject } from './read-object';
import { chainOfObjects, type ObjectChain, objectName, parseObjectName, type SegmentObject } from './segment-objects';
import { beginGeneration, beginSeries, seriesFolder } from './segment-series';

const CHANGED_HINT = 'Put it back from a copy. Or, while the job still stores results, remove the whole folder: they are then fetched again, as long as the API keeps them (29 days).';

/** See `openSegments`, for a folder in S3. */
export function openS3Segments(folder: string, options: OpenSegmentsOptions): Promise<Segments> {
  return S3Segments.open(folder, options);
}

class S3Segments implements Segments {
  private constructor(
    readonly folder: string,
    readonly generation: number,
    /** Where the objects lie; undefined where none was begun. */
    private readonly series: string | undefined,
    private readonly pieces: readonly SegmentObject[],
  ) {}

  static async open(folder: string, options: OpenSegmentsOptions): Promise<Segments> {
    const series = await seriesFolder(folder);
    const found = series === undefined ? [] : await objectsIn(series);
    const generation = options.generation ?? Math.max(1, ...found.map((object) => object.generation));
    const chain = chainOfObjects(found.filter((object) => object.generation === generation));
    if (chain.gap) throw changedError(folder, `The results before byte ${chain.gap.start} are gone or changed: no object holds what comes before ${chain.gap.name}.`);
    const segments = new S3Segments(folder, generation, series, chain.pieces);
    await segments.mustAgree(chain);
    return segments;
  }

  get checkpoint(): number {
    return this.pieces.at(-1)?.end ?? 0;
  }

  async begin(): Promise<SegmentWriter> {
    const series = this.series ?? (await beginSeries(this.folder));
    return new ObjectSegmentWriter(series, this.generation, this.checkpoint, () => this.superseded(series));
  }

  async *read(from = 0, to = this.checkpoint): AsyncGenerator<Buffer, void, undefined> {
    for (const piece of this.pieces) {
      const first = Math.max(from, piece.start);
      const length = Math.min(to, piece.end) - first;
      if (length > 0) yield* this.readPiece(piece, first, length);
    }
  }

  async readBytes(from: number, to: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.read(from, to)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  locate(offset: number): SegmentLocation {
    const piece = this.pieces.find(({ start, end }) => start <= offset && offset < end);
    if (!piece) throw new RangeError(`Byte ${offset} of ${this.folder} is not stored (${this.checkpoint} are)`);
    return { path: this.locationOf(piece), offset: offset - piece.start };
  }

  async newGeneration(): Promise<Segments> {
    await beginGeneration(this.series ?? (await beginSeries(this.folder)), this.generation + 1);
    return openS3Segments(this.folder, {});
  }

  /** Objects of one generation that hold the same bytes of the source were written by several attempts, from the same source. */
  private async mustAgree({ overlaps }: ObjectChain): Promise<void> {
    for (const overlap of overlaps) {
      const [counted, other] = await Promise.all([this.readBytes(overlap.start, overlap.end), bytesOf(this.readPiece(overlap, overlap.start, overlap.end - overlap.start))]);
      if (!counted.equals(other)) throw changedError(this.locationOf(overlap), `${this.locationOf(overlap)} holds other results than the objects beside it.`);
    }
  }

  /** Nobody is kept from going on side by side: both write the same. Only what nobody will read has to stop. */
  private async superseded(series: string): Promise<boolean> {
    if ((await seriesFolder(this.folder)) !== series) return true;
    for await (const { name } of listObjects(series, { after: objectName({ generation: this.generation + 1, start: 0, end: 0 }).slice(0, -1), limit: 1 })) {
      return parseObjectName(name) !== undefined;
    }
    return false;
  }

  private async *readPiece(piece: SegmentObject, from: number, length: number): AsyncGenerator<Buffer, void, undefined> {
    let left = length;
    for await (const chunk of readObject(this.locationOf(piece), { offset: from - piece.start, length })) {
      left -= chunk.length;
      yield chunk;
    }
    if (left > 0) throw shorterError(this.locationOf(piece));
  }

  private locationOf(piece: SegmentObject): string {
    return joinLocation(this.series ?? this.folder, piece.name);
  }
}

async function objectsIn(series: string): Promise<SegmentObject[]> {
  const objects: SegmentObject[] = [];
  for await (const { name, size } of listObjects(series)) {
    const object = parseObjectName(name);
    if (!object) continue;
    if (size !== object.end - object.start) throw shorterError(joinLocation(series, name));
    objects.push(object);
  }
  return objects;
}

async function bytesOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

function shorterError(location: string): StorageError {
  return changedError(location, `${location} was changed: it has not the length that its name says.`);
}

function changedError(location: string, message: string): StorageError {
  return new StorageError('changed', location, message, CHANGED_HINT);
}
