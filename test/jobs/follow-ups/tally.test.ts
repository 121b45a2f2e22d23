import type { FollowUpLine } from '../../../src/contract';
import { FollowUpTally } from '../../../src/jobs/follow-ups/tally';

const tallied = (...ends: (Pick<FollowUpLine, 'status' | 'value'> | undefined)[]) => {
  const tally = new FollowUpTally();
  for (const end of ends) tally.add(end, 7);
  return tally;
};
const returned = (...values: unknown[]) => tallied(...values.map((value) => ({ status: 'completed' as const, value }))).answers;

it('counts what has started, succeeded and failed', () => {
  const { counts, answers } = tallied({ status: 'completed', value: 7 }, { status: 'failed' }, { status: 'canceled' }, { status: 'not_started' }, undefined);
  expect(counts).toEqual({ selected: 5, started: 3, succeeded: 1, failed: 1, canceled: 1 });
  expect(answers).toBeUndefined();
});

it('counts valid and invalid answers, of results and of slices, by reason', () => {
  const values = [{ valid: true, value: 1 }, { valid: false, reason: 'schema', errors: [] }, { valid: false, reason: 'not_json' }, { valid: false, reason: 'schema' }, { valid: 4, invalid: 3, reasons: { schema: 2, refusal: 1 }, failing: [] }];
  expect(returned(...values)).toEqual({ valid: 5, invalid: 6, reasons: { not_json: 1, refusal: 1, schema: 4 } });
  expect(returned({ valid: 3, invalid: 0, reasons: {} })).toEqual({ valid: 3, invalid: 0, reasons: {} });
});

it('takes no word for more than it says: what does not add up, and what nobody can read', () => {
  expect(returned({ valid: false }, { valid: false, reason: 'x'.repeat(65) }, { valid: 1, invalid: 3, reasons: { a: 1, b: 9, c: -1 } })).toEqual({ valid: 1, invalid: 5, reasons: { a: 1, other: 4 } });
  expect(returned({ valid: 'yes' }, { valid: 1 }, { valid: 0.5, invalid: 1 }, [true], null, undefined, 'valid')).toBeUndefined();
  expect(returned({ valid: false, reason: '__proto__' })!.reasons).toHaveProperty(['__proto__'], 1);
  expect(returned({ valid: 4, invalid: 4, reasons: { schema: 4 } }, { valid: Number.MAX_SAFE_INTEGER, invalid: 0 })).toBeUndefined();
  const many = returned(...Array.from({ length: 60 }, (_, i) => ({ valid: false, reason: `r${i}` })))!.reasons;
  expect([Object.keys(many).length, many['other']]).toEqual([51, 10]);
});
