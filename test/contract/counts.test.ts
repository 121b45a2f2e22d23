import { addModelUsage, addUsage, finalOutcomes, noOutcomes, noUsage, type TokenUsage } from '../../src/contract';

it('takes what will be sent again out of the outcomes, expired ones first', () => {
  const outcomes = { ...noOutcomes(), succeeded: 5, errored: 3, expired: 2 };
  expect(finalOutcomes(outcomes, 0)).toEqual(outcomes);
  expect(finalOutcomes(outcomes, 1)).toEqual({ ...outcomes, expired: 1 });
  expect(finalOutcomes(outcomes, 4)).toEqual({ ...outcomes, expired: 0, errored: 1 });
});

it('adds what the API counts, whatever is absent, null, new or no number', () => {
  const sum = noUsage();
  addUsage(sum, {
    input_tokens: 1,
    output_tokens: 2,
    cache_creation_input_tokens: 30,
    cache_read_input_tokens: 4,
    cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
    server_tool_use: { web_search_requests: 3, web_fetch_requests: 0, '__proto__ x': 1 },
    service_tier: 'batch',
  });
  addUsage(sum, { input_tokens: 10, cache_read_input_tokens: null, cache_creation: null, server_tool_use: { web_search_requests: 1, new_tool_requests: 2 } });
  for (const none of [undefined, null, 'usage', 7, { input_tokens: '5', output_tokens: Infinity }]) addUsage(sum, none);
  expect(sum).toEqual({
    input_tokens: 11,
    output_tokens: 2,
    cache_creation_input_tokens: 30,
    cache_read_input_tokens: 4,
    cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
    server_tool_use: { web_search_requests: 4, new_tool_requests: 2 },
  });
});

it('adds sums too, also those of a release that had fewer fields', () => {
  const sum = noUsage();
  addUsage(sum, { ...noUsage(), input_tokens: 1, server_tool_use: { web_search_requests: 2 } });
  addUsage(sum, { input_tokens: 2, output_tokens: 3, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 });
  expect(sum).toEqual({ ...noUsage(), input_tokens: 3, output_tokens: 3, server_tool_use: { web_search_requests: 2 } });
});

it('tells a hundred models apart; those without a name, and any more, are one', () => {
  const sums: Record<string, TokenUsage> = {};
  for (const model of ['a', 'b', 'a', undefined, '', '__proto__', 'constructor']) addModelUsage(sums, model, { input_tokens: 1 });
  expect(Object.entries(sums).map(([model, { input_tokens }]) => [model, input_tokens])).toEqual([['a', 2], ['b', 1], ['other', 2], ['__proto__', 1], ['constructor', 1]]);
  for (let i = 0; i < 1_000; i++) addModelUsage(sums, `model-${i}`, { input_tokens: 1 });
  expect(Object.keys(sums)).toHaveLength(100);
  expect(sums['other']!.input_tokens).toBe(2 + 1_000 - 95);
});
