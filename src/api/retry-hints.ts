/**
 * The server's hints on when to call again, and the waiting time where it gives none.
 * Header names and the formula are those of the official SDKs.
 */

/** Response headers with lower-case names; repeated ones are joined by a comma. */
export type ResponseHeaders = Readonly<Record<string, string>>;

/** Longest wait that a hint can ask for; a larger value counts as this one. */
export const MAX_RETRY_AFTER_MS = 10 * 60_000;

const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;
const DECIMAL = /^\d+(\.\d*)?$/;

/**
 * How long the server asks to wait, in ms, between 0 and `MAX_RETRY_AFTER_MS`: `retry-after-ms`, else `retry-after`
 * in seconds (also fractional) or as an HTTP date, which is held against the server's own `date` where there is one.
 * Junk counts as absent.
 */
export function retryAfterMs(headers: ResponseHeaders, now = Date.now()): number | undefined {
  const milliseconds = decimal(headers['retry-after-ms']);
  if (milliseconds !== undefined) return bounded(milliseconds);
  const value = headers['retry-after']?.trim();
  const seconds = decimal(value);
  if (seconds !== undefined) return bounded(seconds * 1000);
  const date = httpDate(value);
  return date && bounded(date.getTime() - (serverTime(headers)?.getTime() ?? now));
}

/** What `x-should-retry` says, where it says something. */
export function shouldRetry(headers: ResponseHeaders): boolean | undefined {
  const value = headers['x-should-retry']?.trim().toLowerCase();
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

/** The server's clock when it answered (`date` header, whole seconds). */
export function serverTime(headers: ResponseHeaders): Date | undefined {
  return httpDate(headers['date']?.trim());
}

/**
 * Waiting time before a retry where there is no hint: min(0.5 s · 2ⁿ, 8 s), less up to 25 %.
 * @param retry from 0
 * @returns ms
 */
export function backoffMs(retry: number, random: () => number = Math.random): number {
  return Math.min(500 * 2 ** retry, 8000) * (1 - 0.25 * random());
}

function bounded(milliseconds: number): number {
  return Math.min(Math.max(milliseconds, 0), MAX_RETRY_AFTER_MS);
}

function decimal(value: string | undefined): number | undefined {
  const text = value?.trim() ?? '';
  return DECIMAL.test(text) ? Number(text) : undefined;
}

/** `Date.parse` reads almost anything as a date, so the form is checked first. */
function httpDate(value: string | undefined): Date | undefined {
  if (value === undefined || !HTTP_DATE.test(value)) return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
