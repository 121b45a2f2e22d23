/**
 * What requests are expected to cost, before they are sent. Pure, so that workflows may use it too.
 * Why these figures: docs/decisions/0009-what-a-job-costs.md
 */
import type { CalibratedModel, Calibration } from './calibration';
import { inputCost, inputTokensOf, toolsCost } from './cost';
import type { ExpectedUse } from './expected-use';
import type { CostRange } from './job';
import { batchPrices, modelFamily, type ModelPrice, priceOf, type PriceTable } from './prices';

/** Bytes of a request a token: plain English in short requests comes near the most, code and Chinese near the least. */
export const BYTES_A_TOKEN = { least: 2, most: 8 };
/** Of `max_tokens`, the least that answers are expected to take. */
export const LEAST_OUTPUT_SHARE = 1 / 20;
/** From so many succeeded requests of a model on, what they have used says more than bytes do. */
export const CALIBRATED_FROM = 100;
/** How far other requests may be from those that are known. */
export const CALIBRATION_MARGIN = 1.25;

/** What some requests are expected to use and cost. */
export interface ExpectedCost extends CostRange {
  /** What they cannot exceed: see `expectedCost`. */
  worst: number;
  tokens: ExpectedTokens;
  /** As they were given, also those without a price. */
  models: ExpectedModelCost[];
  /** Models that the table has no price of; they are in no sum of dollars. */
  withoutPrice: string[];
}

export interface ExpectedTokens {
  input: { low: number; high: number };
  output: { low: number; high: number };
}

export interface ExpectedModelCost {
  model: string;
  requests: number;
  tokens: ExpectedTokens;
  /** Absent where the model has no price. */
  cost?: CostRange & { worst: number };
}

/**
 * The range that the cost of some requests is likely to lie in, and `worst`, which it cannot exceed: a token for each byte at the
 * highest price of input, and all of `max_tokens`. Nobody can bound what is not in the request: images and documents by URL or
 * file id, and what server tools find.
 * @param expected of one part by model, or of several.
 * @param calibration of the job's ended parts.
 */
export function expectedCost(expected: readonly ExpectedUse[], table: PriceTable, calibration: Calibration = {}): ExpectedCost {
  const models = expected.map((use) => expectedOf(use, table, calibration));
  const sum = (of: (model: ExpectedModelCost) => number): number => models.reduce((total, model) => total + of(model), 0);
  return {
    low: sum(({ cost }) => cost?.low ?? 0),
    high: sum(({ cost }) => cost?.high ?? 0),
    worst: sum(({ cost }) => cost?.worst ?? 0),
    tokens: {
      input: { low: sum(({ tokens }) => tokens.input.low), high: sum(({ tokens }) => tokens.input.high) },
      output: { low: sum(({ tokens }) => tokens.output.low), high: sum(({ tokens }) => tokens.output.high) },
    },
    models,
    withoutPrice: [...new Set(models.filter(({ cost }) => cost === undefined).map(({ model }) => model))],
  };
}

function expectedOf(use: ExpectedUse, table: PriceTable, calibration: Calibration): ExpectedModelCost {
  const { model, requests } = use;
  const known = knownOf(use, calibration);
  const tokens = known ? calibratedTokens(use, known) : guessedTokens(use);
  const price = priceOf(model, table);
  if (!price) return { model, requests, tokens };
  const worst = worstCost(use, price, table) + (known ? calibratedToolsCost(use, known, table) * CALIBRATION_MARGIN : 0);
  const { low, high } = known ? calibratedCost(use, known, price, table) : guessedCost(use, tokens, price, table);
  return { model, requests, tokens, cost: { low: Math.min(low, worst), high: Math.min(high, worst), worst } };
}

function knownOf({ model }: ExpectedUse, calibration: Calibration): CalibratedModel | undefined {
  const known = calibration[modelFamily(model)];
  return known && known.requests >= CALIBRATED_FROM ? known : undefined;
}

function guessedTokens({ bytes, maxTokens }: ExpectedUse): ExpectedTokens {
  return {
    input: { low: Math.ceil(bytes / BYTES_A_TOKEN.most), high: Math.ceil(bytes / BYTES_A_TOKEN.least) },
    output: { low: Math.ceil(maxTokens * LEAST_OUTPUT_SHARE), high: maxTokens },
  };
}

function guessedCost(use: ExpectedUse, { input, output }: ExpectedTokens, price: ModelPrice, table: PriceTable): CostRange {
  const least = batchPrices(price, table);
  const most = batchPrices(price, table, longFactor(use, price));
  // With the cache, a prompt may have been written before, or may have to be written.
  const [cheap, dear] = use.cached ? [least.cacheRead, most.cacheWrite5m] : [least.input, most.input];
  return { low: input.low * cheap + output.low * least.output, high: input.high * dear + output.high * most.output };
}

function calibratedTokens({ requests, bytes, maxTokens }: ExpectedUse, known: CalibratedModel): ExpectedTokens {
  const input = (inputTokensOf(known.usage) * bytes) / known.bytes;
  const output = Math.min((known.usage.output_tokens * requests) / known.requests, maxTokens);
  return {
    input: { low: Math.floor(input / CALIBRATION_MARGIN), high: Math.ceil(input * CALIBRATION_MARGIN) },
    output: { low: Math.floor(output / CALIBRATION_MARGIN), high: Math.min(Math.ceil(output * CALIBRATION_MARGIN), maxTokens) },
  };
}

/** Input grows with bytes, output and calls of tools with requests; the shares of the cache stay as they were. */
function calibratedCost(use: ExpectedUse, known: CalibratedModel, price: ModelPrice, table: PriceTable): CostRange {
  const of = (factor: number): number => {
    const prices = batchPrices(price, table, factor);
    const input = (inputCost(known.usage, prices) * use.bytes) / known.bytes;
    const output = (known.usage.output_tokens * prices.output * use.requests) / known.requests;
    return input + output + calibratedToolsCost(use, known, table);
  };
  return { low: of(1) / CALIBRATION_MARGIN, high: of(longFactor(use, price)) * CALIBRATION_MARGIN };
}

function calibratedToolsCost({ requests }: ExpectedUse, known: CalibratedModel, table: PriceTable): number {
  return (toolsCost(known.usage, table) * requests) / known.requests;
}

function worstCost(use: ExpectedUse, price: ModelPrice, table: PriceTable): number {
  const prices = batchPrices(price, table, longFactor(use, price));
  const input = use.cached === false ? prices.input : Math.max(prices.input, prices.cacheWrite5m, prices.cacheWrite1h);
  return use.bytes * input + use.maxTokens * prices.output;
}

/** That of long prompts, where one can be among the requests: a prompt has no more tokens than bytes. */
function longFactor({ longest, bytes }: ExpectedUse, { long_prompt: long }: ModelPrice): number {
  return long && (longest ?? bytes) > long.above_tokens ? long.factor : 1;
}
