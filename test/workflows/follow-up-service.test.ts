/** How often it is asked whether follow-ups are served. Pure arithmetic. */
import { askInterval } from '../../src/workflows/follow-up-service';

function asksIn(totalMs: number): number[] {
  const at: number[] = [];
  for (let silentMs = 0; silentMs < totalMs; at.push(silentMs)) silentMs += askInterval(silentMs, 30_000);
  return at;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

test('often at first, so that a worker that is gone is told of as soon as the server knows; then ever more seldom', () => {
  expect(asksIn(30 * MINUTE).map((ms) => ms / MINUTE)).toEqual([0.5, 1, 1.5, 2, 4, 8, 16, 26, 36]);
  const intervals = asksIn(30 * DAY).map((ms, index, all) => ms - (all[index - 1] ?? 0));
  expect(Math.max(...intervals)).toBeLessThan((30 * DAY) / 19);
});

test('a year of silence does not fill a history', () => {
  // Some eleven events each, beside the 9,000 of those that ran before.
  expect(asksIn(365 * DAY).length).toBeLessThan(250);
});
