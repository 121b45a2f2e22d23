/** A worker of somebody's own follow-ups, on a task queue of its own. */
import type { DataConverter } from '@temporalio/common';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { FollowUpEffects } from './effects';

let bundle: Promise<WorkflowBundleWithSourceMap> | undefined;

export class FollowUpWorker {
  private constructor(
    private readonly worker: Worker,
    private readonly connection: NativeConnection,
    private readonly running: Promise<void>,
    readonly effects: FollowUpEffects,
  ) {}

  /** Starts one that polls `taskQueue`. @param dataConverter of payloads; the failure converter is that of the first one that is started. */
  static async start(address: string, taskQueue: string, effects = new FollowUpEffects(), dataConverter: DataConverter = {}): Promise<FollowUpWorker> {
    const logger = new DefaultLogger('ERROR');
    bundle ??= bundleWorkflowCode({ workflowsPath: require.resolve('./workflows'), logger, failureConverterPath: dataConverter.failureConverterPath });
    const connection = await NativeConnection.connect({ address });
    const worker = await Worker.create({ connection, taskQueue, workflowBundle: await bundle, activities: effects.activities(), dataConverter });
    return new FollowUpWorker(worker, connection, worker.run(), effects);
  }

  async stop(): Promise<void> {
    this.worker.shutdown();
    await this.running;
    await this.connection.close();
  }
}

/** Before the first worker: what is logged of failing follow-ups is no news. */
export function quiet(): void {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
}
