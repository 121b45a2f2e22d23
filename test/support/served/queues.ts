/** Real workers on task queues of a test's own, and a client of the same server. */
import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import type { WorkerOptions, WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

export const silent = new DefaultLogger('ERROR', () => undefined);

export class Queues {
  private readonly running: { worker: Worker; connection: NativeConnection; end: Promise<void> }[] = [];

  private constructor(
    readonly client: Client,
    private readonly address: string,
    private readonly bundle: WorkflowBundleWithSourceMap,
  ) {}

  static async open(address: string): Promise<Queues> {
    // What is logged of failing workflow tasks is what these tests are about.
    Runtime.install({ logger: silent, telemetryOptions: { logging: { filter: 'OFF' } } });
    const bundle = await bundleWorkflowCode({ workflowsPath: require.resolve('./workflows'), logger: silent });
    const client = new Client({ connection: await Connection.connect({ address }) });
    return new Queues(client, address, bundle);
  }

  /** A task queue that nobody has polled. */
  newQueue(): string {
    return `queue-${randomBytes(4).toString('hex')}`;
  }

  /** Starts a worker that knows the workflows beside this file; `options` may give it others. */
  async startWorker(taskQueue: string, options: Partial<WorkerOptions> = {}): Promise<Worker> {
    // Of its own: a connection serves a queue for one worker.
    const connection = await NativeConnection.connect({ address: this.address });
    const worker = await Worker.create({ connection, taskQueue, workflowBundle: this.bundle, ...options });
    this.running.push({ worker, connection, end: worker.run() });
    return worker;
  }

  /** Starts a workflow. @returns its id */
  async start(taskQueue: string, workflow: string, args: unknown[] = [], dataConverter?: DataConverter): Promise<string> {
    const client = dataConverter ? this.withConverter(dataConverter) : this.client;
    const workflowId = `${workflow}-${randomBytes(4).toString('hex')}`;
    await client.workflow.start(workflow, { taskQueue, workflowId, args });
    return workflowId;
  }

  withConverter(dataConverter: DataConverter): Client {
    return new Client({ connection: this.client.connection, dataConverter });
  }

  async stopWorkers(): Promise<void> {
    for (const { worker } of this.running) if (worker.getState() === 'RUNNING') worker.shutdown();
    for (const { connection, end } of this.running.splice(0)) {
      await end;
      await connection.close();
    }
  }

  async close(): Promise<void> {
    await this.stopWorkers();
    await this.client.connection.close();
  }
}
