/**
 * A batch that takes 24 hours, on Temporal's time-skipping server. The activities are stand-ins: the API's clock
 * cannot be skipped, so here the batch's end is a moment of the skipped time.
 */
import { Worker } from '@temporalio/worker';
import type { BatchSnapshot, LedgerResult, OpenedPart } from '../../src/activities';
import { accountWorkflowId, type BatchReport, noUsage } from '../../src/contract';
import type { batchWorkflow } from '../../src/workflows';
import { sharedSkippedTime, testWithJava } from '../support/time-skipping-server';
import { workflowBundle } from '../support/workflow-bundle';

const HOUR = 3_600_000;
const outcomes = { succeeded: 10, errored: 0, canceled: 0, expired: 0, missing: 0, unsent: 0 };
const usage = noUsage();

const skippedTime = sharedSkippedTime();

testWithJava.each([1, 24])('a batch of %d h: few polls, few events, its end noticed within 5 %%', async (hours) => {
  const environment = skippedTime();
  const createdMs = await environment.currentTimeMs();
  const endMs = createdMs + hours * HOUR;
  let polls = 0;
  let noticedMs = 0;
  const activities = {
    'messageBatches.openPart': async (): Promise<OpenedPart> => ({
      requests: 10,
      bodyBytes: 1_000,
      createTimeoutMs: 60_000,
      create: { kind: 'accepted', attempt: 1, batchId: 'msgbatch_day', createdAt: new Date(createdMs).toISOString(), adopted: false, simulated: true },
      cancelRequested: false,
    }),
    'messageBatches.retrieveBatch': async (): Promise<BatchSnapshot> => {
      // The time-skipping server does not skip over a second workflow for long; a batch does without its account.
      if (polls++ === 0) await environment.client.workflow.getHandle(accountWorkflowId(account)).terminate();
      noticedMs = await environment.currentTimeMs();
      return noticedMs >= endMs ? { status: 'ended', endedAt: new Date(endMs).toISOString() } : { status: 'in_progress' };
    },
    'messageBatches.storeResults': async () => ({ generation: 1, lines: 10, bytes: 1_000 }),
    'messageBatches.closeLedger': async (): Promise<LedgerResult> => ({ outcomes, retryable: 0, usage, problems: [], matched: 10, disproved: false }),
    'messageBatches.reportPart': async (): Promise<void> => undefined,
  };
  const taskQueue = `day-${hours}`;
  const account = { label: taskQueue, baseUrl: 'https://api.example' };
  const worker = await Worker.create({ connection: environment.nativeConnection, taskQueue, activities, ...workflowBundle() });
  const handle = await worker.runUntil(async () => {
    const started = await environment.client.workflow.start<typeof batchWorkflow>('batchWorkflow', { taskQueue, workflowId: taskQueue, args: [{ jobId: taskQueue, account }] });
    const report: BatchReport = await started.result();
    expect(report.outcomes).toEqual(outcomes);
    return started;
  });
  const events = (await handle.fetchHistory()).events?.length ?? 0;
  console.info(`${hours} h: ${polls} polls, ${events} events, noticed ${((noticedMs - endMs) / (hours * HOUR) * 100).toFixed(2)} % late`);

  expect(noticedMs - endMs).toBeLessThanOrEqual(0.05 * hours * HOUR);
  expect(polls).toBeLessThanOrEqual(170);
  expect(events).toBeLessThanOrEqual(2_200);
}, 120_000);
