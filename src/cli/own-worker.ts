import { appendFileSync } from 'node:fs';
import type { DefaultLogger, Runtime } from '@temporalio/worker';
import type { ApiOptions } from '../api';
import type { AccountReference, Attention } from '../contract';
import type { TemporalConnection } from '../local';
import type { MessageBatchesWorker } from '../worker';

export interface OwnWorkerOptions {
  temporal: TemporalConnection;
  account: AccountReference;
  /** Storage root: the home folder. */
  storage: string;
  api: ApiOptions;
  /** Where the worker's log goes. */
  logFile: string;
  /** Log to stderr as well. */
  verbose: boolean;
}

/** A worker in this process. */
export interface OwnWorker {
  /** Resolves where the API refused the key; the worker then makes no more calls. */
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
  const { createMessageBatchesWorker, KeyRefusedError } = await import('../worker/index.js');
  installRuntime(Runtime, DefaultLogger, options);
  const connection = await NativeConnection.connect(options.temporal.connectionOptions);
  const { account, storage, api } = options;
  let worker: MessageBatchesWorker;
  try {
    worker = await createMessageBatchesWorker({ connection, namespace: options.temporal.namespace, account, storage, api });
  } catch (error) {
    await connection.close();
    if (!(error instanceof KeyRefusedError)) throw error;
    const { attention } = error;
    return { refused: Promise.resolve(attention), refusedAtStart: attention, stopped: Promise.resolve(), stop: () => Promise.resolve() };
  }
  const stopped = worker.run().finally(() => connection.close());
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

/** Temporal has one runtime a process; its log goes to a file, because stderr belongs to the display. */
function installRuntime(runtime: typeof Runtime, logger: typeof DefaultLogger, { verbose, logFile }: OwnWorkerOptions): void {
  if (installed) return;
  installed = true;
  runtime.install({
    logger: new logger(verbose ? 'INFO' : 'WARN', ({ timestampNanos, level, message, meta }) => {
      const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
      const { error, ...facts } = (meta ?? {}) as { error?: unknown };
      const line = `${time} ${level} ${message} ${JSON.stringify(facts)}${error instanceof Error ? ` ${error.message}` : ''}\n`;
      appendFileSync(logFile, line, { mode: 0o600 });
      if (verbose) process.stderr.write(line);
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
    // A signal first hands the job over; the worker is stopped after that, not by the signal.
    shutdownSignals: [],
  });
}
