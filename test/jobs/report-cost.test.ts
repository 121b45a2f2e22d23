import { type BatchReport, noOutcomes, noUsage, type PriceTable, type TokenUsage } from '../../src/contract';
import { buildReport } from '../../src/jobs';

const PRICES: PriceTable = {
  date: '2026-01-02',
  source: 'a test',
  currency: 'USD',
  batch_factor: 0.5,
  models: { 'claude-a': { input: 2, output: 10, cache_write_5m: 2.5, cache_write_1h: 4, cache_read: 0.2 } },
  server_tools: {},
};

const used = (tokens: number): TokenUsage => ({ ...noUsage(), input_tokens: tokens });

function part(more: Partial<BatchReport>): BatchReport {
  return { jobId: 'j', round: 1, part: 1, batchId: 'msgbatch_1', requests: 1, outcomes: { ...noOutcomes(), succeeded: 1 }, retryable: 0, usage: noUsage(), problems: [], simulated: false, ...more };
}

const JOB = { format: 1 as const, job_id: 'j', simulated: false, account: { label: 'a', base_url: 'https://x' }, input: { path: '/i', sha256: '', requests: 1, bytes: 1 }, output: '/o', betas: [], created_at: '2026-01-01T00:00:00.000Z' };

function report(models: Record<string, TokenUsage>, parts: BatchReport[], prices?: PriceTable) {
  const usage = { ...noUsage(), input_tokens: 300, cache_read_input_tokens: 100 };
  const merged = { outcomes: { ...noOutcomes(), succeeded: 1 }, usage, models, longPrompts: {}, problems: [], resultsFile: { bytes: 0, sha256: '' }, results: 1, failedRequests: 0, missingRequests: 0, quarantined: 0 };
  return buildReport({ job: JOB, parts, merged, canceled: false, endedAt: new Date(0), prices });
}

it('has the cost by model and by batch, the table it was reckoned with, and what has no price', () => {
  const { cost, batches, cache_hit_share } = report({ 'claude-a-20250929': used(3e6), 'claude-b': used(1) }, [part({ usageByModel: { 'claude-a-20250929': used(1e6) }, cost: 99 }), part({ batchId: undefined })], PRICES);
  expect(cost).toEqual({ currency: 'USD', total: 3, by_model: { 'claude-a-20250929': 3 }, prices: { date: '2026-01-02', source: 'a test' }, without_price: ['claude-b'] });
  // By the prices of the end, not by those of the day it was recorded.
  expect(batches.map((batch) => batch.cost)).toEqual([1]);
  expect(cache_hit_share).toBe(0.25);
});

it('tells no cost where no model has a price, where a part is of an older release, or without a table', () => {
  expect(report({ 'claude-b': used(1) }, [part({ usageByModel: { 'claude-b': used(1) } })], PRICES)).not.toHaveProperty('cost');
  expect(report({ 'claude-a': used(1e6) }, [part({})], PRICES).batches[0]).not.toHaveProperty('cost');
  expect(report({ 'claude-a': used(1e6) }, [])).not.toHaveProperty('cost');
});

it('costs nothing where nothing succeeded', () => {
  expect(report({}, [part({ usageByModel: {} })], PRICES)).toMatchObject({ cost: { total: 0, by_model: {} }, batches: [{ cost: 0 }] });
});
