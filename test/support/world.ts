/** All of it for one test: a real Temporal server, a simulator that counts, workers in processes of their own, a client. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { ApiOptions } from '../../src/api';
import type { AccountReference, AccountStatus, Attention, JobInput, JobPhase, JobReport } from '../../src/contract';
import { accountStatusQuery, accountWorkflowId, activityTaskQueue, batchWorkflowId, jobWorkflowId, workflowTaskQueue } from '../../src/contract';
import type { Simulator, SimulatorOptions } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { openStorageRoot } from '../../src/storage';
import type { accountWorkflow, batchJobWorkflow } from '../../src/workflows';
import { endBatches } from './end-batches';
import { TemporalServer } from './temporal-server';
import { until } from './until';

export interface StopAt {
  /** Part of the record's path, e.g. `.intent.json`. */
  record: string;
  when: 'before' | 'after';
  signal: 'SIGKILL' | 'SIGSTOP';
}

/** Exactly before or after the n-th of these operations of the worker process (from 1, the default). */
export interface StopAtStep {
  /** Of a file handle, or of `node:fs/promises`. */
  operation: 'open' | 'write' | 'writev' | 'datasync' | 'sync' | 'rename' | 'rm';
  /** What the path (of a rename the new one) matches; a file that is being replaced is written under `.NAME.….tmp`. */
  path: RegExp;
  nth?: number;
  when: 'before' | 'after';
  signal: 'SIGKILL' | 'SIGSTOP';
}

export interface WorkerSettings {
  stopAt?: StopAt;
  stopAtStep?: StopAtStep;
  createTimeoutMs?: number;
  maxCachedWorkflows?: number;
  callsPerMinute?: number;
  key?: string;
  /** The token is read from this file before every attempt, instead of `key`. */
  keyFile?: string;
  /** Where the worker reaches the simulator. Default: directly. */
  baseUrl?: string;
  /** The user that it becomes, once it has loaded what it needs. */
  uid?: number;
  /** Further options of the worker's API client. */
  api?: Pick<ApiOptions, 'idleTimeoutMs'>;
}

interface WrittenRequests {
  bytes?: number;
  name?: string;
  prefix?: string;
  metadata?: (index: number) => object;
}

export class World {
  /** A job id of this world's own: worlds may share a Temporal server. */
  readonly jobId = `job-${randomBytes(4).toString('hex')}`;
  private readonly workers: TestWorker[] = [];
  private connection?: Connection;
  private closing = false;
  private stops = 0;

  private constructor(
    readonly folder: string,
    readonly temporal: TemporalServer,
    readonly simulator: Simulator,
    /** Storage root of its workers. */
    readonly storage: string,
    private readonly storageId: string,
    private readonly ownsTemporal: boolean,
  ) {}

