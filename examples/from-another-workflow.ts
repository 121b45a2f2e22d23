/** A job as a child of your own workflow, with a follow-up for each result that succeeded. */
import { executeChild } from '@temporalio/workflow';
import type { JobReport } from 'temporal-message-batches';
import type { batchJobWorkflow } from 'temporal-message-batches/workflows';

export async function nightlyGrading(date: string, requests: string): Promise<JobReport> {
  return executeChild<typeof batchJobWorkflow>('batchJobWorkflow', {
    workflowId: `grading-${date}`,
    taskQueue: 'message-batches',
    args: [{ requests, followUp: { workflow: 'gradeAnswer', on: ['succeeded'] } }],
  });
}
