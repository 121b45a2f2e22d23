import { type Outcome, OUTCOMES } from '../../contract';
import { CustomIdTable } from '../custom-id-table';

/** Of a request that has no result. */
const NOWHERE = -1;

/**
 * The custom_ids that the outputs of a job speak of, each with its outcome and where its result begins: about 28 bytes a request.
 * Ids are told apart by a 64-bit hash.
 */
export class OutcomeIds {
  private readonly ids: CustomIdTable;
  private readonly outcomes: Uint8Array;
  private readonly offsets: Float64Array;
  private readonly seen: Uint8Array;

  /** @param requests of the job: more ids are not taken. */
  constructor(private readonly requests: number) {
    this.ids = new CustomIdTable(requests);
    this.outcomes = new Uint8Array(requests);
    this.offsets = new Float64Array(requests);
    this.seen = new Uint8Array(requests);
  }

  get size(): number {
    return this.ids.size;
  }

  /** @returns false where the id is there already, or there are more than the job has requests. */
  add(id: string, outcome: Outcome, offset = NOWHERE): boolean {
    const position = this.ids.size;
    if (position === this.requests || !this.ids.add(id)) return false;
    this.outcomes[position] = OUTCOMES.indexOf(outcome);
    this.offsets[position] = offset;
    return true;
  }

  outcomeOf(id: string): Outcome | undefined {
    const position = this.ids.positionOf(id);
    return position === -1 ? undefined : OUTCOMES[this.outcomes[position]!];
  }

  /** Where the id's result begins; undefined where it has none, or is not known. */
  offsetOf(id: string): number | undefined {
    const position = this.ids.positionOf(id);
    return position === -1 || this.offsets[position] === NOWHERE ? undefined : this.offsets[position];
  }

  /** Marks an id, once for each list that it is to stand in. @returns false where it was marked before, or is not known. */
  mark(id: string, list: 'failed' | 'input'): boolean {
    const position = this.ids.positionOf(id);
    const bit = list === 'failed' ? 1 : 2;
    if (position === -1 || (this.seen[position]! & bit) !== 0) return false;
    this.seen[position]! |= bit;
    return true;
  }
}