  /** @param storage storage root; default a folder of its own. */
  static async create(options: Partial<SimulatorOptions> = {}, shared?: TemporalServer, storage?: string): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'message-batches-world-'));
    const simulator = await startSimulator({ folder: join(folder, 'simulator'), processingMs: 500, ...options });
    const temporal = shared ?? (await TemporalServer.start(join(folder, 'temporal')));
    const root = await openStorageRoot(storage ?? join(folder, 'storage'));
    return new World(folder, temporal, simulator, root.folder, root.id, shared === undefined);
  }

  get account(): AccountReference {
    return { label: 'test', baseUrl: this.simulator.url };
  }

  async client(): Promise<Client> {
    this.connection ??= await this.connect();
    return new Client({ connection: this.connection });
  }

  /** A call that a test has left behind (who waits for a job's end polls) is not tried again on a connection that is closed: it would throw, from a timer. */
  private connect(): Promise<Connection> {
    const { retryableDecider, delayFunction } = defaultGrpcRetryOptions();
    const retries = makeGrpcRetryInterceptor({ retryableDecider: (attempt, status) => !this.closing && retryableDecider(attempt, status), delayFunction });
    return Connection.connect({ address: this.temporal.address, interceptors: [retries] });
  }

  /** Starts a worker process and waits until it polls. */
  async startWorker(settings: WorkerSettings = {}): Promise<TestWorker> {
    const { stopAt, stopAtStep, createTimeoutMs, maxCachedWorkflows, callsPerMinute, key = 'test-key', keyFile, baseUrl = this.simulator.url } = settings;
    const mark = join(this.folder, `stopped-${++this.stops}`);
    const config = {
      address: this.temporal.address,
      storage: this.storage,
      account: this.account,
      keyFile,
      api: { baseUrl, credential: { kind: 'x-api-key', token: key }, ...settings.api },
      createTimeoutMs,
      maxCachedWorkflows,
      callsPerMinute,
      uid: settings.uid,
      stopAt: stopAt && { ...stopAt, once: mark },
      stopAtStep: stopAtStep && { ...stopAtStep, path: stopAtStep.path.source, once: mark },
    };
    const child = fork(join(__dirname, 'worker-main.js'), { env: { ...process.env, TEST_WORKER: JSON.stringify(config) }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const worker = new TestWorker(child, mark);
    this.workers.push(worker);
    await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => Promise.reject(new Error(`The worker ended with ${String(code)}`)))]);
    return worker;
  }

  /** Writes `count` requests, of about `bytes` each, with `metadata` where that is given. */
  async writeRequests(count: number, { bytes = 0, name = 'requests.jsonl', prefix = 'request', metadata }: WrittenRequests = {}): Promise<string> {
    const path = join(this.folder, name);
    const padding = 'x'.repeat(bytes);
    const lines = Array.from({ length: count }, (_, index) =>
      JSON.stringify({
        custom_id: `${prefix}-${index}`,
        params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: `What is ${index} + 1? ${padding}` }] },
        metadata: metadata?.(index),
      }),
    );
    await writeFile(path, `${lines.join('\n')}\n`);
    return path;
  }

  /** Starts a job's workflow, or attaches to it where it runs. */
  async startJob(input: JobInput): Promise<WorkflowHandleWithFirstExecutionRunId<typeof batchJobWorkflow>> {
    const client = await this.client();
    const jobId = input.jobId ?? this.jobId;
    return client.workflow.start<typeof batchJobWorkflow>('batchJobWorkflow', {
      workflowId: jobWorkflowId(jobId),
      taskQueue: workflowTaskQueue(this.account),
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ account: this.account, createGraceMs: 2_000, activityTaskQueue: activityTaskQueue(this.account, this.storageId), output: this.outputOf(jobId), ...input, jobId }],
    });
  }

  /** Waits until the job's memo tells of this phase. */
  async phase(job: WorkflowHandle, phase: JobPhase): Promise<void> {
    while ((await job.describe()).memo?.['phase'] !== phase) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  async runJob(input: JobInput): Promise<JobReport> {
    return (await this.startJob(input)).result();
  }

  outputOf(jobId: string): string {
    return join(this.folder, `${jobId}.results`);
  }

  /** Waits until the job asks for a person, and gives what it says. */
  async attention(job: WorkflowHandle): Promise<Attention> {
    for (;;) {
      const attention = (await job.describe()).memo?.['attention'] as Attention | null | undefined;
      if (attention) return attention;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until at least so many batches of the account wait for room in the API's queue, and so many have it. */
  async accountHas(least: Pick<AccountStatus, 'waiting' | 'admitted'>): Promise<void> {
    const account = (await this.client()).workflow.getHandle<typeof accountWorkflow>(accountWorkflowId(this.account));
    for (;;) {
      // It is started by the first batch that asks.
      const status = await account.query(accountStatusQuery).catch(() => undefined);
      if (status && status.waiting >= least.waiting && status.admitted >= least.admitted) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends all batches that were accepted, and each of those to come after so long. */
  endBatches(processingMs: number): void {
    endBatches(this, processingMs);
  }

  /** Waits until so many bytes of the first part's results lie on disk. */
  async bytesStored(bytes: number): Promise<void> {
    await until(() => this.storedBytes(), (stored) => stored >= bytes, 50);
  }

  /** How many bytes of the first part's results lie on disk. */
  async storedBytes(): Promise<number> {
    return (await this.segmentSizes()).reduce((sum, size) => sum + size, 0);
  }

  /** Of the files that hold the first part's results, in their order. */
  async segmentSizes(): Promise<number[]> {
    const segments = join(this.outputOf(this.jobId), '.parts', 'round-01', 'part-0001', 'segments');
    const names = existsSync(segments) ? (await readdir(segments)).filter((name) => name.endsWith('.jsonl')).sort() : [];
    return Promise.all(names.map(async (name) => (await stat(join(segments, name))).size));
  }

  /** Waits until Temporal has seen so many further heartbeats of what the first part waits for. */
  async heartbeats(count: number): Promise<void> {
    const part = (await this.client()).workflow.getHandle(batchWorkflowId(this.jobId, 1, 1));
    const seen = new Set<string>();
    while (seen.size <= count) {
      const last = (await part.describe()).raw.pendingActivities?.[0]?.lastHeartbeatTime;
      // That there was none yet is none.
      if (last) seen.add(`${String(last.seconds)}.${last.nanos}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Lines of the job's results by custom_id; fails where one stands twice. */
  async results(report: JobReport): Promise<Map<string, { custom_id: string; result: { type: string } }>> {
    const text = await readFile(join(report.output, 'results.jsonl'), 'utf8');
    const results = new Map<string, { custom_id: string; result: { type: string } }>();
    for (const line of text.split('\n').filter(Boolean)) {
      const result = JSON.parse(line) as { custom_id: string; result: { type: string } };
      if (results.has(result.custom_id)) throw new Error(`${result.custom_id} has two results`);
      results.set(result.custom_id, result);
    }
    return results;
  }

  /** Names of a part's records, for tests that speak of them. */
  async recordNames(round = 1, part = 1): Promise<string[]> {
    const folder = join(this.storage, 'jobs', this.jobId, `round-0${round}`, `part-000${part}`);
    return existsSync(folder) ? (await readdir(folder)).sort() : [];
  }

  async close(): Promise<void> {
    this.closing = true;
    for (const worker of this.workers) await worker.kill();
    await this.connection?.close().catch(() => undefined);
    await this.simulator.close();
    if (this.ownsTemporal) await this.temporal.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class TestWorker {
  private readonly refused: Promise<void>;

  constructor(
    readonly child: ChildProcess,
    private readonly stopMark: string,
  ) {
    this.refused = new Promise((resolve) => child.on('message', (message: { refused?: true }) => message.refused && resolve()));
  }

  /** Waits until it has stopped itself at the record it was told to stop at. @param job what must not end before: it may go another way. */
  async stopped(job?: WorkflowHandle): Promise<void> {
    let ended = false;
    void job?.result().then(
      () => (ended = true),
      () => undefined,
    );
    while (!existsSync(this.stopMark)) {
      if (ended) throw new Error('The job has ended without coming to where its worker is to stop');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until it has said that its key is refused, and ends it, as its owner does. */
  async endedOfRefusal(): Promise<void> {
    await this.refused;
    await this.kill('SIGTERM');
  }

  /** Freezes it, as a suspended machine would be. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  wake(): void {
    this.child.kill('SIGCONT');
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill(signal);
    await exit;
  }
}
