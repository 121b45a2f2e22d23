/** What the ended parts of a job tell of those to come. Pure and plain JSON, so that workflows can carry it along. */
import { addUsage, noUsage } from './counts';
import type { ExpectedUse } from './expected-use';
import { inputTokensOf } from './cost';
import type { TokenUsage } from './outcomes';
import { modelFamily } from './prices';

/** What requests of one model have really used, beside what stands in them. */
export interface CalibratedModel {
  /** Succeeded requests; of parts with several models, the least that it can be. */
  requests: number;
  /** Bytes of so many requests. */
  bytes: number;
  usage: TokenUsage;
}

/** By model, without the date of a snapshot. */
export type Calibration = Record<string, CalibratedModel>;

/** A part that has ended. */
export interface EndedUse {
  expected: readonly ExpectedUse[];
  usageByModel: Record<string, TokenUsage>;
  /** Its succeeded requests: no others are paid. */
  succeeded: number;
}

/**
 * Adds what a part has really used.
 *
 * How many requests of a model have succeeded is not known where a part has several models: then it is taken to be as few as
 * possible, so that too much is expected of a request rather than too little.
 */
export function addToCalibration(calibration: Calibration, { expected, usageByModel, succeeded }: EndedUse): void {
  const all = expected.reduce((sum, { requests }) => sum + requests, 0);
  const used = usageByFamily(usageByModel);
  for (const [family, { requests, bytes }] of byFamily(expected)) {
    const usage = used.get(family);
    if (!usage || requests === 0 || inputTokensOf(usage) + usage.output_tokens === 0) continue;
    const least = Math.min(requests, Math.max(1, succeeded - (all - requests)));
    const known = modelOf(calibration, family);
    known.requests += least;
    known.bytes += (bytes * least) / requests;
    addUsage(known.usage, usage);
  }
}

/** A name of a model is anybody's text, `__proto__` too. */
function modelOf(calibration: Calibration, family: string): CalibratedModel {
  const blank: CalibratedModel = { requests: 0, bytes: 0, usage: noUsage() };
  if (!Object.hasOwn(calibration, family)) Object.defineProperty(calibration, family, { value: blank, enumerable: true, writable: true, configurable: true });
  return calibration[family]!;
}

function usageByFamily(usageByModel: Record<string, TokenUsage>): Map<string, TokenUsage> {
  const sums = new Map<string, TokenUsage>();
  for (const [model, usage] of Object.entries(usageByModel)) {
    const family = modelFamily(model);
    const sum = sums.get(family) ?? noUsage();
    sums.set(family, sum);
    addUsage(sum, usage);
  }
  return sums;
}

function byFamily(expected: readonly ExpectedUse[]): Map<string, { requests: number; bytes: number }> {
  const sums = new Map<string, { requests: number; bytes: number }>();
  for (const { model, requests, bytes } of expected) {
    const sum = sums.get(modelFamily(model)) ?? { requests: 0, bytes: 0 };
    sums.set(modelFamily(model), { requests: sum.requests + requests, bytes: sum.bytes + bytes });
  }
  return sums;
}
