/**
 * A batch that the API does not know any more, because somebody has deleted it: a person is asked, and can give it up. On Temporal's
 * time-skipping server, as that takes minutes. The activities are stand-ins; those that store are tested in test/activities.
 */
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { BatchSnapshot, LedgerResult, OpenedPart, PartReference, PlannedJob, StoredResults } from '../../src/activities';
import type { Attention, BatchReport } from '../../src/contract';
import { cancelSignal, noOutcomes, noUsage } from '../../src/contract';
import { startSkippingTime, testWithJava } from '../support/time-skipping-server';
import { workflowBundle } from '../support/workflow-bundle';

const PARTS = 10;
const LOST = 4;
const REQUESTS = 5;

const TASK_QUEUE = 'lost-batch';

let environment: TestWorkflowEnvironment;
let worker: Worker;
let working: Promise<void>;

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

/** A server for each: time is not skipped while anything of another test is under way. */
beforeEach(async () => {
  environment = await startSkippingTime();
  worker = await Worker.create({ connection: environment.nativeConnection, taskQueue: TASK_QUEUE, activities: standIns(), ...workflowBundle() });
  working = worker.run();
}, 180_000);

afterEach(async () => {
  worker?.shutdown();
  await working;
  await environment?.teardown();
});

/** Where the API stops knowing the batch: while it is being processed, or when its results are fetched. */
type LostWhile = 'processing' | 'storing';

/** What is made of the parts of each job, and how often its lost batch was canceled. */
const reports = new Map<string, BatchReport>();
const canceled = new Map<string, number>();

/** The activities of jobs whose part LOST has a batch that the API knows no more; the job's id says while what. */
function standIns() {
  return {
    'messageBatches.planJob': async (): Promise<PlannedJob> => ({
      account: { label: 'test', baseUrl: 'http://127.0.0.1' },
      output: '/nowhere',
      requests: PARTS * REQUESTS,
      parts: Array.from({ length: PARTS }, () => REQUESTS),
      cancelRequested: false,
      startedAt: new Date(0).toISOString(),
    }),
    'messageBatches.openPart': async ({ part }: PartReference): Promise<OpenedPart> => ({
      requests: REQUESTS,
      bodyBytes: 1_000,
      createTimeoutMs: 60_000,
      create: { kind: 'accepted', attempt: 1, batchId: `msgbatch_${part}`, createdAt: new Date(await environment.currentTimeMs()).toISOString(), adopted: false, simulated: true },
      cancelRequested: false,
    }),
    'messageBatches.retrieveBatch': async ({ jobId, part }: PartReference): Promise<BatchSnapshot> =>
      part === LOST && jobId.endsWith('processing' satisfies LostWhile) ? { status: 'not_found' } : { status: 'ended', endedAt: new Date(0).toISOString() },
    'messageBatches.cancelBatch': async ({ jobId }: PartReference): Promise<BatchSnapshot> => {
      canceled.set(jobId, (canceled.get(jobId) ?? 0) + 1);
      return { status: 'not_found' };
    },
    'messageBatches.storeResults': async ({ jobId, part }: PartReference, _batchId: string, _requests: number, lost = false): Promise<StoredResults> => {
      if (part === LOST && jobId.endsWith('storing' satisfies LostWhile) && !lost) throw ApplicationFailure.nonRetryable('Message batch was not found.', 'BatchNotFound', { code: 'batch_not_found' });
      return { generation: 1, lines: lost ? 0 : REQUESTS, bytes: 1 };
    },
    'messageBatches.closeLedger': async (_ref: object, _batchId: string, requests: number, _adopted: boolean, stored: StoredResults): Promise<LedgerResult> => ({
      outcomes: { ...noOutcomes(), succeeded: stored.lines, missing: requests - stored.lines },
      retryable: 0,
      usage: noUsage(),
      problems: [],
      matched: stored.lines,
      disproved: false,
    }),
    'messageBatches.reportPart': async ({ jobId, part }: PartReference, report: BatchReport): Promise<BatchReport> => {
      reports.set(`${jobId}/${part}`, report);
      return report;
    },
    'messageBatches.recordCancel': async (): Promise<void> => undefined,
    'messageBatches.begunParts': async (): Promise<number[]> => Array.from({ length: PARTS }, (_, index) => index + 1),
    'messageBatches.finishJob': async () => ({ outcomes: noOutcomes(), usage: noUsage(), problems: [], output: '/nowhere', input: { requests: PARTS * REQUESTS }, ended_at: '' }),
  };
}

async function asked(job: WorkflowHandle): Promise<Attention> {
  for (;;) {
    const attention = (await job.describe()).memo?.['attention'] as Attention | null | undefined;
    if (attention) return attention;
    await environment.sleep(30_000);
  }
}

/** Starts a job of ten parts, one of which is lost. */
function start(jobId: string): Promise<WorkflowHandle> {
  return environment.client.workflow.start('batchJobWorkflow', { taskQueue: TASK_QUEUE, workflowId: jobId, args: [{ jobId, requests: '/nowhere' }] });
}

testWithJava.each<LostWhile>(['processing', 'storing'])('the batch is gone while %s: the others end, a person is asked, and a cancel gives it up', async (lostWhile) => {
  const jobId = `gone-while-${lostWhile}`;
  const job = await start(jobId);
  expect(await asked(job)).toMatchObject({ code: 'batch_not_found', hint: expect.stringMatching(/If the batch was deleted, run `message-batches cancel`.*missing/) });
  await job.signal(cancelSignal);
  await job.result();
  for (let part = 1; part <= PARTS; part++) {
    const outcomes = { ...noOutcomes(), ...(part === LOST ? { missing: REQUESTS } : { succeeded: REQUESTS }) };
    expect({ part, outcomes: reports.get(`${jobId}/${part}`)?.outcomes }).toEqual({ part, outcomes });
  }
});

testWithJava('a cancel that came before anybody was asked gives nothing up: it takes a second one', async () => {
  const jobId = 'canceled-while-processing';
  const job = await start(jobId);
  await job.signal(cancelSignal);
  expect((await asked(job)).code).toBe('batch_not_found');
  expect(canceled.get(jobId)).toBeGreaterThan(1);
  expect(reports.get(`${jobId}/${LOST}`)).toBeUndefined();
  await job.signal(cancelSignal);
  await job.result();
  expect(reports.get(`${jobId}/${LOST}`)?.outcomes).toEqual({ ...noOutcomes(), missing: REQUESTS });
});
