/**
 * Time in windows, each with places for calls, so that no minute has more calls than the limit.
 *
 * Any twelve windows in a row have exactly as many places as the limit allows calls a minute. Twelve windows are what an interval of
 * 66 s can touch: a sliding minute, and 6 s for what lies between taking a place and the arrival of its call at the API (the way
 * there, and how far the clocks of two machines are apart). So the limit holds as long as these stay below 6 s together; of the
 * limit, 60/72 can be used.
 */

/** Length of a window, ms. */
export const WINDOW_MS = 6_000;

/** So many windows in a row have together the places of a minute. */
export const WINDOWS = 12;

/** Number of the window that a moment lies in. @param now ms since 1970 */
export function windowAt(now: number): number {
  return Math.floor(now / WINDOW_MS);
}

/** When a window begins, ms since 1970. */
export function beginOf(window: number): number {
  return window * WINDOW_MS;
}

/** Places of a window; 0 for some where there are less than twelve a minute. The same for everybody who has the same limit. */
export function placesOf(window: number, perMinute: number): number {
  const turn = window % WINDOWS;
  return Math.floor(((turn + 1) * perMinute) / WINDOWS) - Math.floor((turn * perMinute) / WINDOWS);
}
