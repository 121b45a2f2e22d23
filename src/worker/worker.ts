import { setInterval, setTimeout } from 'node:timers/promises';
import { Worker } from '@temporalio/worker';
import type { NativeConnection, WorkerOptions as TemporalWorkerOptions } from '@temporalio/worker';
import { createActivities, PacedApi } from '../activities';
import type { ActivityApi, ActivityDependencies } from '../activities';
import type { ApiOptions } from '../api';
import { MessageBatchesApi } from '../api';
import type { AccountReference, Attention } from '../contract';
import { activityTaskQueue, workflowTaskQueue } from '../contract';
import { CallPace, readPrices } from '../jobs';
import { openStorageRoot } from '../storage';
import { proveKey } from './key-proof';
import { HEARTBEAT_THROTTLE, SHUTDOWN_GRACE } from './timing';
import { ownDataConverter, workflowBundle } from './workflow-bundle';

export interface WorkerOptions {
  connection: NativeConnection;
  namespace: string;
  account: AccountReference;
  /** Folder of the storage root, or `s3://bucket/key`: job records, and outputs that have no folder of their own. */
  storage: string;
  /** Credential and base URL. They stay in this process. */
  api: ApiOptions;
  /** A table of prices, a path or `s3://bucket/key`; default: `prices.json` of the storage root, else the package's own. */
  prices?: string;
  /** Most calls a minute of all workers of the account that share this storage root. Default: what the API tells of its limit; none where it tells nothing. */
  callsPerMinute?: number;
  identity?: string;
  /** For tests: records that stop a worker at one of them, shorter create deadlines. */
  dependencies?: Pick<ActivityDependencies, 'records' | 'createTimeoutMs' | 'notifyTimeoutMs'>;
  /** Runs the commands of `JobInput.notify`; URLs are told without it. Default no: the input of a job may come from others. */
  notifyCommands?: boolean;
  /** For tests: e.g. `maxCachedWorkflows: 0`. */
  tuning?: Partial<Pick<TemporalWorkerOptions, 'maxCachedWorkflows' | 'shutdownGraceTime'>>;
}

/** Workflows kept in memory between two of their tasks. A job and its batches are few; more only costs memory. */
const MAX_CACHED_WORKFLOWS = 100;

/** Few polls wait at the server for a worker that may be frozen; more are added while there is work. */
const POLLERS = { type: 'autoscaling', minimum: 1, initial: 2, maximum: 20 } as const;

/** How soon a workflow task goes to another worker when the one that has it cached is gone. */
const STICKY_TIMEOUT = '3 seconds';

/** The key that this worker was given, or its way to the API, was refused; `attention` tells a person why. */
export class AccessRefusedError extends Error {
  override readonly name = 'AccessRefusedError';

  constructor(readonly attention: Attention) {
    super(attention.message);
  }
}

/** A worker of one account: workflows on the account's queue, activities on the queue of this storage root. */
export class MessageBatchesWorker {
  /**
   * Resolves when the API refuses the key, or the proxy the way to it, while the worker runs. It then takes no more activities; workflows, which
   * need no key, it serves until `shutdown`, so that the job can still say what it waits for.
   */
  readonly refused: Promise<Attention>;

  private constructor(
    private readonly workers: { workflows: Worker; activities: Worker[] },
    private readonly api: ActivityApi,
    refused: Promise<Attention>,
    /** Task queue of this worker's activities, for `JobInput.activityTaskQueue`. */
    readonly activityTaskQueue: string,
  ) {
    this.refused = refused;
    void refused.then(() => workers.activities.forEach(shutdown));
  }

