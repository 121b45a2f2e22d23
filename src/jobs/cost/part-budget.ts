import { expectedCost, type PriceTable } from '../../contract';
import type { PartBudget } from '../part-size';

/** Of the cap, what a part may cost at its worst: so ten run side by side at first, and nine tenths of the cap can be used. */
const SHARE = 1 / 10;

/** Beyond so many parts the cap is surely reached: what is left need not be cut small. */
const MOST_SMALL_PARTS = 1_000;

/**
 * Cuts parts so that a job can stay below a cap whatever its answers cost: a part is begun when its worst fits.
 * @param maxCost US dollars.
 */
export function partBudget(maxCost: number, prices: PriceTable): PartBudget {
  return {
    costOf: ({ model, bytes, maxTokens }) => expectedCost([{ model, requests: 1, bytes, maxTokens, longest: bytes }], prices).worst,
    mostOf: (part) => (part > MOST_SMALL_PARTS ? Infinity : maxCost * SHARE),
  };
}
