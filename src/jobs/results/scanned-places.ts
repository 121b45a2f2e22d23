import { readResults } from '../read-results';
import { customIdOf } from './custom-id';
import { hashOf, type LinePlace } from './index-format';

/** Results in one run: a hash times this, plus a number below it, is a whole number that a double holds. */
const RUN_RESULTS = 2 ** 20;

/** Where results lie, found by a scan where there is no index: about 20 bytes of memory a result. */
export class ScannedPlaces {
  private readonly runs: ScannedRun[] = [];

  private constructor() {}

  /** @param dir the job's output folder. @throws InputError `results_not_found`; StorageError. */
  static async scan(dir: string, options: { signal?: AbortSignal } = {}): Promise<ScannedPlaces> {
    const places = new ScannedPlaces();
    let run = new ScannedRun();
    for await (const lines of readResults(dir, options)) {
      for (const { bytes, offset } of lines) {
        const customId = customIdOf(bytes);
        if (customId === undefined) continue;
        if (run.results === RUN_RESULTS) {
          places.runs.push(run.sorted());
          run = new ScannedRun();
        }
        run.add(hashOf(customId), offset, bytes.length);
      }
    }
    places.runs.push(run.sorted());
    return places;
  }

  /** How many results were found. */
  get size(): number {
    return this.runs.reduce((sum, run) => sum + run.results, 0);
  }

  /** Where the result of an id may lie; ids may share a hash. */
  candidates(customId: string): LinePlace[] {
    const hash = hashOf(customId);
    return this.runs.flatMap((run) => run.find(hash));
  }
}

class ScannedRun {
  results = 0;
  /** Hash and index of each result, in the order of the hashes once `sorted`. */
  private keys = new Float64Array(1024);
  private offsets = new Float64Array(1024);
  private lengths = new Uint32Array(1024);

  add(hash: number, offset: number, length: number): void {
    if (this.results === this.keys.length) this.grow();
    this.keys[this.results] = hash * RUN_RESULTS + this.results;
    this.offsets[this.results] = offset;
    this.lengths[this.results] = length;
    this.results++;
  }

  sorted(): this {
    this.keys = this.keys.subarray(0, this.results).sort();
    return this;
  }

  find(hash: number): LinePlace[] {
    let [low, high] = [0, this.results];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.keys[middle]! < hash * RUN_RESULTS) low = middle + 1;
      else high = middle;
    }
    const found: LinePlace[] = [];
    for (; low < this.results && Math.floor(this.keys[low]! / RUN_RESULTS) === hash; low++) {
      const result = this.keys[low]! % RUN_RESULTS;
      found.push({ offset: this.offsets[result]!, length: this.lengths[result]! });
    }
    return found;
  }

  private grow(): void {
    const length = 2 * this.keys.length;
    const grown = <T extends Float64Array | Uint32Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.keys = grown(new Float64Array(length), this.keys);
    this.offsets = grown(new Float64Array(length), this.offsets);
    this.lengths = grown(new Uint32Array(length), this.lengths);
  }
}
