import { API_OUTCOMES, type JobReport, type Outcome } from '../../contract';
import { type OpenFile, openForReading, readLines, StorageError } from '../../storage';
import { outputFolder } from '../output-folder';
import { readResults, resultsNotFound } from '../read-results';
import { customIdOf } from './custom-id';
import type { LinePlace } from './index-format';
import { ResultsIndex } from './index-reader';
import { type InputRequest, type InputSource, readInputRequests } from './input-requests';
import { readPlaces } from './read-places';
import { ResultRecord } from './result-record';
import { mustHaveSize, resultsChanged } from './results-size';
import { ScannedPlaces } from './scanned-places';

/** Places looked at in one read of the index: 64 KB of it. */
const WINDOW_REQUESTS = 4096;
/** So many bytes of results are held at once, except for a single longer one. */
const WINDOW_BYTES = 8 * 1024 * 1024;

const NOWHERE: LinePlace = { offset: 0, length: 0 };

export interface StoredResultsOptions {
  /** The job's report. */
  report: JobReport;
  signal?: AbortSignal;
  /** Told, in words, why the index is not used. Default: nobody. */
  onNote?: (note: string) => void;
}

/**
 * The final results of a job that has ended, from its output folder: by their ids, in the order of the input, or with
 * their requests. By `results.index` where it fits, else by a scan of `results.jsonl`.
 */
export class StoredResults {
  private scanned: ScannedPlaces | undefined;
  private missing: Set<string> | undefined;
  /** A request whose result is not where the index has it, nor anywhere else. */
  private lost: string | undefined;

  private constructor(
    private readonly dir: string,
    private readonly file: OpenFile,
    private readonly index: ResultsIndex | undefined,
    private readonly options: StoredResultsOptions,
  ) {}