  /**
   * Builds a worker that is ready to run.
   *
   * @throws AccessRefusedError where it cannot see the batches of the account's open jobs; InputError where the prices cannot be used.
   */
  static async create(options: WorkerOptions): Promise<MessageBatchesWorker> {
    const { connection, namespace, account, identity } = options;
    const storage = await openStorageRoot(options.storage);
    const prices = await readPrices({ file: options.prices, storage: storage.folder });
    const pace = new CallPace(storage.folder, account, { callsPerMinute: options.callsPerMinute });
    // Retries are Temporal's: one layer only.
    const api = new PacedApi(new MessageBatchesApi({ ...options.api, maxRetries: 0 }), pace);
    const attention = await proveKey(api, storage.folder, account);
    if (attention) {
      await api.close();
      throw new AccessRefusedError(attention);
    }
    let refuse: (attention: Attention) => void = () => undefined;
    const refused = new Promise<Attention>((resolve) => (refuse = resolve));
    const activities = createActivities({ api, pace, account, storage, prices, onAccessRefused: refuse, allowCommands: options.notifyCommands, ...options.dependencies });
    const queue = activityTaskQueue(account, storage.id);
    const common: Partial<TemporalWorkerOptions> = {
      connection,
      namespace,
      dataConverter: ownDataConverter(),
      // Undefined is not the same as absent here.
      ...(identity === undefined ? {} : { identity }),
      shutdownGraceTime: SHUTDOWN_GRACE,
      maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
      ...options.tuning,
    };
    const [workflows, ...activityWorkers] = await Promise.all([
      Worker.create({
        ...common,
        ...workflowBundle(),
        taskQueue: workflowTaskQueue(account),
        maxCachedWorkflows: options.tuning?.maxCachedWorkflows ?? MAX_CACHED_WORKFLOWS,
        stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
        workflowThreadPoolSize: 1,
        workflowTaskPollerBehavior: POLLERS,
      }),
      Worker.create({ ...common, activities, taskQueue: queue, activityTaskPollerBehavior: POLLERS }),
      // For jobs whose caller names no queue of a storage root, such as a workflow that runs one as its child.
      Worker.create({ ...common, activities, taskQueue: workflowTaskQueue(account), activityTaskPollerBehavior: POLLERS }),
    ]);
    return new MessageBatchesWorker({ workflows, activities: activityWorkers }, api, refused, queue);
  }

  /** Runs until `shutdown` is called. */
  async run(): Promise<void> {
    try {
      // Each to its end: a create may be under way in the one when the other fails.
      const ends = await Promise.allSettled(this.all.map((worker) => this.runOne(worker)));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed) throw failed.reason;
    } finally {
      await this.api.close();
    }
  }

  private get all(): Worker[] {
    return [this.workers.workflows, ...this.workers.activities];
  }

  /** Of workers that serve together none goes on where another has failed. */
  private async runOne(worker: Worker): Promise<void> {
    const ended = new AbortController();
    try {
      await Promise.race([worker.run(), whenStuck(worker, ended.signal)]);
    } catch (error) {
      this.shutdown();
      throw error;
    } finally {
      ended.abort();
    }
  }

  /** Takes no more tasks and lets those in hand come to a good end. May be called twice. */
  shutdown(): void {
    this.all.forEach(shutdown);
  }
}

/** A worker that has failed is looked for this often, and is then given so long to end, in ms. */
const FAILED_LOOK_MS = 1_000;
const FAILED_GRACE_MS = 5_000;

/**
 * Rejects where a worker has failed and does not end: the SDK then waits for a task that nobody has (seen with one that it could not
 * decode), and who serves nothing would be taken for a worker for ever.
 * @param ended aborted where that is of no interest any more
 */
async function whenStuck(worker: Worker, ended: AbortSignal): Promise<void> {
  const options = { signal: ended, ref: false };
  try {
    for await (const each of setInterval(FAILED_LOOK_MS, worker, options)) if (each.getState() === 'FAILED') break;
    await setTimeout(FAILED_GRACE_MS, undefined, options);
  } catch {
    return;
  }
  throw new Error("The worker has failed, for a reason that stands in its log. What is open waits until one runs again; where that fails too, look at the newest tasks in Temporal's web UI");
}

function shutdown(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}

/** @see MessageBatchesWorker.create */
export function createMessageBatchesWorker(options: WorkerOptions): Promise<MessageBatchesWorker> {
  return MessageBatchesWorker.create(options);
}
