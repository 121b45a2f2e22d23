import type { ExpectedUse } from './round-plan';

/** Models are told apart up to so many, with names up to so long; the rest is summed up as `other`. */
const MOST_MODELS = 100;
const LONGEST_MODEL = 128;
const OTHER = 'other';

/** Of one request: what it is expected to use. */
export interface RequestUse {
  /** Empty where the request names none. */
  model: string;
  maxTokens: number;
}

/** Sums up, by model, what requests are expected to use. */
export class ExpectedUses {
  private readonly sums = new Map<string, ExpectedUse>();

  /** @param bytes of the request as it is sent. */
  add({ model, maxTokens }: RequestUse, bytes: number): void {
    const sum = this.sums.get(model) ?? this.sumOf(model);
    sum.requests++;
    sum.bytes += bytes;
    sum.maxTokens += maxTokens;
  }

  /** In the order of the models' names. */
  list(): ExpectedUse[] {
    return [...this.sums.values()].sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : 0));
  }

  private sumOf(model: string): ExpectedUse {
    const name = model.length <= LONGEST_MODEL && this.sums.size < MOST_MODELS ? model : OTHER;
    const known = this.sums.get(name);
    if (known) return known;
    const sum = { model: name, requests: 0, bytes: 0, maxTokens: 0 };
    this.sums.set(name, sum);
    return sum;
  }
}
