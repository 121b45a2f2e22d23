import { type JobReport, type Outcome, OUTCOMES, type OldOutcome } from '../../contract';
import { isBlankLine } from '../../jsonl';
import { look, type OpenFile, openForReading, readLines, readRecord } from '../../storage';
import { generatedId } from '../generated-ids';
import { InputError } from '../input-error';
import { outputFolder } from '../output-folder';
import type { PassOptions } from '../progress';
import { parseOutputLine } from '../result-line';
import type { ResultPlace } from '../results/index-format';
import { ResultsIndex } from '../results/index-reader';
import { readPlaces } from '../results/read-places';
import { checkResultsFile } from '../verify/results-file';

const ERRORED = Buffer.from('"errored"');
/** Places read of the index at once. */
const WINDOW_REQUESTS = 4096;
const HINT = 'Put the outputs back as they were, or leave the job alone and send the whole input: message-batches run INPUT';

/** A request of an ended job: its position in the input, and what became of it. */
export interface OldRequest {
  position: number;
  outcome: OldOutcome;
  place: ResultPlace;
  /** Its input line, without the line feed, where it did not succeed. Shares the memory of its chunk. */
  line?: Buffer;
}

/** The outputs of a job that has ended, proved to be what was written, as far as another job takes over from them. */
export class EndedJob {
  private constructor(
    readonly report: JobReport,
    private readonly results: OpenFile,
    private readonly index: ResultsIndex,
    /** Where results begin that are errored for a passing reason, ascending. */
    private readonly passing: readonly number[],
  ) {}

  /**
   * @param output the job's output folder.
   * @throws InputError `earlier_job_not_found`, `earlier_job_changed`; StorageError.
   */
  static async open(output: string, options: PassOptions = {}): Promise<EndedJob> {
    const paths = outputFolder(output);
    const found = await readRecord<JobReport>(paths.report);
    if (!found) throw new InputError('earlier_job_not_found', `There is no report of a job that has ended in ${paths.folder}.`, 'Name a job that has ended, and whose outputs are still there: message-batches status');
    // The folder may have been moved since.
    const report = { ...found, output: paths.folder };
    const passing: number[] = [];
    const check = await checkResultsFile(report, options, (lines) => {
      for (const { bytes, offset } of lines) if (isPassing(bytes)) passing.push(offset);
    });
    if (check.state === 'failed') throw changed(report, `In ${paths.folder}, ${check.message}.`);
    const results = await openForReading(paths.results);
    try {
      const index = await ResultsIndex.open(paths.resultsIndex, results.size);
      if (typeof index === 'string') throw changed(report, `${paths.resultsIndex} ${index}: without it nobody knows which request has which outcome.`);
      if (index.requests !== report.input.requests) {
        await index.close();
        throw changed(report, `${paths.resultsIndex} was made for another job.`);
      }
      return new EndedJob(report, results, index, passing);
    } catch (error) {
      await results.close();
      throw error;
    }
  }

  get requests(): number {
    return this.report.input.requests;
  }

  async outcomeCounts(): Promise<Record<OldOutcome, number>> {
    const counts = { ...(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>), errored_final: 0 };
    for await (const requests of this.outcomes()) for (const { outcome } of requests) counts[outcome]++;
    return counts;
  }

  /** All requests in the order of the input, those of a window together; without lines. */
  async *outcomes(): AsyncGenerator<OldRequest[], void, undefined> {
    for (let from = 0; from < this.requests; from += WINDOW_REQUESTS) yield await this.at(from, Math.min(from + WINDOW_REQUESTS, this.requests));
  }

  /** The same, with the lines of those that did not succeed, from failed-requests.jsonl and missing-requests.jsonl. @throws InputError `earlier_job_changed` */
  async *withLines(options: PassOptions = {}): AsyncGenerator<OldRequest[], void, undefined> {
    const { failedRequests, missingRequests } = outputFolder(this.report.output);
    await using failed = new Lines(failedRequests, options);
    await using missing = new Lines(missingRequests, options);
    for await (const requests of this.outcomes()) {
      for (const request of requests) {
        if (request.outcome === 'succeeded') continue;
        const from = request.outcome === 'missing' ? missing : failed;
        request.line = await from.next();
        if (!request.line) throw changed(this.report, `${from.path} has fewer requests than the job left there.`);
      }
      yield requests;
    }
    for (const { path, next } of [failed, missing]) if (await next()) throw changed(this.report, `${path} has more requests than the job left there.`);
  }

