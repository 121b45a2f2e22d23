/** Of results that are looked for by custom_id: where each and its request lie. Memory: about 45 bytes each, where maps of strings take ten times that. */
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

  /** @returns false where it was added before */
  add(customId: string): boolean {
    return this.ids.add(customId);
  }

  has(customId: string): boolean {
    return this.ids.positionOf(customId) >= 0;
  }

  /** @param customId that was added. */
  setResult(customId: string, { outcome, ...place }: FoundResult): void {
    const position = this.ids.positionOf(customId);
    this.results.set(position, place);
    this.outcomes[position] = API_OUTCOMES.indexOf(outcome);
  }

  /** @param customId that was added. */
  setRequest(customId: string, place: Place): void {
    this.requests.set(this.ids.positionOf(customId), place);
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
  /** Floats, as files have more than 4 GB. */
  private readonly offsets: Float64Array;
  /** No line is without bytes: 0 is one that was not set. */
  private readonly lengths: Uint32Array;

  constructor(count: number) {
    this.offsets = new Float64Array(count);
    this.lengths = new Uint32Array(count);
  }

  set(position: number, { offset, length }: Place): void {
    this.offsets[position] = offset;
    this.lengths[position] = length;
  }

  at(position: number): Place | undefined {
    const length = this.lengths[position];
    return length ? { offset: this.offsets[position]!, length } : undefined;
  }
}
