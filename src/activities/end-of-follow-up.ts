import { Context } from '@temporalio/activity';
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowExecutionStatusName } from '@temporalio/client';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { AS_RETURNED, FOLLOW_UP_NOT_FOUND, followUpFailure, keptReturn } from '../contract';
import type { FollowUpEndStatus } from '../contract';
import type { ActivityDependencies } from './dependencies';
import { runActivity } from './failures';
import type { FollowUpEnd } from './payloads';
import { askTemporal } from './temporal-calls';

const STATUS: Partial<Record<WorkflowExecutionStatusName, FollowUpEndStatus>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'canceled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed_out',
};

/** How long one call stays with the server, which answers at once when the workflow ends, in ms. */
const LONG_POLL_MS = 15_000;
/** So long an end is noticed at once; later within a twentieth of the time waited, and no slot of the worker is held meanwhile. */
const CLOSE_WATCH_MS = 120_000;
const SHORTEST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 60_000;

/**
 * Waits until a workflow is closed, and says what became of it: of its newest run, so that retries, resets and continue-as-new are followed.
 * A run that is still open is a retryable failure of this attempt, which says when to look again.
 *
 * @param startedBy with the id of a workflow, one that did not complete counts only as a child of that one
 * @throws a non-retryable failure of type `FOLLOW_UP_NOT_FOUND` where there is no such workflow: it was never started, or Temporal has
 * deleted it after the namespace's retention time, or it does not count. It can be started.
 */
export function endOfFollowUpActivity(deps: ActivityDependencies) {
  return async function endOfFollowUp(workflowId: string, startedBy?: string): Promise<FollowUpEnd> {
    return runActivity(deps, async () => {
      const waitedMs = Date.now() - Context.current().info.scheduledTimestampMs;
      let run = await newestRun(workflowId);
      if (!run.status && waitedMs < CLOSE_WATCH_MS) {
        await untilClosed(workflowId, run.runId);
        run = await newestRun(workflowId);
      }
      if (run.status && run.status !== 'completed' && startedBy !== undefined && run.startedBy !== startedBy) throw notFound(`${workflowId} has ended before, and runs again`);
      if (run.status === 'canceled') return { workflowId, status: run.status };
      if (run.status) return { workflowId, status: run.status, ...(await outcomeOf(workflowId, run.runId)) };
      throw stillOpen(workflowId, waitedMs);
    });
  };
}

interface Run {
  runId: string;
  /** Absent while it is open. */
  status?: FollowUpEndStatus;
  /** Id of its parent. */
  startedBy?: string;
}

async function newestRun(workflowId: string): Promise<Run> {
  try {
    const { runId, status, parentExecution } = await askTemporal((client) => client.workflow.getHandle(workflowId).describe());
    return { runId, status: STATUS[status.name], startedBy: parentExecution?.workflowId ?? undefined };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw notFound(`Temporal has no workflow ${workflowId} (any more)`);
    throw error;
  }
}

/** Returns when a run is closed, and also when the server has waited for that for a while. A cancel of the activity ends the wait at once. */
async function untilClosed(workflowId: string, runId: string): Promise<void> {
  const { client, cancelled } = Context.current();
  const longPoll = client.withDeadline(Date.now() + LONG_POLL_MS, () =>
    client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      waitNewEvent: true,
      skipArchival: true,
      historyEventFilterType: 2, // HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
    }),
  );
  // Where it fails, by its deadline or otherwise, the call that follows tells how things stand.
  await Promise.race([cancelled, longPoll.catch(() => undefined)]);
}

/** Of a run that is closed. */
function outcomeOf(workflowId: string, runId: string): Promise<Omit<FollowUpEnd, 'workflowId' | 'status'>> {
  return askTemporal(async (client) => {
    try {
      return keptReturn(await client.workflow.getHandle(workflowId, runId, { followRuns: false, typeInfo: AS_RETURNED }).result());
    } catch (error) {
      if (error instanceof WorkflowFailedError) return { failure: followUpFailure(error) };
      throw error;
    }
  });
}

function notFound(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, FOLLOW_UP_NOT_FOUND);
}

function stillOpen(workflowId: string, waitedMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'FollowUpOpen',
    message: `${workflowId} has not ended yet`,
    nonRetryable: false,
    nextRetryDelay: waitedMs < CLOSE_WATCH_MS ? SHORTEST_DELAY_MS : Math.min(waitedMs / 20, LONGEST_DELAY_MS),
    category: ApplicationFailureCategory.BENIGN,
  });
}