  /** What became of the requests at some positions, in the order of `positions`. */
  async ofPositions(positions: Uint32Array): Promise<OldRequest[]> {
    const order = [...positions.keys()].sort((a, b) => positions[a]! - positions[b]!);
    const found: OldRequest[] = [];
    let window: OldRequest[] = [];
    for (const index of order) {
      const position = positions[index]!;
      const inWindow = window.length > 0 && position < window[0]!.position + window.length;
      if (!inWindow) window = await this.at(position, Math.min(position + WINDOW_REQUESTS, this.requests));
      found[index] = window[position - window[0]!.position]!;
    }
    return found;
  }

  /** The lines of results at some places, in their order. @throws InputError `earlier_job_changed` where one is not there. */
  async linesAt(places: readonly ResultPlace[]): Promise<Buffer[]> {
    return (await readPlaces(this.results, places)).map((line) => line ?? this.doesNotFit());
  }

  /** The same; undefined for requests that have no result. @throws InputError `earlier_job_changed` */
  async resultsAt(places: readonly ResultPlace[]): Promise<(Buffer | undefined)[]> {
    return (await readPlaces(this.results, places)).map((line, index) => line ?? (places[index]!.length > 0 ? this.doesNotFit() : undefined));
  }

  /** The id that a request without one was sent under, and has in the outputs. */
  madeIdOf({ position }: OldRequest): string | undefined {
    const { generated_ids: prefix } = this.report.input;
    return prefix === undefined ? undefined : generatedId(prefix, position);
  }

  changed(message: string): InputError {
    return changed(this.report, message);
  }

  async close(): Promise<void> {
    await this.results.close();
    await this.index.close();
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async at(from: number, to: number): Promise<OldRequest[]> {
    return (await this.index.places(from, to)).map((place, index) => ({ position: from + index, outcome: this.outcomeOf(place), place }));
  }

  private outcomeOf({ outcome, offset }: ResultPlace): OldOutcome {
    if (outcome !== 'errored') return outcome;
    return contains(this.passing, offset) ? 'errored' : 'errored_final';
  }

  private doesNotFit(): never {
    throw changed(this.report, `${outputFolder(this.report.output).resultsIndex} does not say where the results are.`);
  }
}

function changed({ job_id: jobId }: JobReport, message: string): InputError {
  return new InputError('earlier_job_changed', `The outputs of job ${jobId} are not what they were. ${message}`, HINT);
}

function isPassing(line: Buffer): boolean {
  if (!line.includes(ERRORED)) return false;
  const parsed = parseOutputLine(line);
  return parsed.kind === 'result' && parsed.outcome === 'errored' && parsed.retryable;
}

function contains(ascending: readonly number[], value: number): boolean {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === value;
}

/** The lines of a file one by one; none where there is no file. */
class Lines {
  private chunks: AsyncIterator<{ bytes: Buffer }[]> | undefined;
  private lines: Buffer[] = [];
  private taken = 0;

  constructor(
    readonly path: string,
    private readonly options: PassOptions,
  ) {}

  readonly next = async (): Promise<Buffer | undefined> => {
    while (this.taken >= this.lines.length) {
      if (!this.chunks && !(await look(this.path))) return undefined;
      this.chunks ??= readLines(this.path, { signal: this.options.signal })[Symbol.asyncIterator]();
      const more = await this.chunks.next();
      if (more.done) return undefined;
      this.lines = more.value.map(({ bytes }) => bytes).filter((bytes) => !isBlankLine(bytes));
      this.taken = 0;
    }
    return this.lines[this.taken++];
  };

  /** Closes the file, wherever its reader has stopped. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.chunks?.return?.();
  }
}
