import fc from 'fast-check';
import { pollInterval } from '../../src/workflows/polling-policy';

const MINUTE = 60_000;

test('a batch of 24 hours is looked at 170 times at most, whatever the jitter', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (stream) => {
      const randoms = stream[Symbol.iterator]();
      let ageMs = 0;
      let polls = 0;
      while (ageMs < 24 * 60 * MINUTE) {
        ageMs += pollInterval({ ageMs, random: randoms.next().value as number });
        polls++;
      }
      expect(polls).toBeLessThanOrEqual(170);
    }),
  );
});

test('the end is noticed within 5 % of the age, or within 5 s', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 24 * 60 * MINUTE }), fc.double({ min: 0, max: 1, noNaN: true }), (ageMs, random) => {
      expect(pollInterval({ ageMs, random })).toBeLessThanOrEqual(Math.max(5_000, ageMs * 0.05));
    }),
  );
});

test('a batch that was just created is looked at after a second, then less often', () => {
  expect(pollInterval({ ageMs: 0, random: 0 })).toBe(1_000);
  expect(pollInterval({ ageMs: 1_000, random: 0 })).toBe(2_000);
  expect(pollInterval({ ageMs: 60_000, random: 0 })).toBe(5_000);
});

test("the server's hint is obeyed, up to ten minutes", () => {
  expect(pollInterval({ ageMs: 0, retryAfterMs: 10_000, random: 1 })).toBe(10_000);
  expect(pollInterval({ ageMs: 0, retryAfterMs: 86_400_000, random: 1 })).toBe(600_000);
});

test('a fixed wait stays as it is', () => {
  expect(pollInterval({ ageMs: 60 * MINUTE, fixedMs: 7_000, retryAfterMs: 10_000, random: 1 })).toBe(7_000);
});
