/** Stand-ins that answer as a job does whose follow-ups run, and stay so. What the real ones count is tried with them. */
import { condition, setHandler, workflowInfo } from '@temporalio/workflow';
import type { BatchStatus, FollowUpCounts, JobStatus } from '../../../src/contract';
import { batchStatusQuery, followUpShardStatusQuery, jobStatusQuery } from '../../../src/contract';

export async function batchJobWorkflow(status: JobStatus): Promise<void> {
  setHandler(jobStatusQuery, () => status);
  await condition(() => false);
}

export async function batchWorkflow(status: BatchStatus): Promise<void> {
  setHandler(batchStatusQuery, () => status);
  await condition(() => false);
}

export async function followUpShardWorkflow(counts: FollowUpCounts): Promise<string> {
  setHandler(followUpShardStatusQuery, () => counts);
  // This one ended after its batch was asked.
  if (!workflowInfo().workflowId.endsWith('ended')) await condition(() => false);
  return 'ended';
}
