/** What some requests of one model are expected to use, from what stands in them. */
export interface ExpectedUse {
  model: string;
  requests: number;
  /** Bytes (UTF-8) of the requests. */
  bytes: number;
  /** Sum of their `max_tokens`. */
  maxTokens: number;
  /** Bytes of the longest of them; absent where that was not looked at. */
  longest?: number;
  /** Whether one of them asks for the prompt cache; absent where that was not looked at. */
  cached?: boolean;
}

/** Adds what is expected of some requests to a list that has one entry a model. */
export function addExpectedUse(sum: ExpectedUse[], use: ExpectedUse): void {
  const known = sum.find(({ model }) => model === use.model);
  if (!known) {
    sum.push({ ...use });
    return;
  }
  known.requests += use.requests;
  known.bytes += use.bytes;
  known.maxTokens += use.maxTokens;
  known.longest = bothKnown(known.longest, use.longest) ? Math.max(known.longest!, use.longest!) : undefined;
  known.cached = known.cached || use.cached || (bothKnown(known.cached, use.cached) ? false : undefined);
}

function bothKnown(a: unknown, b: unknown): boolean {
  return a !== undefined && b !== undefined;
}
