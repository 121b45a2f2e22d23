import { addToCalibration, addUsage, cacheHitShare, type Calibration, costOf, type ExpectedUse, expectedCost, modelFamily, noUsage, priceOf, type PriceTable, type TokenUsage } from '../../src/contract';

const PRICES: PriceTable = {
  date: '2026-01-02',
  source: 'a test',
  currency: 'USD',
  batch_factor: 0.5,
  models: {
    'claude-a': { input: 2, output: 10, cache_write_5m: 2.5, cache_write_1h: 4, cache_read: 0.2 },
    'claude-a-5': { input: 4, output: 20, cache_write_5m: 5, cache_write_1h: 8, cache_read: 0.4 },
    'claude-long': { input: 2, output: 10, cache_write_5m: 2.5, cache_write_1h: 4, cache_read: 0.2, long_prompt: { above_tokens: 100_000, factor: 5 } },
  },
  server_tools: { web_search_requests: 10 },
};

function usage(part: object): TokenUsage {
  const sum = noUsage();
  addUsage(sum, part);
  return sum;
}

const use = (part: Partial<ExpectedUse> = {}): ExpectedUse => ({ model: 'claude-a', requests: 1000, bytes: 1_000_000, maxTokens: 1_000_000, cached: false, ...part });

it('finds the price of a snapshot, and never that of another model', () => {
  const priced = (model: string): number | undefined => priceOf(model, PRICES)?.input;
  expect(['claude-a', 'claude-a-20250929', 'claude-a-latest', 'claude-a-0', 'claude-a-5', 'claude-a-5-20250929'].map(priced)).toEqual([2, 2, 2, 2, 4, 4]);
  expect(['claude-a-6', 'claude-a-5-mini', 'claude', 'constructor', '__proto__', ''].map(priced)).toEqual(Array.from({ length: 6 }, () => undefined));
  expect(modelFamily('claude-a-5-20250929')).toBe('claude-a-5');
});

it('counts each kind of token at its price in a batch, tools at their whole price, and names what has none', () => {
  const cost = costOf(
    {
      'claude-a-20250929': usage({
        input_tokens: 1e6,
        output_tokens: 1e6,
        cache_creation_input_tokens: 3e6,
        cache_creation: { ephemeral_5m_input_tokens: 1e6, ephemeral_1h_input_tokens: 1e6 },
        cache_read_input_tokens: 1e6,
        server_tool_use: { web_search_requests: 1000, new_requests: 1 },
      }),
      'claude-b': usage({ input_tokens: 5 }),
      'claude-c': usage({}),
    },
    PRICES,
  );
  // Written without a word on how long: for five minutes.
  const tokens = (2 + 10 + 2 * 2.5 + 4 + 0.2) / 2;
  expect(cost.total).toBeCloseTo(tokens + 10, 9);
  expect(Object.keys(cost.byModel)).toEqual(['claude-a-20250929']);
  expect(cost.withoutPrice).toEqual(['new_requests', 'claude-b']);
});

it('counts requests with long prompts at their price', () => {
  const [all, long] = [usage({ input_tokens: 3e6, output_tokens: 2e6 }), usage({ input_tokens: 1e6, output_tokens: 1e6 })];
  expect(costOf({ 'claude-long': all }, PRICES, { 'claude-long': long }).total).toBeCloseTo((2 * 2 + 10 + 5 * (2 + 10)) / 2, 9);
  expect(costOf({ 'claude-a': all }, PRICES, { 'claude-a': long }).total).toBeCloseTo((3 * 2 + 2 * 10) / 2, 9);
});

it('takes the usage of an older release, which has fewer fields', () => {
  const old = { input_tokens: 1e6, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 } as TokenUsage;
  expect(costOf({ 'claude-a': old }, PRICES).total).toBe(1);
});

it('tells the share that was read from the cache', () => {
  expect(cacheHitShare(usage({ input_tokens: 1, cache_creation_input_tokens: 1, cache_read_input_tokens: 2 }))).toBe(0.5);
  expect(cacheHitShare(noUsage())).toBeUndefined();
});

