import { type OpenFile, openForReading, StorageError } from '../../storage';
import { decodeHeader, decodePlace, hashOf, HEADER_BYTES, indexBytes, type IndexHeader, PLACE_BYTES, type ResultPlace, RUN_COUNT_BYTES, RUN_ENTRY_BYTES } from './index-format';

/** Below so many entries a run is read rather than searched further. */
const ENTRIES_READ = 512;

/** An index that fits the results, as far as sizes tell. What it says of a line is to be held against that line. */
export class ResultsIndex {
  private constructor(
    private readonly file: OpenFile,
    private readonly header: IndexHeader,
    /** Of each run: its first byte and its entries. */
    private readonly runs: readonly { at: number; entries: number }[],
  ) {}

  /**
   * @param resultsBytes of results.jsonl as it is.
   * @returns where there is none that fits: why, as the end of a sentence about the file.
   * @throws StorageError
   */
  static async open(path: string, resultsBytes: number): Promise<ResultsIndex | string> {
    let file: OpenFile;
    try {
      file = await openForReading(path);
    } catch (error) {
      if (error instanceof StorageError && error.code === 'changed') return 'is not there';
      throw error;
    }
    const index = await ResultsIndex.read(file, resultsBytes);
    if (typeof index === 'string') await file.close();
    return index;
  }

  private static async read(file: OpenFile, resultsBytes: number): Promise<ResultsIndex | string> {
    const header = decodeHeader(await file.read(0, HEADER_BYTES));
    if (!header || file.size !== indexBytes(header)) return 'is not one of this version';
    if (header.resultsBytes !== resultsBytes) return 'was made for another results.jsonl';
    const directory = await file.read(HEADER_BYTES, header.runs * RUN_COUNT_BYTES);
    const runs: { at: number; entries: number }[] = [];
    let at = HEADER_BYTES + directory.length + header.requests * PLACE_BYTES;
    for (let run = 0; run < header.runs; run++) {
      const entries = directory.readUInt32LE(run * RUN_COUNT_BYTES);
      runs.push({ at, entries });
      at += entries * RUN_ENTRY_BYTES;
    }
    return new ResultsIndex(file, header, runs);
  }

  /** Requests of the input. */
  get requests(): number {
    return this.header.requests;
  }

  /** The places of some requests by their positions in the input, `[from, to)`. @throws StorageError where the index is damaged. */
  async places(from: number, to: number): Promise<ResultPlace[]> {
    const bytes = await this.file.read(HEADER_BYTES + this.header.runs * RUN_COUNT_BYTES + from * PLACE_BYTES, (to - from) * PLACE_BYTES);
    const places: ResultPlace[] = [];
    for (let at = 0; at < bytes.length; at += PLACE_BYTES) places.push(decodePlace(bytes, at) ?? this.damaged());
    return places;
  }

  /** Where the result of an id may lie: few places, hardly ever more than one, since ids may share a hash. */
  async candidates(customId: string): Promise<ResultPlace[]> {
    const hash = hashOf(customId);
    const found: ResultPlace[] = [];
    for (const run of this.runs) {
      for (const position of await this.positionsIn(run, hash)) {
        if (position >= this.requests) this.damaged();
        found.push(...(await this.places(position, position + 1)));
      }
    }
    return found;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private async positionsIn({ at, entries }: { at: number; entries: number }, hash: number): Promise<number[]> {
    let low = await this.firstNotBelow(at, entries, hash);
    const positions: number[] = [];
    for (; low < entries; low++) {
      const entry = await this.file.read(at + low * RUN_ENTRY_BYTES, RUN_ENTRY_BYTES);
      if (entry.readUInt32LE(0) !== hash) break;
      positions.push(entry.readUInt32LE(4));
    }
    return positions;
  }

  /** Index of the run's first entry whose hash is not below `hash`. */
  private async firstNotBelow(at: number, entries: number, hash: number): Promise<number> {
    let [low, high] = [0, entries];
    while (high - low > ENTRIES_READ) {
      const middle = (low + high) >>> 1;
      const entry = await this.file.read(at + middle * RUN_ENTRY_BYTES, RUN_ENTRY_BYTES);
      if (entry.readUInt32LE(0) < hash) low = middle + 1;
      else high = middle;
    }
    const rest = await this.file.read(at + low * RUN_ENTRY_BYTES, (high - low) * RUN_ENTRY_BYTES);
    let index = 0;
    while (index < rest.length && rest.readUInt32LE(index) < hash) index += RUN_ENTRY_BYTES;
    return low + index / RUN_ENTRY_BYTES;
  }

  private damaged(): never {
    const { path } = this.file;
    throw new StorageError('damaged', path, `${path} is damaged.`, 'Remove it: it is only an aid, and everything is found without it.');
  }
}
