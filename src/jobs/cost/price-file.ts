/** The file that a table of prices stands in: the package's own, or one that users put in its place. */
import { join } from 'node:path';
import { LONG_PROMPT_TOKENS, type ModelPrice, type PriceTable } from '../../contract';
import { joinLocation, readWhole, StorageError } from '../../storage';
import { InputError } from '../input-error';

/** At the root of the package. */
const PACKAGE_FILE = join(__dirname, '..', '..', '..', 'prices.json');

const PRICE_KEYS = ['input', 'output', 'cache_write_5m', 'cache_write_1h', 'cache_read'] as const;

export interface PricesPlace {
  /** Path, or `s3://bucket/key`: this file and no other. */
  file?: string;
  /** Folder that may hold a `prices.json`: the storage root. */
  storage: string;
}

/**
 * Reads the table of prices: of the file that was named; else `prices.json` of the storage root, where there is one; else the
 * package's own.
 * @throws InputError `invalid_prices`, which names file and field.
 */
export async function readPrices({ file, storage }: PricesPlace): Promise<PriceTable> {
  if (file !== undefined) return (await readTable(file)) ?? notThere(file);
  return (await readTable(joinLocation(storage, 'prices.json'))) ?? (await readTable(PACKAGE_FILE)) ?? notThere(PACKAGE_FILE);
}

async function readTable(path: string): Promise<PriceTable | undefined> {
  const bytes = await readWhole(path).catch((error: unknown) => {
    if (!(error instanceof StorageError) || error.passing) throw error;
    // There is none.
    if (error.code === 'changed') return undefined;
    throw new InputError('invalid_prices', `The prices ${path} cannot be read. ${error.message}`, error.hint, { cause: error });
  });
  if (!bytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw invalid(path, 'it is not JSON', { cause: error });
  }
  return checked(value, path);
}

function checked(value: unknown, path: string): PriceTable {
  if (!isObject(value)) throw invalid(path, 'it is not a JSON object');
  const { date, source, currency, batch_factor: batchFactor, models, server_tools: serverTools = {}, notes } = value;
  if (typeof date !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(Date.parse(date))) throw invalid(path, 'date must be a day, as in "2026-11-12"');
  if (typeof source !== 'string' || source === '') throw invalid(path, 'source must say where the prices were read');
  if (currency !== 'USD') throw invalid(path, 'currency must be "USD"');
  if (!isPrice(batchFactor) || batchFactor > 1) throw invalid(path, 'batch_factor must be a number from 0 to 1: what tokens cost in a batch, as a share of the prices');
  if (!isObject(models)) throw invalid(path, 'models must be an object: a price for each model');
  for (const [model, price] of Object.entries(models)) checkModel(price, `models[${JSON.stringify(model)}]`, path);
  if (!isObject(serverTools)) throw invalid(path, 'server_tools must be an object: a price of 1,000 calls for each tool');
  for (const [tool, price] of Object.entries(serverTools)) {
    if (!isPrice(price)) throw invalid(path, `server_tools[${JSON.stringify(tool)}] must be a number of US dollars for 1,000 calls`);
  }
  if (notes !== undefined && !(Array.isArray(notes) && notes.every((note) => typeof note === 'string'))) throw invalid(path, 'notes must be a list of texts');
  return { ...(value as unknown as PriceTable), server_tools: serverTools as Record<string, number> };
}

function checkModel(price: unknown, name: string, path: string): asserts price is ModelPrice {
  if (!isObject(price)) throw invalid(path, `${name} must be an object with ${PRICE_KEYS.join(', ')}`);
  for (const key of PRICE_KEYS) if (!isPrice(price[key])) throw invalid(path, `${name}.${key} must be a number of US dollars for a million tokens`);
  const { long_prompt: long } = price;
  if (long === undefined) return;
  if (!isObject(long) || long['above_tokens'] !== LONG_PROMPT_TOKENS) throw invalid(path, `${name}.long_prompt.above_tokens must be ${LONG_PROMPT_TOKENS}: no other length is told apart`);
  if (!isPrice(long['factor']) || long['factor'] < 1) throw invalid(path, `${name}.long_prompt.factor must be a number from 1`);
}

function isPrice(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(path: string, what: string, options: { cause?: unknown } = {}): InputError {
  return new InputError('invalid_prices', `The prices ${path} cannot be used: ${what}.`, `The table that comes with the package shows the form: ${PACKAGE_FILE}`, options);
}

function notThere(path: string): never {
  throw new InputError('invalid_prices', `There is no file of prices ${path}.`, `Look at the path. The table that comes with the package: ${PACKAGE_FILE}`);
}
