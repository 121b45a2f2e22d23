/**
 * A batch that has ended, and follow-ups of it in memory: the real workflows, on a real server, with stand-ins for the activities that
 * need an API and files.
 */
import { randomBytes } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { ActivityDependencies, ClosedUnserved, FollowUpEnd, FollowUpPage, FollowUpService, FollowUpServiceInput, FollowUpShard, LedgerResult, OpenedPart, PartReference, RecordFollowUpsInput, SelectFollowUpsInput, StoredResults } from '../../../src/activities';
import { createActivities } from '../../../src/activities';
import type { BatchReport, BatchStatus, DataReference, FollowUpInput, FollowUpOptions } from '../../../src/contract';
import { batchStatusQuery, batchWorkflowId, followUpShardWorkflowId, followUpWorkflowId, noOutcomes, noUsage } from '../../../src/contract';
import { workflowBundle } from '../workflow-bundle';
import type { Behaviour, Returned } from './workflows';

/** Bytes of the list in one answer. */
const PAGE_BYTES = 256 * 1024;

export interface FollowUpBatchOptions {
  address: string;
  /** What each follow-up does. */
  behaviours: (Behaviour | Returned)[];
  perShard: number;
}

export class FollowUpBatch {
  readonly jobId = `job-${randomBytes(4).toString('hex')}`;
  /** Task queue of the follow-ups. */
  readonly queue = `follow-ups-${this.jobId}`;
  /** Under which id the API knows it. */
  batchId = 'msgbatch_1';
  /** What is on record, by name of the record. */
  readonly records = new Map<string, FollowUpEnd[]>();
  /** What `followUpService` says, before and after they were served, and how often it was asked. */
  service: FollowUpService = { kind: 'served' };
  polling: FollowUpService = { kind: 'served' };
  asked: FollowUpServiceInput[] = [];
  /** The numbers of those that a worker has taken up, as far as `closeUnserved` is concerned. */
  begun = new Set<number>();
  /** Why pages of the list after the first one cannot be read. */
  pagesFail?: ApplicationFailure;
  /** How often they were asked for. */
  pagesAsked = 0;
  /** The number of one that comes as something else than an input. */
  broken?: number;
  report?: BatchReport;
  opened = 0;
  private worker?: { shutdown(): void; end: Promise<void> };
  private readonly lines: Buffer[];

  private constructor(
    private readonly options: FollowUpBatchOptions,
    readonly client: Client,
    private readonly native: NativeConnection,
  ) {
    this.lines = options.behaviours.map((metadata, index) => Buffer.from(JSON.stringify(this.input(index, metadata))));
  }

  static async start(options: FollowUpBatchOptions): Promise<FollowUpBatch> {
    const connection = await Connection.connect({ address: options.address });
    const native = await NativeConnection.connect({ address: options.address });
    const batch = new FollowUpBatch(options, new Client({ connection }), native);
    await batch.startWorker();
    return batch;
  }

  /** The product's worker, which runs from the beginning. */
  async startWorker(): Promise<void> {
    const worker = await Worker.create({ connection: this.native, taskQueue: this.jobId, activities: this.activities(), ...workflowBundle() });
    this.worker = { shutdown: () => worker.shutdown(), end: worker.run() };
  }

  async stopWorker(): Promise<void> {
    this.worker?.shutdown();
    await this.worker?.end;
    this.worker = undefined;
  }

  async close(): Promise<void> {
    await this.stopWorker();
    await this.native.close();
    await this.client.connection.close();
  }

  async run(followUp: Partial<FollowUpOptions> = {}): Promise<WorkflowHandle> {
    return this.client.workflow.start('batchWorkflow', {
      workflowId: batchWorkflowId(this.jobId, 1, 1),
      taskQueue: this.jobId,
      args: [{ jobId: this.jobId, round: 1, part: 1, output: '/nowhere', pollIntervalMs: 50, followUp: { workflow: 'testFollowUp', taskQueue: this.queue, ...followUp } }],
    });
  }

  id(index: number): string {
    return followUpWorkflowId(this.jobId, 1, `id-${index}`);
  }

  shard(number: number): WorkflowHandle {
    return this.client.workflow.getHandle(followUpShardWorkflowId(this.jobId, 1, 1, number));
  }

  followUp(index: number): WorkflowHandle {
    return this.client.workflow.getHandle(this.id(index));
  }

  status(): Promise<BatchStatus> {
    return this.client.workflow.getHandle(batchWorkflowId(this.jobId, 1, 1)).query(batchStatusQuery);
  }

  /** Ends on record, by the number of the follow-up; fails where one stands twice. */
  get ends(): Map<number, FollowUpEnd> {
    const ends = new Map<number, FollowUpEnd>();
    for (const end of [...this.records.values()].flat()) {
      const index = Number(/id-(\d+)$/.exec(end.workflowId)![1]);
      if (ends.has(index)) throw new Error(`${end.workflowId} has two ends`);
      ends.set(index, end);
    }
    return ends;
  }

