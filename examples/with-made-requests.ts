/** A workflow that has requests made by an activity, and runs them as a job. */
import { executeChild, ParentClosePolicy, proxyActivities } from '@temporalio/workflow';
import type { JobReport } from 'temporal-message-batches';
import type { batchJobWorkflow } from 'temporal-message-batches/workflows';
import type { createActivities } from './activities';

const { makeRequests } = proxyActivities<ReturnType<typeof createActivities>>({ startToCloseTimeout: '1 hour' });

export async function askAll(jobId: string, factors: number[]): Promise<JobReport> {
  const requests = await makeRequests(factors);
  return executeChild<typeof batchJobWorkflow>('batchJobWorkflow', {
    workflowId: jobId,
    taskQueue: 'message-batches',
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    args: [{ requests }],
  });
}
