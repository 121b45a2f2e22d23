/** What came of an ended job's follow-ups after its workflow had ended: they may have run again, or run again now. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { FollowUpRetryResult, JobReport } from '../contract';
import { followUpRetryWorkflowId, reportedStatus } from '../contract';
import { hasWorker } from '../temporal';
import { observedFollowUps } from './follow-up-progress';
import { attentionOfRetry, isAttemptOf, statusOfRetry } from './follow-up-retry';
import type { ObservedFollowUpRetry } from './observed-status';

export interface RetriesOfJob {
  /** The report that was given, with what its follow-ups have come to since. */
  report: JobReport;
  /** The attempt that runs now. */
  running?: ObservedFollowUpRetry;
}

/** Asks the server for attempts after those that the report counts. It knows them as long as the job's workflow, which ended before them. */
export async function retriesOfJob(client: Client, report: JobReport): Promise<RetriesOfJob> {
  let { follow_ups: followUps } = report;
  if (!followUps?.options || followUps.succeeded >= followUps.selected) return { report };
  for (let attempt = (followUps.retries ?? 0) + 1; ; attempt++) {
    const found = await attemptOf(client, report.job_id, attempt);
    if (found && !isAttemptOf(found.memo, report.started_at)) continue;
    const now = { ...report, status: reportedStatus(report.status === 'canceled', report.outcomes, followUps), follow_ups: followUps };
    if (found?.status.name === 'RUNNING') return { report: now, running: await observed(client, found, { jobId: report.job_id, attempt }) };
    if (!found) return { report: now };
    // One that was terminated, or has failed, counts when it has been gone on with; it may have come to its merge, and a later one run.
    if (found.status.name !== 'COMPLETED') continue;
    ({ followUps } = (await client.workflow.getHandle(found.workflowId, found.runId).result()) as FollowUpRetryResult);
  }
}

async function attemptOf(client: Client, jobId: string, attempt: number): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(followUpRetryWorkflowId(jobId, attempt)).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Without a worker, what the server knows. */
async function observed(client: Client, found: WorkflowExecutionDescription, { jobId, attempt }: { jobId: string; attempt: number }): Promise<ObservedFollowUpRetry> {
  const status = (await hasWorker(client, found.taskQueue)) ? await statusOfRetry(client, found.workflowId) : undefined;
  if (!status) return { attempt, attention: attentionOfRetry(found, jobId) };
  const { phase, followUps, attention, cancelRequested } = status;
  return { attempt, phase, followUps: observedFollowUps(followUps), attention, cancelRequested };
}
