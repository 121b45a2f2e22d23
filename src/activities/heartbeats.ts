import { Context } from '@temporalio/activity';

/** Between two signs of life, in ms. */
const INTERVAL_MS = 2_000;

/**
 * Runs a body and heartbeats beside it, so that the death of this worker is noticed within the heartbeat timeout,
 * whatever the body waits for.
 *
 * @param details what each heartbeat tells; the next attempt gets the last of them.
 */
export async function withHeartbeats<T>(body: () => Promise<T>, details: () => unknown = () => undefined): Promise<T> {
  const context = Context.current();
  context.heartbeat(details());
  const timer = setInterval(() => context.heartbeat(details()), INTERVAL_MS);
  try {
    return await body();
  } finally {
    clearInterval(timer);
    // The next attempt gets the last details, also where this one failed or was stopped between two heartbeats.
    context.heartbeat(details());
  }
}
