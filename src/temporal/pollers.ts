import type { Client } from '@temporalio/client';
import { timeOf } from './timestamps';

/** The server lists a worker's poller for five minutes after its last poll; a live one polls at least every minute. */
const POLLER_FRESH_MS = 90_000;

/** A worker, as a task queue knows it. */
export interface Poller {
  identity: string;
  /** When its last poll began or ended, in ms since 1970, by the server's clock. */
  lastAccess: number;
}

/** Who has polled a task queue for workflow tasks, of whatever version; the server forgets them after five minutes. */
export async function readPollers(client: Client, taskQueue: string): Promise<Poller[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: 1, // TASK_QUEUE_TYPE_WORKFLOW
  });
  return (pollers ?? []).map(({ identity, lastAccessTime }) => ({ identity: identity ?? '', lastAccess: timeOf(lastAccessTime) ?? 0 }));
}

/** Whether a poller may still be there. One that was killed a moment ago looks the same. */
export function isFresh({ lastAccess }: Poller, now = Date.now()): boolean {
  return now - lastAccess < POLLER_FRESH_MS;
}

/**
 * Whether a worker polls the task queue, so that a query has somebody to answer it.
 * One that was killed a moment ago still counts; then the query's own timeout decides.
 */
export async function hasWorker(client: Client, taskQueue: string): Promise<boolean> {
  return (await readPollers(client, taskQueue)).some((poller) => isFresh(poller));
}
