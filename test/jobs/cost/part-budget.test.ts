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

it('makes a bounded number of parts of an input that costs many times the cap', async () => {
  const costs = await costsOfParts(1_000_000, 0.5);
  expect(costs.reduce((sum, cost) => sum + cost, 0)).toBeGreaterThan(0.5 * 1_000);
  expect(costs.length).toBeLessThanOrEqual(1_000 + 10);
});

it('makes parts that take a tenth of the cap at their worst', async () => {
  const costs = await costsOfParts(100_000, 5);
  expect(Math.max(...costs)).toBeLessThanOrEqual(0.5);
  expect(costs[0]).toBeGreaterThan(0.45);
});
