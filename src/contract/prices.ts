/** Tables of prices. A table stands in a file that users can replace: see `prices.json` of the package. */

/** Longer prompts (with what was read from the cache and written to it) are summed up apart: some models have another price then. */
export const LONG_PROMPT_TOKENS = 100_000;

/** US dollars per million tokens: what the API charges outside of batches. */
export interface ModelPrice {
  input: number;
  output: number;
  /** Written to the prompt cache for five minutes. */
  cache_write_5m: number;
  /** Written to the prompt cache for an hour. */
  cache_write_1h: number;
  cache_read: number;
  /** A request with a long prompt costs so many times as much, output included. */
  long_prompt?: { above_tokens: typeof LONG_PROMPT_TOKENS; factor: number };
}

/** A table of prices, as it stands in its file. */
export interface PriceTable {
  /** The day that the prices are of, as in 2026-11-12. */
  date: string;
  /** Where they were read. */
  source: string;
  /** For people. */
  notes?: string[];
  currency: 'USD';
  /** What tokens cost in a batch, as a share of the prices below; 0.5 is half the price. */
  batch_factor: number;
  /** By model, without the date of a snapshot. */
  models: Record<string, ModelPrice>;
  /** US dollars per 1,000 calls of server tools, by the API's name in `usage.server_tool_use`. In batches too they cost the whole price. */
  server_tools: Record<string, number>;
}

/** `claude-haiku-4-5-20251001` and `claude-haiku-4-5-latest` are snapshots of one model. */
const SNAPSHOT = /-(?:\d{8}|latest)$/;
/** `claude-opus-4-0` is how the API spells the newest `claude-opus-4`. */
const FIRST_VERSION = /-0$/;

/** One name for all snapshots of a model. */
export function modelFamily(model: string): string {
  return model.replace(SNAPSHOT, '').replace(FIRST_VERSION, '');
}

/** The price of a model: its own, or that of its family. @returns undefined where the table has none. */
export function priceOf(model: string, { models }: PriceTable): ModelPrice | undefined {
  const name = [model, model.replace(SNAPSHOT, ''), modelFamily(model)].find((candidate) => Object.hasOwn(models, candidate));
  return name === undefined ? undefined : models[name];
}

/** What a token costs in a batch, in US dollars, by its kind. */
export interface TokenPrices {
  input: number;
  output: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
  cacheRead: number;
}

/** @param factor 1, or that of long prompts. */
export function batchPrices(price: ModelPrice, { batch_factor: batchFactor }: PriceTable, factor = 1): TokenPrices {
  const each = (aMillion: number): number => (aMillion * batchFactor * factor) / 1e6;
  return { input: each(price.input), output: each(price.output), cacheWrite5m: each(price.cache_write_5m), cacheWrite1h: each(price.cache_write_1h), cacheRead: each(price.cache_read) };
}
