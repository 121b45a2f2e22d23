/** What was used, in US dollars. Pure, so that workflows may use it too. */
import { addUsage, noUsage } from './counts';
import type { TokenUsage } from './outcomes';
import { batchPrices, priceOf, type PriceTable, type TokenPrices } from './prices';

/** US dollars. */
export interface Cost {
  total: number;
  /** Of the models that have a price. */
  byModel: Record<string, number>;
  /** Models and server tools that were used and have no price; they are in no sum. */
  withoutPrice: string[];
}

/**
 * What some usage has cost in batches.
 * @param longPrompts of `usageByModel` that of requests with long prompts, see `LONG_PROMPT_TOKENS`.
 */
export function costOf(usageByModel: Record<string, TokenUsage>, table: PriceTable, longPrompts: Record<string, TokenUsage> = {}): Cost {
  const cost: Cost = { total: 0, byModel: {}, withoutPrice: [] };
  const unpriced = new Set<string>();
  for (const [model, reported] of Object.entries(usageByModel)) {
    // A report of an older release has fewer fields.
    const usage = noUsage();
    addUsage(usage, reported);
    const price = priceOf(model, table);
    const tools = toolsCost(usage, table, unpriced);
    if (!price && tokensOf(usage) > 0) unpriced.add(model);
    if (!price && tools === 0) continue;
    const long = Object.hasOwn(longPrompts, model) ? longPrompts[model]! : noUsage();
    const tokens = price ? tokensCost(usage, batchPrices(price, table)) + tokensCost(long, batchPrices(price, table, (price.long_prompt?.factor ?? 1) - 1)) : 0;
    cost.byModel[model] = tokens + tools;
    cost.total += tokens + tools;
  }
  cost.withoutPrice = [...unpriced];
  return cost;
}

/** Without calls of server tools, in US dollars. */
function tokensCost(usage: TokenUsage, prices: TokenPrices): number {
  return inputCost(usage, prices) + usage.output_tokens * prices.output;
}

/** Of the input side, in US dollars. */
export function inputCost(usage: TokenUsage, prices: TokenPrices): number {
  const { ephemeral_5m_input_tokens: fiveMinutes, ephemeral_1h_input_tokens: anHour } = usage.cache_creation;
  // What is not told apart is of the usual kind.
  const others = Math.max(0, usage.cache_creation_input_tokens - fiveMinutes - anHour);
  return usage.input_tokens * prices.input + (fiveMinutes + others) * prices.cacheWrite5m + anHour * prices.cacheWrite1h + usage.cache_read_input_tokens * prices.cacheRead;
}

/** Calls of server tools, in US dollars. @param unpriced gets the names of those that the table does not know. */
export function toolsCost({ server_tool_use: calls }: TokenUsage, { server_tools: prices }: PriceTable, unpriced?: Set<string>): number {
  let sum = 0;
  for (const [tool, count] of Object.entries(calls)) {
    if (Object.hasOwn(prices, tool)) sum += (count * prices[tool]!) / 1000;
    else unpriced?.add(tool);
  }
  return sum;
}

/** All input tokens: those that were read from the prompt cache or written to it too. */
export function inputTokensOf(usage: TokenUsage): number {
  return usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens;
}

/** Of all input tokens, the share that was read from the prompt cache, 0 to 1; undefined where none were used. */
export function cacheHitShare(usage: TokenUsage): number | undefined {
  const all = inputTokensOf(usage);
  return all === 0 ? undefined : usage.cache_read_input_tokens / all;
}

function tokensOf(usage: TokenUsage): number {
  return inputTokensOf(usage) + usage.output_tokens;
}
