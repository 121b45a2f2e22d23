import { type BatchReport, costOf, type PriceTable } from '../contract';
import type { LedgerRecord } from '../jobs';

/** What a batch has used by model, as its ledger tells, and what that has cost; without a cost where nothing of it has a price. */
export function paidOf({ models, long_prompts: longPrompts }: LedgerRecord, prices: PriceTable | undefined): Pick<BatchReport, 'usageByModel' | 'longPrompts' | 'cost'> {
  const used = { usageByModel: models, ...(longPrompts && { longPrompts }) };
  if (!prices) return used;
  const { total, byModel, withoutPrice } = costOf(models, prices, longPrompts);
  const isKnown = withoutPrice.length === 0 || Object.keys(byModel).length > 0;
  return { ...used, ...(isKnown && { cost: total }) };
}