  /**
   * @param dir the job's output folder.
   * @throws InputError `results_not_found`; StorageError.
   */
  static async open(dir: string, options: StoredResultsOptions): Promise<StoredResults> {
    const { folder, results, resultsIndex } = outputFolder(dir);
    const file = await openForReading(results).catch((error: unknown) => {
      throw resultsNotFound(error, folder);
    });
    try {
      mustHaveSize(results, file.size, options.report);
      const index = await ResultsIndex.open(resultsIndex, file.size);
      const problem = typeof index === 'string' ? index : index.requests === options.report.input.requests ? undefined : 'was made for another job';
      if (typeof index !== 'string' && problem === undefined) return new StoredResults(dir, file, index, options);
      if (typeof index !== 'string') await index.close();
      options.onNote?.(`${resultsIndex} ${problem}: reading all of ${results} instead, which gives the same and takes longer.`);
      return new StoredResults(dir, file, undefined, options);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Whether the order of the input is known without the input. */
  get indexed(): boolean {
    return this.index !== undefined;
  }

  /**
   * The results of some ids, in the order of `ids`; nothing for an id without one.
   * @throws StorageError; the signal's reason as it is.
   */
  async ofIds(ids: readonly string[]): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>();
    const toScan = new Set<string>();
    for (const id of ids) {
      const line = await this.byIndex(id);
      if (line === 'unknown') toScan.add(id);
      else if (line) found.set(id, line);
    }
    if (toScan.size > 0) await this.scanFor(toScan, found);
    return new Map(ids.flatMap((id) => (found.has(id) ? [[id, found.get(id)!]] : [])));
  }

  /**
   * All results in the order of the input, those of a few MB together, without reading the input.
   * @throws Error where there is no index (see `indexed`); StorageError `changed` where the index does not fit after all.
   */
  async *inInputOrder(): AsyncGenerator<ResultRecord[], void, undefined> {
    const { index } = this;
    if (!index) throw new Error('The order of the input is not known without results.index');
    for (let from = 0; from < index.requests; from += WINDOW_REQUESTS) {
      const places = await index.places(from, Math.min(from + WINDOW_REQUESTS, index.requests));
      for (const window of windowsOf(places)) {
        this.options.signal?.throwIfAborted();
        const some = places.slice(window.from, window.to);
        const lines = await readPlaces(this.file, some);
        if (some.some(({ length }, at) => length > 0 && !lines[at])) throw this.indexDoesNotFit();
        yield lines.filter((line) => line !== undefined).map((line) => new ResultRecord(line));
      }
    }
  }

  /**
   * All requests that have a result, in the order of the input, each with its result and what the input says of it.
   * @param options.all those without a result too.
   * @throws as `readInputRequests`, also after some were given; StorageError.
   */
  async *withRequests(input: InputSource, { all = false }: { all?: boolean } = {}): AsyncGenerator<ResultRecord[], void, undefined> {
    let position = 0;
    for await (const requests of readInputRequests(input, this.options)) {
      const places = await this.placesOf(requests, position);
      position += requests.length;
      for (const { from, to } of windowsOf(places)) {
        const records: ResultRecord[] = [];
        const lines = await this.linesAt(places.slice(from, to), requests.slice(from, to));
        for (const [at, line] of lines.entries()) {
          const request = requests[from + at]!;
          if (line) records.push(new ResultRecord(line, { request }));
          else if (all) records.push(new ResultRecord(undefined, { request, outcome: await this.outcomeWithout(request.customId, places[from + at]!) }));
        }
        yield records;
      }
    }
    // Known only now that the input is the one that the index is of.
    if (this.lost !== undefined) throw resultsChanged(outputFolder(this.dir).results, `the result of ${JSON.stringify(this.lost)} is not there any more`);
  }

  /** What the input says of some ids; reads all of it. @throws as `readInputRequests`. */
  async requestsOf(ids: readonly string[], input: InputSource): Promise<Map<string, InputRequest>> {
    const wanted = new Set(ids);
    const found = new Map<string, InputRequest>();
    for await (const requests of readInputRequests(input, this.options)) {
      for (const request of requests) if (wanted.has(request.customId)) found.set(request.customId, request);
    }
    return found;
  }

  async close(): Promise<void> {
    await this.file.close();
    await this.index?.close();
  }

  /** @returns undefined where there is certainly no result, `unknown` where only a scan can tell. */
  private async byIndex(id: string): Promise<Buffer | 'unknown' | undefined> {
    if (!this.index) return 'unknown';
    const places = await this.index.candidates(id).catch(ifDamaged);
    if (!places) return 'unknown';
    const lines = await readPlaces(this.file, places);
    const line = lines.find((candidate) => candidate && customIdOf(candidate) === id);
    if (line) return line;
    // Another id of the same hash, or somebody has changed the results.
    return places.length > 0 ? 'unknown' : undefined;
  }

  private async scanFor(ids: Set<string>, found: Map<string, Buffer>): Promise<void> {
    for await (const lines of readResults(this.dir, this.options)) {
      for (const { bytes } of lines) {
        const id = customIdOf(bytes);
        // A copy: the line shares the memory of its chunk.
        if (id !== undefined && ids.delete(id)) found.set(id, Buffer.from(bytes));
      }
      if (ids.size === 0) return;
    }
  }

  /** Of requests that follow each other in the input, from `position` on. */
  private async placesOf(requests: readonly InputRequest[], position: number): Promise<(LinePlace & { outcome?: Outcome })[]> {
    if (this.index) return this.index.places(position, Math.min(position + requests.length, this.index.requests));
    const places: LinePlace[] = [];
    for (const { customId } of requests) places.push(await this.placeByScan(customId));
    return places;
  }

  private async placeByScan(id: string): Promise<LinePlace> {
    this.scanned ??= await this.scan();
    const candidates = this.scanned.candidates(id);
    if (candidates.length < 2) return candidates[0] ?? NOWHERE;
    const lines = await readPlaces(this.file, candidates);
    return candidates[lines.findIndex((line) => line && customIdOf(line) === id)] ?? NOWHERE;
  }

  /** A request without a line would be taken for one that was never sent: as many lines as there were results must be there. */
  private async scan(): Promise<ScannedPlaces> {
    const scanned = await ScannedPlaces.scan(this.dir, this.options);
    const { outcomes } = this.options.report;
    const expected = API_OUTCOMES.reduce((sum, outcome) => sum + outcomes[outcome], 0);
    if (scanned.size < expected) {
      const { results } = outputFolder(this.dir);
      throw resultsChanged(results, `it holds ${scanned.size.toLocaleString('en-US')} results, and the job ended with ${expected.toLocaleString('en-US')}`);
    }
    return scanned;
  }

  /** The lines at the places, where they are those of the requests; else by a scan. */
  private async linesAt(places: readonly LinePlace[], requests: readonly InputRequest[]): Promise<(Buffer | undefined)[]> {
    const lines = await readPlaces(this.file, places);
    for (const [at, { customId }] of requests.entries()) {
      const line = lines[at];
      if (places[at]!.length === 0 || (line && customIdOf(line) === customId)) continue;
      const [found] = await readPlaces(this.file, [await this.placeByScan(customId)]);
      lines[at] = found && customIdOf(found) === customId ? found : undefined;
    }
    return lines;
  }

  /** What became of a request that has no result. */
  private async outcomeWithout(id: string, place: LinePlace & { outcome?: Outcome }): Promise<Outcome> {
    if (place.outcome && place.length === 0) return place.outcome;
    if (place.length > 0) this.lost ??= id;
    this.missing ??= await missingIds(outputFolder(this.dir).missingRequests);
    return this.missing.has(id) ? 'missing' : 'unsent';
  }

  private indexDoesNotFit(): StorageError {
    const { results, resultsIndex } = outputFolder(this.dir);
    const message = `${resultsIndex} does not say where the lines of ${results} are: somebody changed one of them.`;
    return new StorageError('changed', resultsIndex, message, 'Remove results.index: it is only an aid, and everything is found without it.');
  }
}

function ifDamaged(error: unknown): undefined {
  if (!(error instanceof StorageError) || error.code !== 'damaged') throw error;
}

/** Cuts places into windows `[from, to)` of bounded bytes. */
function* windowsOf(places: readonly LinePlace[]): Generator<{ from: number; to: number }> {
  let from = 0;
  let bytes = 0;
  for (const [at, { length }] of places.entries()) {
    if (at > from && bytes + length > WINDOW_BYTES) {
      yield { from, to: at };
      from = at;
      bytes = 0;
    }
    bytes += length;
  }
  if (from < places.length) yield { from, to: places.length };
}

/** Ids of the requests that were sent and got no result; those are few. */
async function missingIds(path: string): Promise<Set<string>> {
  const ids = new Set<string>();
  try {
    for await (const lines of readLines(path)) {
      for (const { bytes } of lines) ids.add(customIdOf(bytes) ?? '');
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'changed') throw error;
  }
  return ids;
}
