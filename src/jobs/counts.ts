import { type OutcomeCounts, OUTCOMES, type TokenUsage } from '../contract';

export function noOutcomes(): OutcomeCounts {
  return { succeeded: 0, errored: 0, canceled: 0, expired: 0, missing: 0, unsent: 0 };
}

export function totalOf(outcomes: OutcomeCounts): number {
  return OUTCOMES.reduce((sum, outcome) => sum + outcomes[outcome], 0);
}

export function noUsage(): TokenUsage {
  return { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
}

/** Adds to `sum` what is a number in `usage`: the API may leave fields out or null. */
export function addUsage(sum: TokenUsage, usage: unknown): void {
  if (typeof usage !== 'object' || usage === null) return;
  for (const key of Object.keys(sum) as (keyof TokenUsage)[]) {
    const tokens = (usage as Record<string, unknown>)[key];
    if (typeof tokens === 'number') sum[key] += tokens;
  }
}
