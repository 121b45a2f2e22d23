/** What requests are expected to use, from what stands in them: no token is counted here. */
import type { ExpectedUse } from '../contract';
import type { RequestLine } from './request-line';

/** Models are told apart up to so many; the rest is summed up as `other`. */
const MOST_MODELS = 100;
const OTHER = 'other';

/** Sums up the expected use of requests, by model. */
export class ExpectedUses {
  private readonly sums = new Map<string, ExpectedUse>();
  private more = 0;

  /** Requests that bring in what is not in them, so that nobody can tell how long their prompts will be. */
  get uncounted(): number {
    return this.more;
  }

  add({ facts, sent }: Pick<RequestLine, 'facts' | 'sent'>): void {
    const sum = this.sumOf(facts.model ?? OTHER);
    sum.requests++;
    sum.bytes += sent.length;
    sum.maxTokens += facts.maxTokens;
    sum.longest = Math.max(sum.longest ?? 0, sent.length);
    if (facts.cached) sum.cached = true;
    if (facts.bringsMore) this.more++;
  }

  /** One entry a model, in the order of their names. */
  list(): ExpectedUse[] {
    return [...this.sums.values()].sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : 0));
  }

  private sumOf(model: string): ExpectedUse {
    const known = this.sums.get(model);
    if (known) return known;
    if (this.sums.size >= MOST_MODELS && model !== OTHER) return this.sumOf(OTHER);
    const sum: ExpectedUse = { model, requests: 0, bytes: 0, maxTokens: 0, longest: 0, cached: false };
    this.sums.set(model, sum);
    return sum;
  }
}
