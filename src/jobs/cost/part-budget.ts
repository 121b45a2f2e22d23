import { expectedCost, type PriceTable } from '../../contract';
import type { PartBudget } from '../part-size';

/** The first part shows what such requests cost; the others are small enough that the cap can be come close to. */
const FIRST_SHARE = 1 / 20;
const SHARE = 1 / 5;
/**
 * After so many parts the next ones may be twice as large, and so on: their number grows with the logarithm of the input, where it
 * would have no bound. Each still is at most a tenth of all before it, which is as close as the cap is come to.
 */
const DOUBLED_AFTER = 20;

/**
 * Cuts parts so that a job can stay below a cap without knowing what an answer costs: each part, at its worst, takes a share of the
 * cap only, and the first a small one.
 * @param maxCost US dollars.
 */
export function partBudget(maxCost: number, prices: PriceTable): PartBudget {
  return {
    costOf: ({ model, bytes, maxTokens }) => expectedCost([{ model, requests: 1, bytes, maxTokens, longest: bytes }], prices).worst,
    mostOf: (part) => maxCost * (part === 1 ? FIRST_SHARE : SHARE * 2 ** Math.floor((part - 1) / DOUBLED_AFTER)),
  };
}
