import ms from 'ms';
import type { StringValue } from 'ms';
import { InvalidArgumentError } from 'commander';

/** Reads `30s`, `5m`, `2h`, `1d` (a bare number is refused: seconds or milliseconds?). @returns ms */
export function parseDuration(text: string): number {
  const value = text === '0' ? 0 : /^\d.{0,20}[a-z]$/i.test(text) ? ms(text as StringValue) : undefined;
  if (value === undefined || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError('Write a duration with its unit, such as 30s, 5m, 2h or 1d.');
  return value;
}

/** Reads a whole number that is not negative. */
export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}
