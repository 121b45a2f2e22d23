import { openReplacement, ScratchFile } from '../../storage';
import { encodeHeader, encodePlace, hashOf, type LinePlace, PLACE_BYTES, RUN_COUNT_BYTES, RUN_ENTRY_BYTES, setOutcome } from './index-format';

/** So many requests' places are changed in memory at once. */
const WINDOW_REQUESTS = 4096;
/** Above every number of results in one run: a hash times this, plus a number below it, is a whole number that a double holds. */
const MAX_RUN = 2 ** 20;

/** A result that was written to results.jsonl. */
interface WrittenResult extends LinePlace {
  /** Of its request in the input, from 0. */
  position: number;
  hash: number;
}

/**
 * Builds `results.index` beside results.jsonl as that is written. Holds one run in memory; the rest lies in a scratch
 * file, because results of later rounds stand anywhere among the requests.
 */
export class ResultsIndexWriter {
  private run: WrittenResult[] = [];
  private readonly runCounts: number[] = [];
  private entries = 0;

  private constructor(
    private readonly requests: number,
    private readonly scratch: ScratchFile,
  ) {}

  /**
   * @param requests of the input.
   * @param scratchPath beside what the working file lies.
   */
  static async begin(requests: number, scratchPath: string): Promise<ResultsIndexWriter> {
    return new ResultsIndexWriter(requests, await ScratchFile.open(scratchPath));
  }

  /**
   * @param position of the request in the input, from 0.
   * @param place of its line in results.jsonl.
   */
  add(position: number, customId: string, { offset, length }: LinePlace): void {
    this.run.push({ position, hash: hashOf(customId), offset, length });
  }

  /** Ends the run: the results of one part. */
  async endRun(): Promise<void> {
    const { run } = this;
    if (run.length === 0) return;
    if (run.length > MAX_RUN) throw new RangeError(`${run.length} results in one part`);
    this.run = [];
    await this.scratch.write(sortedRun(run), this.requests * PLACE_BYTES + this.entries * RUN_ENTRY_BYTES);
    this.runCounts.push(run.length);
    this.entries += run.length;
    await this.writePlaces(run);
  }

  /**
   * Writes the index to its place, whole or not at all.
   * @param outcomes of every request: index in OUTCOMES + 1.
   */
  async save(path: string, { resultsBytes, outcomes }: { resultsBytes: number; outcomes: Uint8Array }): Promise<void> {
    const { requests, entries, runCounts } = this;
    const file = await openReplacement(path);
    try {
      await file.writer.append(encodeHeader({ runs: runCounts.length, requests, resultsBytes, entries }));
      await file.writer.append(encodedCounts(runCounts));
      let at = 0;
      for await (const chunk of this.scratch.chunks()) {
        setOutcomes(chunk, at, outcomes);
        await file.writer.append(chunk);
        at += chunk.length;
      }
      // Places at the end that nothing was written to.
      for (const end = requests * PLACE_BYTES; at < end; ) {
        const rest = Buffer.alloc(Math.min(end - at, WINDOW_REQUESTS * PLACE_BYTES));
        setOutcomes(rest, at, outcomes);
        await file.writer.append(rest);
        at += rest.length;
      }
      await file.commit();
    } finally {
      await file.discard();
    }
  }

  /** To be called in the end in any case. */
  async discard(): Promise<void> {
    await this.scratch.discard();
  }

  private async writePlaces(run: WrittenResult[]): Promise<void> {
    run.sort((a, b) => a.position - b.position);
    for (let from = 0; from < run.length; ) {
      const first = run[from]!.position;
      let to = from + 1;
      while (to < run.length && run[to]!.position < first + WINDOW_REQUESTS) to++;
      const at = first * PLACE_BYTES;
      const bytes = await this.scratch.read(at, (run[to - 1]!.position + 1) * PLACE_BYTES - at);
      for (let index = from; index < to; index++) encodePlace(bytes, run[index]!.position * PLACE_BYTES - at, run[index]!);
      await this.scratch.write(bytes, at);
      from = to;
    }
  }
}

function sortedRun(run: readonly WrittenResult[]): Buffer {
  const keys = new Float64Array(run.length);
  for (let index = 0; index < run.length; index++) keys[index] = run[index]!.hash * MAX_RUN + index;
  keys.sort();
  const bytes = Buffer.allocUnsafe(run.length * RUN_ENTRY_BYTES);
  for (let index = 0; index < run.length; index++) {
    const { hash, position } = run[keys[index]! % MAX_RUN]!;
    bytes.writeUInt32LE(hash, index * RUN_ENTRY_BYTES);
    bytes.writeUInt32LE(position, index * RUN_ENTRY_BYTES + 4);
  }
  return bytes;
}

function encodedCounts(counts: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(counts.length * RUN_COUNT_BYTES);
  for (const [index, count] of counts.entries()) bytes.writeUInt32LE(count, index * RUN_COUNT_BYTES);
  return bytes;
}

/** @param at of the chunk's first byte among the places. */
function setOutcomes(chunk: Buffer, at: number, outcomes: Uint8Array): void {
  const end = Math.min(at + chunk.length, outcomes.length * PLACE_BYTES);
  for (let place = Math.ceil(at / PLACE_BYTES) * PLACE_BYTES; place < end; place += PLACE_BYTES) setOutcome(chunk, place - at, outcomes[place / PLACE_BYTES]!);
}