  input(index: number, metadata: Behaviour | Returned): FollowUpInput {
    const result = { uri: '/nowhere', offset: 0, length: 1 };
    return { jobId: this.jobId, round: 1, part: 1, customId: `id-${index}`, outcome: 'succeeded', metadata: { ...metadata }, result, activityTaskQueue: this.jobId };
  }

  shards(ref: PartReference): FollowUpShard[] {
    const { perShard } = this.options;
    const shards: FollowUpShard[] = [];
    let offset = 0;
    for (let from = 0; from < this.lines.length; from += perShard) {
      const lines = this.lines.slice(from, from + perShard);
      const length = lines.reduce((sum, line) => sum + line.length, 0);
      shards.push({ ref, list: { uri: 'list', offset, length }, count: lines.length });
      offset += length;
    }
    return shards;
  }

  private page({ uri, offset = 0, length = 0 }: DataReference, ref?: PartReference): FollowUpPage {
    const inputs: FollowUpInput[] = [];
    const recorded = { succeeded: 0, failed: 0 };
    const ended = new Map([...this.records.values()].flat().map((end) => [end.workflowId, end.status]));
    let at = 0;
    for (const line of this.lines) {
      if (at >= offset + Math.min(length, PAGE_BYTES)) break;
      if (at >= offset) {
        const input = JSON.parse(line.toString()) as FollowUpInput;
        const status = ended.get(followUpWorkflowId(input.jobId, 1, input.customId));
        if (!ref || status === undefined) inputs.push(input);
        else recorded[status === 'completed' ? 'succeeded' : 'failed']++;
      }
      at += line.length;
    }
    const read = at - offset;
    return { inputs, recorded: ref && recorded, next: read < length ? { uri, offset: at, length: length - read } : undefined };
  }

  private activities() {
    return {
      'messageBatches.openPart': async (): Promise<OpenedPart> => {
        this.opened++;
        return {
          requests: this.lines.length,
          bodyBytes: 1_000,
          createTimeoutMs: 60_000,
          create: { kind: 'accepted', attempt: 1, batchId: this.batchId, createdAt: new Date().toISOString(), adopted: false, simulated: true },
          cancelRequested: false,
        };
      },
      'messageBatches.retrieveBatch': async () => ({ status: 'ended', endedAt: new Date().toISOString() }),
      'messageBatches.cancelBatch': async () => ({ status: 'ended', endedAt: new Date().toISOString() }),
      'messageBatches.storeResults': async (): Promise<StoredResults> => ({ generation: 1, lines: this.lines.length, bytes: 1 }),
      'messageBatches.closeLedger': async (): Promise<LedgerResult> => ({ outcomes: { ...noOutcomes(), succeeded: this.lines.length }, retryable: 0, usage: noUsage(), problems: [], matched: this.lines.length, disproved: false }),
      'messageBatches.reportPart': async (_ref: PartReference, report: BatchReport): Promise<BatchReport> => (this.report = report),
      'messageBatches.selectFollowUps': async ({ ref }: SelectFollowUpsInput): Promise<FollowUpShard[]> => this.shards(ref),
      'messageBatches.listFollowUps': async (list: DataReference, ref?: PartReference): Promise<FollowUpPage> => {
        if ((list.offset ?? 0) > 0) this.pagesAsked++;
        if ((list.offset ?? 0) > 0 && this.pagesFail) throw this.pagesFail;
        const page = this.page(list, ref);
        return { ...page, inputs: page.inputs.map((input) => ((input as FollowUpInput).customId === `id-${this.broken}` ? ('nothing that can be understood' as never) : input)) };
      },
      'messageBatches.recordFollowUps': async ({ name, ends }: RecordFollowUpsInput): Promise<void> => {
        if (this.records.has(name)) throw ApplicationFailure.nonRetryable(`There are two records ${name}`);
        this.records.set(name, ends);
      },
      'messageBatches.endOfFollowUp': createActivities({} as ActivityDependencies)['messageBatches.endOfFollowUp'],
      'messageBatches.closeUnserved': async (workflowIds: string[]): Promise<ClosedUnserved> => {
        const begun = workflowIds.filter((id) => [...this.begun].some((index) => this.id(index) === id));
        const closed = workflowIds.filter((id) => !begun.includes(id));
        for (const id of closed) await this.client.workflow.getHandle(id).terminate();
        return { closed, begun };
      },
      'messageBatches.followUpService': async (input: FollowUpServiceInput): Promise<FollowUpService> => {
        this.asked.push(input);
        return input.isServed ? this.polling : this.service;
      },
    };
  }
}

/** As many as asked for, that do nothing special. */
export function plain(count: number): Behaviour[] {
  return Array.from({ length: count }, () => ({}));
}
