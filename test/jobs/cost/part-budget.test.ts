import { partBudget, readPrices } from '../../../src/jobs';
import { PartCutter } from '../../../src/jobs/part-cutter';
import { partLimits } from '../../../src/jobs/part-size';
import { parseRequestLine, type RequestLine } from '../../../src/jobs/request-line';
import { requestLine } from '../helpers';

const REQUEST = parseRequestLine(Buffer.from(requestLine('a', 'x'.repeat(200)))) as RequestLine;

/** The worst cost of each part that so many of the same request make, in dollars. */
async function costsOfParts(requests: number, maxCost: number): Promise<number[]> {
  const budget = partBudget(maxCost, await readPrices({ storage: '/none' }));
  const cutter = new PartCutter({ limits: partLimits({}), budget });
  const cost = budget.costOf({ model: REQUEST.facts.model!, bytes: REQUEST.sent.length, maxTokens: REQUEST.facts.maxTokens });
  const costs: number[] = [];
  for (let index = 0; index < requests; index++) {
    const { part } = cutter.place(REQUEST);
    costs[part - 1] = (costs[part - 1] ?? 0) + cost;
  }
  return costs;
}

it('makes few parts of an input that costs many times the cap', async () => {
  const costs = await costsOfParts(1_000_000, 0.5);
  expect(costs.reduce((sum, cost) => sum + cost, 0)).toBeGreaterThan(0.5 * 1_000);
  expect(costs.length).toBeLessThan(300);
});

it('begins with a twentieth of the cap, goes on with fifths, and later with at most a tenth of all before', async () => {
  const costs = await costsOfParts(200_000, 5);
  expect(costs[0]! / 5).toBeLessThanOrEqual(1 / 20);
  for (const cost of costs.slice(1, 20)) expect(cost / 5).toBeLessThanOrEqual(1 / 5);
  let before = 0;
  for (const [index, cost] of costs.entries()) {
    if (index >= 20) expect(cost).toBeLessThanOrEqual(before / 9.5);
    before += cost;
  }
  expect(costs.length).toBeGreaterThan(40);
});
