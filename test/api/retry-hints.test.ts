import * as fc from 'fast-check';
import { backoffMs, MAX_RETRY_AFTER_MS, retryAfterMs, serverTime, shouldRetry } from '../../src/api/retry-hints';

const NOW = Date.parse('2026-11-21T10:00:00Z');

describe('retryAfterMs', () => {
  test.each<[string, Record<string, string>, number | undefined]>([
    ['nothing', {}, undefined],
    ['milliseconds', { 'retry-after-ms': '1500.5' }, 1500.5],
    ['milliseconds before seconds', { 'retry-after-ms': '20', 'retry-after': '7' }, 20],
    ['junk milliseconds, then seconds', { 'retry-after-ms': 'soon', 'retry-after': '7' }, 7000],
    ['seconds', { 'retry-after': ' 30 ' }, 30_000],
    ['fractions of a second', { 'retry-after': '0.25' }, 250],
    ['zero', { 'retry-after': '0' }, 0],
    ['a date', { 'retry-after': 'Sat, 21 Nov 2026 10:00:05 GMT' }, 5000],
    ['a date by the clock of the server', { 'retry-after': 'Sat, 21 Nov 2026 12:00:05 GMT', date: 'Sat, 21 Nov 2026 12:00:00 GMT' }, 5000],
    ['a date that has passed', { 'retry-after': 'Sat, 21 Nov 2026 09:00:00 GMT' }, 0],
    ['an obsolete form of date', { 'retry-after': 'Saturday, 21-Nov-26 10:00:05 GMT' }, 5000],
    ['a date far away', { 'retry-after': 'Sat, 21 Nov 2099 10:00:00 GMT' }, MAX_RETRY_AFTER_MS],
    ['more than all bounds', { 'retry-after': '999999999999999999999999' }, MAX_RETRY_AFTER_MS],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['infinity', { 'retry-after': 'Infinity' }, undefined],
    ['words', { 'retry-after': 'in 5 minutes' }, undefined],
    ['what Date.parse would take', { 'retry-after': 'apples 5' }, undefined],
    ['a weekday alone', { 'retry-after': 'Sat, whenever' }, undefined],
    ['nothing between the commas of two', { 'retry-after': '5, 6' }, undefined],
  ])('%s', (_, headers, expected) => {
    expect(retryAfterMs(headers, NOW)).toBe(expected);
  });

  test('is absent or within bounds for anything at all', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (milliseconds, after, date) => {
        const value = retryAfterMs({ 'retry-after-ms': milliseconds, 'retry-after': after, date });
        return value === undefined || (value >= 0 && value <= MAX_RETRY_AFTER_MS);
      }),
    );
  });
});

test('x-should-retry', () => {
  expect(['true', ' FALSE', 'yes', ''].map((value) => shouldRetry({ 'x-should-retry': value }))).toEqual([true, false, undefined, undefined]);
  expect(shouldRetry({})).toBeUndefined();
});

test('serverTime', () => {
  expect(serverTime({ date: 'Sat, 21 Nov 2026 10:00:00 GMT' })).toEqual(new Date(NOW));
  expect(serverTime({ date: 'yesterday' })).toBeUndefined();
});

test('backoff doubles from half a second to eight, less up to a quarter', () => {
  expect([0, 1, 2, 3, 4, 5, 50].map((retry) => backoffMs(retry, () => 0))).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
  expect([0, 50].map((retry) => backoffMs(retry, () => 1))).toEqual([375, 6000]);
});
