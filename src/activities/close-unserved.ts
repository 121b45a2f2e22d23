import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { firstWorkflowTask } from '../temporal';
import type { ActivityDependencies } from './dependencies';
import { runActivity } from './failures';
import { askTemporal } from './temporal-calls';

/**
 * Terminates follow-ups that were canceled before any worker has taken them up: they cannot answer the cancel, and while they are open
 * their ids cannot be used again (`retry-follow-ups`). Of those that have begun, and so may have done something, none is touched.
 *
 * @returns those that no worker has taken up: they are closed now.
 */
export function closeUnservedActivity(deps: ActivityDependencies) {
  return async function closeUnserved(workflowIds: string[]): Promise<string[]> {
    return runActivity(deps, async () => {
      const closed = await askTemporal((client) => Promise.all(workflowIds.map((workflowId) => close(client, workflowId))));
      return workflowIds.filter((_, index) => closed[index]);
    });
  };
}

/** @returns whether it was never taken up; it is closed, or there is none. */
async function close(client: Client, workflowId: string): Promise<boolean> {
  const first = await firstWorkflowTask(client, workflowId);
  if (first?.kind === 'completed') return false;
  if (!first) return true;
  try {
    await client.workflow.getHandle(workflowId).terminate('Canceled with its job, before any worker had taken it up');
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  return true;
}
