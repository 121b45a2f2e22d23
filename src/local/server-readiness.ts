/** Brings a server that has just been started to where commands can use it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { msToTs, optionalTsToMs } from '@temporalio/common/lib/time';
import { channelArgs } from './client-channel';
import { listensAt } from './listening';
import { LOOPBACK } from './ports';
import type { ProcessIdentity } from './processes';
import { isRunning } from './processes';
import { DEFAULT_NAMESPACE } from './temporal-settings';

/** Histories can be looked at for this long after the end of a job. The dev server's own default is a day. */
const RETENTION_MS = 90 * 24 * 60 * 60 * 1000;

const CALL_TIMEOUT_MS = 2_000;
const POLL_MS = 25;

/**
 * Waits until the server answers for its namespace, and sets the namespace's retention to 90 days. (Its caches take
 * that up within 2 s: a workflow that ends sooner keeps a day.)
 * @param signal aborted where there is nothing to wait for any more.
 * @returns the server's version; undefined where the process has ended, or the signal came first.
 */
export async function makeReady(server: ProcessIdentity, port: number, signal: AbortSignal): Promise<string | undefined> {
  // Loaded here, as it takes longer than all else that a command does which finds the server running.
  const { Connection } = await import('@temporalio/client');
  const address = `${LOOPBACK}:${port}`;
  const connection = Connection.lazy({
    address,
    channelArgs: channelArgs(address),
    // No retries inside a call: the loop below knows when to stop.
    interceptors: [],
  });
  try {
    while (!signal.aborted && (await isRunning(server))) {
      // At that port, another home's server may answer, which was faster to take it.
      const version = (await listensAt(server.pid, port)) ? await prepare(connection).catch(stillStarting) : undefined;
      if (version !== undefined) return version;
      await delay(POLL_MS);
    }
    return undefined;
  } finally {
    await connection.close();
  }
}

function prepare(connection: Connection): Promise<string> {
  return connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, async () => {
    const { workflowService } = connection;
    const namespace = DEFAULT_NAMESPACE;
    const { config } = await workflowService.describeNamespace({ namespace });
    if ((optionalTsToMs(config?.workflowExecutionRetentionTtl) ?? 0) < RETENTION_MS) {
      await workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) } });
    }
    return (await workflowService.getSystemInfo({})).serverVersion;
  });
}

function stillStarting(): undefined {}
