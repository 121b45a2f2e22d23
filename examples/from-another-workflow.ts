/** A job as a child of your own workflow, with a follow-up for each result that succeeded. */
import { executeChild, ParentClosePolicy } from '@temporalio/workflow';
import type { JobReport } from 'temporal-message-batches';
import type { batchJobWorkflow } from 'temporal-message-batches/workflows';

export async function nightlyGrading(date: string, requests: string): Promise<JobReport> {
  return executeChild<typeof batchJobWorkflow>('batchJobWorkflow', {
    workflowId: `grading-${date}`,
    taskQueue: 'message-batches',
    // Terminated with its parent, which is the default, its batches would go on at the API, and be paid.
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    args: [{ requests, followUp: { workflow: 'gradeAnswer', on: ['succeeded'] } }],
  });
}
