/** Empty counts, and their sums. Pure, so that workflows may use them too. */
import { type OutcomeCounts, OUTCOMES, type TokenUsage } from './outcomes';

export function noOutcomes(): OutcomeCounts {
  return { succeeded: 0, errored: 0, canceled: 0, expired: 0, missing: 0, unsent: 0 };
}

export function totalOf(outcomes: OutcomeCounts): number {
  return OUTCOMES.reduce((sum, outcome) => sum + outcomes[outcome], 0);
}

/** What of a part's outcomes is final, where so many of them are sent again: expired ones first, the rest are errored. */
export function finalOutcomes(outcomes: OutcomeCounts, retryable: number): OutcomeCounts {
  const expired = Math.min(outcomes.expired, retryable);
  return { ...outcomes, expired: outcomes.expired - expired, errored: outcomes.errored - (retryable - expired) };
}

export function noUsage(): TokenUsage {
  return {
    input_tokens: 0,
    output_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    server_tool_use: {},
  };
}

/**
 * Adds a usage to a sum.
 * @param usage of a message as the API gives it, where fields may be absent or null and new ones appear; or another sum.
 */
export function addUsage(sum: TokenUsage, usage: unknown): void {
  if (!isObject(usage)) return;
  sum.input_tokens += count(usage['input_tokens']);
  sum.output_tokens += count(usage['output_tokens']);
  sum.cache_creation_input_tokens += count(usage['cache_creation_input_tokens']);
  sum.cache_read_input_tokens += count(usage['cache_read_input_tokens']);
  const cacheCreation = usage['cache_creation'];
  if (isObject(cacheCreation)) {
    sum.cache_creation.ephemeral_5m_input_tokens += count(cacheCreation['ephemeral_5m_input_tokens']);
    sum.cache_creation.ephemeral_1h_input_tokens += count(cacheCreation['ephemeral_1h_input_tokens']);
  }
  const tools = usage['server_tool_use'];
  if (!isObject(tools)) return;
  for (const [tool, calls] of Object.entries(tools)) {
    if (count(calls) === 0 || !/^[a-z]\w{0,63}$/.test(tool)) continue;
    const known = Object.hasOwn(sum.server_tool_use, tool);
    if (known || Object.keys(sum.server_tool_use).length < MOST_TOOLS) sum.server_tool_use[tool] = (known ? sum.server_tool_use[tool]! : 0) + count(calls);
  }
}

/** Models are told apart up to so many, with names up to so long; the rest is summed up as `other`. */
const MOST_MODELS = 100;
const LONGEST_MODEL = 128;
/** Tools beyond so many are not counted. */
const MOST_TOOLS = 50;

/** Adds a usage to that of its model. @param model undefined where the message names none. */
export function addModelUsage(sums: Record<string, TokenUsage>, model: string | undefined, usage: unknown): void {
  const isKnown = model !== undefined && Object.hasOwn(sums, model);
  const mayBeNew = model !== undefined && model !== '' && model.length <= LONGEST_MODEL;
  const name = isKnown || (mayBeNew && Object.keys(sums).length < MOST_MODELS) ? model : 'other';
  if (!Object.hasOwn(sums, name)) Object.defineProperty(sums, name, { value: noUsage(), enumerable: true, writable: true, configurable: true });
  addUsage(sums[name]!, usage);
}

/** Tokens of the prompt of a message, from its usage: read from the prompt cache or written to it too. */
export function promptTokens(usage: unknown): number {
  return isObject(usage) ? count(usage['input_tokens']) + count(usage['cache_creation_input_tokens']) + count(usage['cache_read_input_tokens']) : 0;
}

function count(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
