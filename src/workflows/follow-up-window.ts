/** Arithmetic of the window: how many follow-ups of one batch run at once, over all its open shards. Pure. */

/** Shards that are open at once, most of them waiting for a few long follow-ups. */
export const MOST_OPEN_SHARDS = 20;

/** How long a shard of which all is started waits for its last tenth before half is little enough, in ms. */
export const TAIL_PATIENCE_MS = 30_000;

export interface OpenShard {
  /** How many it may run at once. */
  window: number;
  /** Of those it has started all of, how many ran when it told. They only become fewer. */
  stillRunning?: number;
}

/** Of the window, what no open shard takes. */
export function windowLeft(window: number, open: Iterable<OpenShard>): number {
  let taken = 0;
  for (const shard of open) taken += shard.stillRunning ?? shard.window;
  return Math.max(0, window - taken);
}

/** The window of the next shard, or 0 while none may begin: only the last one that was opened still starts follow-ups. */
export function nextShardWindow(window: number, open: OpenShard[]): number {
  if (open.length >= MOST_OPEN_SHARDS || open.some(({ stillRunning }) => stillRunning === undefined)) return 0;
  return windowLeft(window, open);
}

/**
 * Whether a shard that has started all its follow-ups runs so few that the next one can begin.
 * @param waitedMs since all was started.
 */
export function leavesRoom(stillRunning: number, window: number, waitedMs: number): boolean {
  return stillRunning <= Math.floor(window / (waitedMs < TAIL_PATIENCE_MS ? 10 : 2));
}

/** A shard continues as new before its history reaches 10,000 events and 10 MB. */
const MOST_EVENTS = 9_000;
const MOST_BYTES = 6 * 1024 * 1024;

/** So many values of the largest size, 2 MB, fit a history: the server terminates a workflow at 50 MB. */
export const LARGEST_VALUES_IN_A_HISTORY = 20;

/** What is asked about those that run adds to the history; this is what it may come to. */
const MOST_EVENTS_WATCHED = 9_950;

/** What one that runs can still add to the history: it has started and it has closed, a workflow task for each, less what they share. */
const EVENTS_TO_COME = 7;

/** @param bytesEach what one follow-up adds to the history, from its start to its record. */
export function historyIsFull(history: { events: number; bytes: number }, running: number, bytesEach: number): boolean {
  return history.events + EVENTS_TO_COME * running > MOST_EVENTS || history.bytes + bytesEach * running > MOST_BYTES;
}

/** What the history still has room for, beside the ends of those that run: for looks at whether they are served, in events. */
export function eventsLeft(events: number, running: number): number {
  return MOST_EVENTS_WATCHED - events - EVENTS_TO_COME * running;
}
