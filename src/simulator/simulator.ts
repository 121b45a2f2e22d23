/** Starts and stops a simulator. */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { endBatch } from './batch-calls';
import { BatchStore } from './batch-store';
import type { SimulatorContext } from './context';
import { Events, type EventName } from './events';
import { FaultList } from './fault-list';
import { CALLS, type Call, type Fault } from './faults';
import { checkUnclaimed, claimFolder, releaseFolder } from './folder-claim';
import { changeOptions, checkPathPrefix, type AdjustableOptions, type SimulatorOptions } from './options';
import { RateLimiter } from './rate-limiter';
import { createSimulatorServer } from './server';
import { statsOf, type SimulatorStats } from './stats';

const HOST = '127.0.0.1';

export interface Simulator {
  /** Base URL, e.g. `http://127.0.0.1:41234`, with the path prefix. */
  readonly url: string;
  readonly port: number;
  stats(): SimulatorStats;
  /** Lets one of the next calls go wrong. @throws RangeError where the fault makes no sense. */
  addFault(fault: Fault): void;
  clearFaults(): void;
  /** From now on only these credentials are accepted; without an argument, every one that is not empty. */
  setKeys(keys?: string[]): void;
  /** Changes options from now on. @throws RangeError that names the option. */
  setOptions(changes: Partial<AdjustableOptions>): void;
  /** Resolves once the event has happened so many times (default 1) since the start; at once if it already has. Rejects where the simulator is closed before. */
  waitFor(event: EventName, count?: number): Promise<void>;
  /** Ends a batch now, whatever its processing time is. @throws where there is no such batch. */
  endBatch(id: string): void;
  /** Ends all connections and gives the folder back. Twice is allowed. */
  close(): Promise<void>;
}

/**
 * Starts a simulator of the Message Batches API on a port of this machine.
 * @throws RangeError where an option is out of range
 * @throws Error where the port is taken or another simulator works with the folder
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { folder, port = 0, pathPrefix = '', now = Date.now, ...adjustable } = options;
  const checked = changeOptions(adjustable);
  checkPathPrefix(pathPrefix);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkUnclaimed(folder);
  const closing = new AbortController();
  const context: SimulatorContext = {
    options: checked,
    url: '',
    pathPrefix,
    store: await BatchStore.open(folder),
    faults: new FaultList(join(folder, 'faults.json')),
    events: new Events(),
    rateLimiter: new RateLimiter(),
    calls: Object.fromEntries(CALLS.map((call) => [call, 0])) as Record<Call, number>,
    sentResults: [],
    now,
    closing: closing.signal,
  };
  const running = new Set<Promise<void>>();
  const server = createSimulatorServer(context, running);
  const listening = await listen(server, port);
  context.url = `http://${HOST}:${listening}${pathPrefix}`;
  await claimFolder(folder, context.url);

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const ended = once(server, 'close');
    closing.abort();
    context.events.close();
    server.close();
    server.closeAllConnections();
    await Promise.all([ended, ...running]);
    await releaseFolder(folder, context.url);
  };

  return {
    url: context.url,
    port: listening,
    stats: () => statsOf(context),
    addFault: (fault) => context.faults.add(fault),
    clearFaults: () => context.faults.clear(),
    setKeys: (keys) => {
      context.options = changeOptions({ keys: keys ?? null }, context.options);
    },
    setOptions: (changes) => {
      context.options = changeOptions({ ...changes }, context.options);
    },
    waitFor: (event, count) => context.events.waitFor(event, count),
    endBatch: (id) => endBatch(id, context),
    close: () => (closed ??= close()),
  };
}

async function listen(server: ReturnType<typeof createSimulatorServer>, port: number): Promise<number> {
  server.listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`Port ${port} of ${HOST} is taken. Choose another one, or 0 for any free port.`, { cause: error });
  }
  return (server.address() as AddressInfo).port;
}