it('expects a range of bytes a token and of max_tokens, and a worst that is a token a byte', () => {
  const { low, high, worst, tokens } = expectedCost([use()], PRICES);
  expect(tokens).toEqual({ input: { low: 125_000, high: 500_000 }, output: { low: 50_000, high: 1_000_000 } });
  expect(low).toBeCloseTo(0.125 + 0.25, 9);
  expect(high).toBeCloseTo(0.5 + 5, 9);
  expect(worst).toBeCloseTo(1 + 5, 9);
});

it('takes the dearest input for the worst where the cache is or may be written', () => {
  for (const cached of [true, undefined]) expect(expectedCost([use({ cached })], PRICES).worst).toBeCloseTo(2 + 5, 9);
});

it('takes the price of long prompts where one may be among the requests', () => {
  const worst = (longest?: number): number => expectedCost([use({ model: 'claude-long', longest })], PRICES).worst;
  expect([worst(100_000), worst(100_001), worst(undefined)]).toEqual([6, 30, 30]);
});

it('names models without a price, and counts their tokens', () => {
  const { worst, withoutPrice, models } = expectedCost([use(), use({ model: 'claude-b' })], PRICES);
  expect(worst).toBeCloseTo(6, 9);
  expect(withoutPrice).toEqual(['claude-b']);
  expect(models[1]).toMatchObject({ model: 'claude-b', tokens: { output: { high: 1_000_000 } } });
});

describe('once parts have ended', () => {
  const ended = (requests: number, succeeded: number): Calibration => {
    const calibration: Calibration = {};
    const used = usage({ input_tokens: 250 * succeeded, output_tokens: 100 * succeeded });
    addToCalibration(calibration, { expected: [use({ requests, bytes: 1000 * requests })], usageByModel: { 'claude-a-20250929': used }, succeeded });
    return calibration;
  };

  it('goes by what a hundred requests of the model took, with a margin; fewer say nothing', () => {
    expect(expectedCost([use()], PRICES, ended(99, 99)).high).toBeCloseTo(expectedCost([use()], PRICES).high, 9);
    expect(expectedCost([use()], PRICES, ended(100, 100)).worst).toBeCloseTo(6, 9);
    const { low, high, tokens } = expectedCost([use()], PRICES, ended(100, 100));
    expect([low, high]).toEqual([expect.closeTo(0.75 / 1.25, 9), expect.closeTo(0.75 * 1.25, 9)]);
    expect(tokens).toEqual({ input: { low: 200_000, high: 312_500 }, output: { low: 80_000, high: 125_000 } });
  });

  it('is not misled by requests that did not succeed, which are not paid', () => {
    expect(expectedCost([use()], PRICES, ended(1000, 100)).high).toBeCloseTo((0.25 + 0.5) * 1.25, 9);
  });

  it('takes as few as possible to have succeeded where a part has several models', () => {
    const calibration: Calibration = {};
    const expected = [use(), use({ model: 'claude-a-5' })];
    const used = usage({ input_tokens: 250_000, output_tokens: 100_000 });
    addToCalibration(calibration, { expected, usageByModel: { 'claude-a': used, 'claude-a-5': used }, succeeded: 1200 });
    expect(calibration['claude-a']).toMatchObject({ requests: 200, bytes: 200_000 });
  });

  it('is never more than the worst, which holds calls of tools too', () => {
    const calibration: Calibration = {};
    const used = usage({ input_tokens: 10, output_tokens: 1e9, server_tool_use: { web_search_requests: 100 } });
    addToCalibration(calibration, { expected: [use({ requests: 100 })], usageByModel: { 'claude-a': used }, succeeded: 100 });
    // A search a request, at $10 per 1,000.
    expect(expectedCost([use()], PRICES, calibration).high).toBeCloseTo(6 + 10 * 1.25, 9);
  });

  it('stands a model of any name, and is plain JSON', () => {
    const calibration: Calibration = {};
    const used = usage({ input_tokens: 10 });
    for (const model of ['__proto__', 'constructor']) {
      addToCalibration(calibration, { expected: [use({ model, requests: 1 })], usageByModel: Object.fromEntries([[model, used]]), succeeded: 1 });
    }
    expect(Object.keys(calibration)).toEqual(['__proto__', 'constructor']);
    expect(({} as { requests?: number }).requests).toBeUndefined();
  });
});
