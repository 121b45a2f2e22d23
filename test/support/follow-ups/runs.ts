/** A workflow that goes on in new runs. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';

/** All runs of a workflow. */
export async function runsOf(client: Client, workflowId: string): Promise<WorkflowExecutionDescription[]> {
  const runs: WorkflowExecutionDescription[] = [];
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) runs.push(await client.workflow.getHandle(workflowId, runId).describe());
  return runs;
}
