import type { DefaultLogger, Runtime } from '@temporalio/worker';
import type { ApiOptions } from '../api';
import type { AccountReference, Attention } from '../contract';
import type { TemporalConnection } from '../local';
import type { MessageBatchesWorker } from '../worker';
import type { WorkerLog } from './worker-log';

export interface OwnWorkerOptions {
  temporal: TemporalConnection;
  account: AccountReference;
  /** Storage root: the home folder. */
  storage: string;
  api: ApiOptions;
  /** A file of prices; default: `prices.json` of the storage root, else the package's own. */
  prices?: string;
  /** Most calls a minute of all workers of the account; default: what the API tells. */
  callsPerMinute?: number;
  /** Run the commands of `JobInput.notify`. */
  notifyCommands: boolean;
  log: WorkerLog;
}

/** A worker in this process. */
export interface OwnWorker {
  /** Resolves where the API refused the key, or the proxy the way to it; the worker then makes no more calls. */
  readonly refused: Promise<Attention>;
  /** The same, where that was found out before the worker began. */
  readonly refusedAtStart?: Attention;
  /** Resolves when the worker has stopped, rejects where it failed. */
  readonly stopped: Promise<void>;
  /** Lets what runs come to a good point, then stops. */
  stop(): Promise<void>;
}

export async function startOwnWorker(options: OwnWorkerOptions): Promise<OwnWorker> {
  const { NativeConnection, DefaultLogger, Runtime } = await import('@temporalio/worker');
  const { AccessRefusedError, createMessageBatchesWorker } = await import('../worker/index.js');
  installRuntime(Runtime, DefaultLogger, options.log);
  const connection = await NativeConnection.connect(options.temporal.connectionOptions);
  const { account, storage, api, prices, callsPerMinute, notifyCommands } = options;
  let worker: MessageBatchesWorker;
  try {
    worker = await createMessageBatchesWorker({ connection, namespace: options.temporal.namespace, account, storage, api, prices, callsPerMinute, notifyCommands });
  } catch (error) {
    await connection.close();
    if (!(error instanceof AccessRefusedError)) throw error;
    const { attention } = error;
    return { refused: Promise.resolve(attention), refusedAtStart: attention, stopped: Promise.resolve(), stop: () => Promise.resolve() };
  }
  // One that has failed may still hold its connection, which then cannot be closed.
  const stopped = worker.run().finally(() => connection.close().catch(() => undefined));
  // Whoever waits for it hears of a failure; nobody waiting is no reason to crash.
  stopped.catch(() => undefined);
  let stopping = false;
  return {
    refused: worker.refused,
    stopped,
    async stop() {
      if (!stopping) worker.shutdown();
      stopping = true;
      await stopped;
    },
  };
}

let installed = false;

/** Temporal has one runtime a process. */
function installRuntime(runtime: typeof Runtime, logger: typeof DefaultLogger, log: WorkerLog): void {
  if (installed) return;
  installed = true;
  runtime.install({
    logger: new logger(log.verbose ? 'INFO' : 'WARN', ({ timestampNanos, level, message, meta }) => {
      const { error, ...facts } = (meta ?? {}) as { error?: unknown };
      const text = `${level} ${message} ${JSON.stringify(facts)}${error instanceof Error ? ` ${error.message}` : ''}`;
      log.write(text, new Date(Number(timestampNanos / 1_000_000n)));
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
    // A signal first hands the job over; the worker is stopped after that, not by the signal.
    shutdownSignals: [],
  });
}
