/** Whatever answers cost, the cap holds; what is not known is not free. */
import fc from 'fast-check';
import type { BatchReport, PriceTable } from '../../src/contract';
import { noOutcomes, noUsage } from '../../src/contract';
import type { BudgetedPart } from '../../src/workflows/job-budget';
import { JobBudget } from '../../src/workflows/job-budget';

const PRICES: PriceTable = {
  date: '2026-11-01',
  source: 'test',
  currency: 'USD',
  batch_factor: 0.5,
  models: { 'claude-a': { input: 2, output: 10, cache_write_5m: 2.5, cache_write_1h: 4, cache_read: 0.2 } },
  server_tools: {},
};

function part(number: number, { requests = 100, model = 'claude-a' } = {}): BudgetedPart {
  return { part: number, requests, expected: [{ model, requests, bytes: requests * 200, maxTokens: requests * 1_000, longest: 200, cached: false }] };
}

function ended({ part: number, requests }: BudgetedPart, { outputTokens, missing = 0, model = 'claude-a' }: { outputTokens: number; missing?: number; model?: string }): BatchReport {
  const usage = { ...noUsage(), output_tokens: (requests - missing) * outputTokens };
  return {
    jobId: 'job',
    round: 1,
    part: number,
    batchId: `msgbatch_${number}`,
    requests,
    outcomes: { ...noOutcomes(), succeeded: requests - missing, missing },
    retryable: 0,
    usage,
    usageByModel: { [model]: usage },
    problems: [],
    simulated: false,
  };
}

test('answers of any length, parts that end in any order: what was spent never exceeds the cap', () => {
  const steps = fc.array(fc.record({ begins: fc.boolean(), outputTokens: fc.integer({ min: 0, max: 1_000 }), missing: fc.integer({ min: 0, max: 100 }), which: fc.nat() }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.double({ min: 0.01, max: 5, noNaN: true }), (list, cap) => {
      const budget = new JobBudget(PRICES, () => cap);
      const running: BudgetedPart[] = [];
      let next = 1;
      for (const { begins, which, ...use } of list) {
        if (begins && budget.covers(part(next))) {
          budget.begin(part(next));
          running.push(part(next++));
        } else if (running.length > 0) {
          const [one] = running.splice(which % running.length, 1);
          budget.end(one!, ended(one!, use));
        }
        expect(budget.state().spent).toBeLessThanOrEqual(cap + 1e-9);
      }
    }),
  );
});

test('what cheap answers have cost says nothing certain of those to come', () => {
  const budget = new JobBudget(PRICES, () => 2);
  const cheap = part(1);
  budget.begin(cheap);
  budget.end(cheap, ended(cheap, { outputTokens: 1 }));
  let begun = 0;
  while (budget.covers(part(2 + begun))) budget.begin(part(2 + begun++));
  // At most 1,000 tokens an answer at $5 a million: $0.50 a part.
  expect(begun).toBe(3);
});

test('what is missing, and what a model without a price has used, counts at its worst', () => {
  const budget = new JobBudget(PRICES, () => 100);
  const one = part(1);
  budget.end(one, ended(one, { outputTokens: 0, missing: 100 }));
  expect(budget.state().spent).toBeGreaterThan(0.5);
  const before = budget.state().spent;
  budget.end(part(2), ended(part(2), { outputTokens: 10, model: 'gateway.claude-a' }));
  expect(budget.state().spent - before).toBeGreaterThan(0.5);
});

test('no cap is held where nothing is known of prices or of what is asked for', () => {
  expect(new JobBudget(undefined, () => 5).covers(part(1))).toBe(false);
  expect(new JobBudget(PRICES, () => 5).covers({ part: 1, requests: 10 })).toBe(false);
  expect(new JobBudget(PRICES, () => 5).covers(part(1, { model: 'claude-unknown' }))).toBe(false);
  expect(new JobBudget(undefined, () => undefined).covers(part(1))).toBe(true);
});
