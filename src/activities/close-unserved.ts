import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { firstWorkflowTask } from '../temporal';
import type { ActivityDependencies } from './dependencies';
import { runActivity } from './failures';
import type { ClosedUnserved } from './payloads';
import { askTemporal } from './temporal-calls';

/**
 * Terminates follow-ups that were canceled before any worker has taken them up: they cannot answer the cancel, and while they are open
 * their ids cannot be used again (`retry-follow-ups`). Of those that have begun, and so may have done something, none is touched; nor of
 * those that a worker has in its hands, which may be about to.
 */
export function closeUnservedActivity(deps: ActivityDependencies) {
  return async function closeUnserved(workflowIds: string[]): Promise<ClosedUnserved> {
    return runActivity(deps, async () => {
      const found = await askTemporal((client) => Promise.all(workflowIds.map((workflowId) => close(client, workflowId))));
      const those = (kind: Found): string[] => workflowIds.filter((_, index) => found[index] === kind);
      return { closed: those('closed'), begun: those('begun') };
    });
  };
}

type Found = 'closed' | 'begun' | 'taken';

/** @returns `closed` also where there is none. */
async function close(client: Client, workflowId: string): Promise<Found> {
  const first = await firstWorkflowTask(client, workflowId);
  if (!first) return 'closed';
  if (first.kind === 'completed') return 'begun';
  if (first.kind === 'open' || (first.kind === 'failed' && first.isTaken)) return 'taken';
  // It has continued as new: an earlier run of it has begun.
  if (first.isLaterRun) return 'begun';
  try {
    // That run and no other: one that follows it has begun.
    await client.workflow.getHandle(workflowId, first.runId).terminate('Canceled with its job, before any worker had taken it up');
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  return 'closed';
}
