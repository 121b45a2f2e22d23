import { SimplePlugin } from '@temporalio/plugin';
import type { BundleOptions, ReplayWorkerOptions, WorkerOptions } from '@temporalio/worker';
import { createActivities, PacedApi } from '../activities';
import type { ActivityDependencies } from '../activities';
import type { ApiOptions } from '../api';
import { apiOptionsFromEnv, MessageBatchesApi } from '../api';
import type { AccountReference, PriceTable } from '../contract';
import { DEFAULT_BASE_URL } from '../contract';
import { CallPace, readPrices } from '../jobs';
import type { StorageRoot } from '../storage';
import { openStorageRoot } from '../storage';
import { HEARTBEAT_THROTTLE, SHUTDOWN_GRACE } from './timing';
import { FAILURE_CONVERTER, ownDataConverter } from './workflow-bundle';

export interface MessageBatchesPluginOptions {
  /** Folder for job records and working data, on a disk that all workers of the task queue share; or `s3://bucket/key`. */
  storage: string;
  /** Credential and base URL; default: the `ANTHROPIC_*` variables. They stay in this process. */
  api?: ApiOptions;
  /** Label of the account that pays; default `default`. */
  account?: string;
  /** A table of prices, a path or `s3://bucket/key`; default: `prices.json` of the storage root, else the package's own. */
  prices?: string;
  /** Runs the commands of `JobInput.notify`; URLs are told without it. Default no: the input of a job may come from others. */
  notifyCommands?: boolean;
  /** Most calls a minute of all workers of the account that share `storage`. Default: what the API tells of its limit; none where it tells nothing. */
  callsPerMinute?: number;
}

/**
 * Adds the activities to a user's own worker, and opens and closes what they need around its run.
 * Workflows cannot be added by a plugin: re-export them (`export * from 'temporal-message-batches/workflows'`). Who names them one by one
 * needs `accountWorkflow` too: batches wait for it before they are created.
 */
export class MessageBatchesPlugin extends SimplePlugin {
  constructor(options: MessageBatchesPluginOptions) {
    // Retries are Temporal's: one layer only.
    const apiOptions: ApiOptions = { ...(options.api ?? apiOptionsFromEnv(process.env)), maxRetries: 0 };
    const account: AccountReference = { label: options.account ?? 'default', baseUrl: apiOptions.baseUrl ?? DEFAULT_BASE_URL };
    const opened = new OpenedDependencies(account, options.notifyCommands ?? false, async () => {
      const storage = await openStorageRoot(options.storage);
      const prices = await readPrices({ file: options.prices, storage: storage.folder });
      const pace = new CallPace(storage.folder, account, { callsPerMinute: options.callsPerMinute });
      return { storage, prices, pace, api: new PacedApi(new MessageBatchesApi(apiOptions), pace) };
    });
    super({
      name: 'temporal-message-batches',
      activities: createActivities(opened),
      runContext: async (next) => {
        await opened.enter();
        try {
          await next();
        } finally {
          await opened.leave();
        }
      },
    });
  }

  override configureWorker(options: WorkerOptions): WorkerOptions {
    return super.configureWorker(withOwnDefaults(options));
  }

  override configureReplayWorker(options: ReplayWorkerOptions): ReplayWorkerOptions {
    return super.configureReplayWorker({ ...options, dataConverter: ownDataConverter(options.dataConverter) });
  }

  override configureBundler(options: BundleOptions): BundleOptions {
    return super.configureBundler({ ...options, failureConverterPath: options.failureConverterPath ?? FAILURE_CONVERTER });
  }
}

/** As the product's own worker has them, where the user's has none: see `HEARTBEAT_THROTTLE` and `SHUTDOWN_GRACE`. */
function withOwnDefaults(options: WorkerOptions): WorkerOptions {
  return { maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE, shutdownGraceTime: SHUTDOWN_GRACE, ...options, dataConverter: ownDataConverter(options.dataConverter) };
}

interface Opened {
  storage: StorageRoot;
  prices: PriceTable;
  pace: CallPace;
  api: PacedApi;
}

/**
 * Activities are registered before the worker runs; what they need is opened when it does. Several workers may have
 * one plugin: opened for the first that runs, closed after the last.
 */
class OpenedDependencies implements ActivityDependencies {
  private uses = 0;
  private opening?: Promise<Opened>;
  private opened?: Opened;

  constructor(
    readonly account: AccountReference,
    readonly allowCommands: boolean,
    private readonly open: () => Promise<Opened>,
  ) {}

  get api(): PacedApi {
    return this.mustBeOpen().api;
  }

  get pace(): CallPace {
    return this.mustBeOpen().pace;
  }

  get storage(): StorageRoot {
    return this.mustBeOpen().storage;
  }

  get prices(): PriceTable {
    return this.mustBeOpen().prices;
  }

  async enter(): Promise<void> {
    this.uses++;
    const opening = (this.opening ??= this.open());
    try {
      this.opened = await opening;
    } catch (error) {
      this.uses--;
      // A worker that is run later tries again.
      if (this.opening === opening) this.opening = undefined;
      throw error;
    }
  }

  async leave(): Promise<void> {
    if (--this.uses > 0) return;
    const { opened } = this;
    this.opening = this.opened = undefined;
    await opened?.api.close();
  }

  private mustBeOpen(): Opened {
    if (!this.opened) throw new Error('The worker does not run yet: MessageBatchesPlugin opens its storage and API client when it does');
    return this.opened;
  }
}
