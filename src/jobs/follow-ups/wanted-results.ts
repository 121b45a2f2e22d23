/**
 * Of results that are looked for by custom_id: where each and its request lie. Memory: about 45 bytes each, where maps of strings take ten
 * times that. Of an id its hash is held: another one that has the same is not taken for it, but told.
 */
import { API_OUTCOMES, type ApiOutcome } from '../../contract';
import { CustomIdTable } from '../custom-id-table';

/** Bytes of a file. */
export interface Place {
  offset: number;
  length: number;
}

export interface FoundResult extends Place {
  outcome: ApiOutcome;
}

export class WantedResults {
  private readonly ids: CustomIdTable;
  private readonly results: Places;
  private readonly requests: Places;
  /** By position: index in API_OUTCOMES. */
  private readonly outcomes: Uint8Array;

  /** @param count of ids that will be added. */
  constructor(count: number) {
    this.ids = new CustomIdTable(count);
    this.results = new Places(count);
    this.requests = new Places(count);
    this.outcomes = new Uint8Array(count);
  }

  /** Again it changes nothing. */
  add(customId: string): void {
    this.ids.add(customId);
  }

  get size(): number {
    return this.ids.size;
  }

  /** Of how many the place is known. */
  get found(): { results: number; requests: number } {
    return { results: this.results.size, requests: this.requests.size };
  }

  has(customId: string): boolean {
    return this.ids.positionOf(customId) >= 0;
  }

  /** @param customId that was added. @throws Error where it has a place */
  setResult(customId: string, { outcome, ...place }: FoundResult): void {
    const position = this.ids.positionOf(customId);
    this.results.set(position, place, customId);
    this.outcomes[position] = API_OUTCOMES.indexOf(outcome);
  }

  /** @param customId that was added. @throws Error where it has a place */
  setRequest(customId: string, place: Place): void {
    this.requests.set(this.ids.positionOf(customId), place, customId);
  }

  /** @returns undefined where it was not set */
  resultOf(customId: string): FoundResult | undefined {
    const position = this.ids.positionOf(customId);
    const place = this.results.at(position);
    return place && { ...place, outcome: API_OUTCOMES[this.outcomes[position]!]! };
  }

  /** @returns undefined where it was not set */
  requestOf(customId: string): Place | undefined {
    return this.requests.at(this.ids.positionOf(customId));
  }
}

class Places {
  size = 0;
  /** Floats, as files have more than 4 GB. */
  private readonly offsets: Float64Array;
  /** No line is without bytes: 0 is one that was not set. */
  private readonly lengths: Uint32Array;

  constructor(count: number) {
    this.offsets = new Float64Array(count);
    this.lengths = new Uint32Array(count);
  }

  /** Each id has one place: a second one is another id's of the same hash. */
  set(position: number, { offset, length }: Place, customId: string): void {
    if (this.lengths[position] !== 0) throw new Error(`${customId} is there twice, or two ids have one hash, which will be another one next time`);
    this.size++;
    this.offsets[position] = offset;
    this.lengths[position] = length;
  }

  at(position: number): Place | undefined {
    const length = this.lengths[position];
    return length ? { offset: this.offsets[position]!, length } : undefined;
  }
}
