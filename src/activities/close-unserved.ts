import { askTemporal } from './temporal-calls';
import { firstWorkflowTask } from '../temporal';
import type { ActivityDependencies } from './dependencies';
import { runActivity } from './failures';

/**
 * Terminates follow-ups that were canceled before any worker has taken them up: they cannot answer the cancel, and while they are open
 * their ids cannot be used again (`retry-follow-ups`). Of those that have begun, and so may have done something, none is touched.
 */
export function closeUnservedActivity(deps: ActivityDependencies) {
  return async function closeUnserved(workflowIds: string[]): Promise<void> {
    await runActivity(deps, () => askTemporal((client) => Promise.all(workflowIds.map(async (workflowId) => {
      const first = await firstWorkflowTask(client, workflowId);
      if (!first || first.kind === 'completed') return;
      // One that has ended meanwhile needs nothing.
      await client.workflow.getHandle(workflowId).terminate('Canceled with its job, before any worker had taken it up').catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== 'WorkflowNotFoundError') throw error;
      });
    }))));
  };
}
