import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { costOf, noUsage, type PriceTable, priceOf } from '../../../src/contract';
import { readPrices } from '../../../src/jobs';
import { useFolder } from '../../storage/helpers';

const folder = useFolder();
const own = (): PriceTable => ({
  date: '2026-01-02',
  source: 'a contract',
  currency: 'USD',
  batch_factor: 0.4,
  models: { 'claude-a': { input: 1, output: 2, cache_write_5m: 3, cache_write_1h: 4, cache_read: 5 } },
  server_tools: {},
});

function write(content: unknown, name = 'prices.json'): string {
  mkdirSync(folder.path, { recursive: true });
  const path = join(folder.path, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

it('is the one of the package, which has prices of all current models', async () => {
  const table = await readPrices({ storage: folder.path });
  expect(table).toMatchObject({ date: expect.stringMatching(/^202\d-\d\d-\d\d$/), source: expect.stringMatching(/^https:/), batch_factor: 0.5 });
  for (const model of ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5', 'claude-haiku-4-5-20251001', 'claude-opus-4-0', 'claude-3-5-haiku-latest']) {
    const price = priceOf(model, table)!;
    expect([price.cache_write_5m / price.input, price.cache_write_1h / price.input]).toEqual([expect.closeTo(1.25, 6), expect.closeTo(2, 6)]);
  }
  // As the public page has it: $2.50 for a million input tokens in a batch.
  expect(costOf({ 'claude-opus-4-5-20251101': { ...noUsage(), input_tokens: 1e6 } }, table).total).toBe(2.5);
});

it('is that of the storage root where one lies there, and of a file that is named before that', async () => {
  write(own());
  expect(await readPrices({ storage: folder.path })).toEqual(own());
  const file = write({ ...own(), date: '2026-03-04' }, 'mine.json');
  expect(await readPrices({ storage: folder.path, file })).toMatchObject({ date: '2026-03-04' });
});

it('says which file is not there', async () => {
  await expect(readPrices({ storage: folder.path, file: join(folder.path, 'none.json') })).rejects.toMatchObject({ code: 'invalid_prices', message: expect.stringContaining('none.json') });
});

it.each<[string, unknown, string]>([
  ['no JSON', '{', 'it is not JSON'],
  ['no object', [], 'it is not a JSON object'],
  ['no date', { ...own(), date: 'today' }, 'date must be a day'],
  ['no source', { ...own(), source: '' }, 'source must say'],
  ['another currency', { ...own(), currency: 'EUR' }, 'currency must be "USD"'],
  ['a discount for a share', { ...own(), batch_factor: 50 }, 'batch_factor must be a number from 0 to 1'],
  ['no models', { ...own(), models: undefined }, 'models must be an object'],
  ['a price as text', { ...own(), models: { 'claude-a': { ...own().models['claude-a'], output: '2' } } }, 'models["claude-a"].output must be a number'],
  ['a price below zero', { ...own(), models: { 'claude-a': { ...own().models['claude-a'], cache_read: -1 } } }, 'models["claude-a"].cache_read must be a number'],
  ['a price that is missing', { ...own(), models: { 'claude-a': { input: 1, output: 2 } } }, 'models["claude-a"].cache_write_5m must be a number'],
  ['long prompts that cost less', { ...own(), models: { 'claude-a': { ...own().models['claude-a'], long_prompt: { above_tokens: 100_000, factor: 0.5 } } } }, 'models["claude-a"].long_prompt.factor'],
  ['long prompts of another length', { ...own(), models: { 'claude-a': { ...own().models['claude-a'], long_prompt: { above_tokens: 200_000, factor: 2 } } } }, 'models["claude-a"].long_prompt.above_tokens must be 100000'],
  ['a tool without a price', { ...own(), server_tools: { web_search_requests: null } }, 'server_tools["web_search_requests"] must be a number'],
])('names the field: %s', async (_what, content, message) => {
  const path = write(content);
  await expect(readPrices({ storage: folder.path })).rejects.toMatchObject({ code: 'invalid_prices', message: expect.stringContaining(`${path} cannot be used: ${message}`), hint: expect.stringContaining('prices.json') });
});
