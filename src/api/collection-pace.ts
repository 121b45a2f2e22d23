/** Keeps the memory of chunks that were read from piling up. */

const BYTES_A_STEP = 64 * 1024;
const BYTES_AN_ENTRY = 8;

/**
 * The memory of a chunk lies outside of V8's heap and is freed when V8 collects garbage. Plain reading leaves so little on the
 * heap that V8 hardly ever does so by itself, until some 60 MB of chunks have piled up and force full collections. With an array
 * as large as what is read, the chunks go with the frequent and cheap collections of young objects: the peak is about 15 MB lower,
 * and reading takes no more processor time.
 */
export class CollectionPace {
  /** Reachable, or the compiler would leave the allocation out. */
  garbage: unknown[] = [];
  readonly #entries: number;
  #bytes = 0;

  /** @param share of the bytes read that the heap gets; less than 1 where reading leaves garbage of its own */
  constructor(share: number) {
    this.#entries = (BYTES_A_STEP * share) / BYTES_AN_ENTRY;
  }

  read(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < BYTES_A_STEP) return;
    this.#bytes = 0;
    // oxlint-disable-next-line no-new-array -- the room alone is wanted
    this.garbage = new Array<unknown>(this.#entries);
  }
}
