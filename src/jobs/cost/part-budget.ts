import { expectedCost, type PriceTable } from '../../contract';
import type { PartBudget } from '../part-size';

/** The first part shows what such requests cost; the others are small enough that the cap can be come close to. */
const FIRST_SHARE = 1 / 20;
const SHARE = 1 / 5;

/**
 * Cuts parts so that a job can stay below a cap without knowing what an answer costs: each part, at its worst, takes a share of the
 * cap only, and the first a small one.
 * @param maxCost US dollars.
 */
export function partBudget(maxCost: number, prices: PriceTable): PartBudget {
  return {
    costOf: ({ model, bytes, maxTokens }) => expectedCost([{ model, requests: 1, bytes, maxTokens, longest: bytes }], prices).worst,
    mostOf: (part) => maxCost * (part === 1 ? FIRST_SHARE : SHARE),
  };
}
