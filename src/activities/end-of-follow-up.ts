import { Context } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { AS_RETURNED, FOLLOW_UP_BATCH_MEMO, FOLLOW_UP_NOT_FOUND, FOLLOW_UP_OF_ANOTHER_BATCH, followUpFailure, keptReturn } from '../contract';
import type { FollowUpEndStatus } from '../contract';
import { decodePayloads, isNotFound } from '../temporal';
import type { Payload } from '../temporal';
import type { ActivityDependencies } from './dependencies';
import { runActivity } from './failures';
import type { FollowUpEnd } from './payloads';
import { askTemporal } from './temporal-calls';

/** By WorkflowExecutionStatus. */
const STATUS: Record<number, FollowUpEndStatus | undefined> = { 2: 'completed', 3: 'failed', 4: 'canceled', 5: 'terminated', 7: 'timed_out' };

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
 * @param batchId one that says it was started for a result of another batch does not count: `FOLLOW_UP_OF_ANOTHER_BATCH`, at once, also where it is open
 * @throws a non-retryable failure of type `FOLLOW_UP_NOT_FOUND` where there is no such workflow: it was never started, or Temporal has
 * deleted it after the namespace's retention time, or it does not count. It can be started.
 */
export function endOfFollowUpActivity(deps: ActivityDependencies) {
  return async function endOfFollowUp(workflowId: string, startedBy?: string, batchId?: string): Promise<FollowUpEnd> {
    return runActivity(deps, async () => {
      const waitedMs = Date.now() - Context.current().info.scheduledTimestampMs;
      const isForeign = ({ batchId: its }: Run): boolean => batchId !== undefined && its !== undefined && its !== batchId;
      let run = await newestRun(workflowId);
      if (!run.status && !isForeign(run) && waitedMs < CLOSE_WATCH_MS) {
        await untilClosed(workflowId, run.runId);
        run = await newestRun(workflowId);
      }
      if (isForeign(run)) throw foreign(workflowId, run);
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
  /** As its memo says; absent where an older release has started it. */
  batchId?: string;
}

async function newestRun(workflowId: string): Promise<Run> {
  try {
    return await askTemporal(async (client) => {
      // As the server has it: the SDK's description is none where anything in the memo cannot be decoded.
      const { workflowExecutionInfo: info } = await client.workflowService.describeWorkflowExecution({ namespace: client.options.namespace, execution: { workflowId } });
      const batchId = await textIn(client, info?.memo?.fields?.[FOLLOW_UP_BATCH_MEMO]);
      return { runId: info?.execution?.runId ?? '', status: STATUS[info?.status ?? 0], startedBy: info?.parentExecution?.workflowId ?? undefined, batchId };
    });
  } catch (error) {
    if (isNotFound(error)) throw notFound(`Temporal has no workflow ${workflowId} (any more)`);
    throw error;
  }
}

/** @returns undefined where it cannot be read here, as where a worker with another codec has written it */
async function textIn(client: Client, payload: Payload | null | undefined): Promise<string | undefined> {
  if (!payload) return undefined;
  const [decoded] = await decodePayloads(client, [payload]);
  try {
    const text: unknown = client.options.loadedDataConverter.payloadConverter.fromPayload(decoded!);
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
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

function foreign(workflowId: string, { status, batchId }: Run): ApplicationFailure {
  const state = status ? 'ended' : 'open';
  return ApplicationFailure.create({ type: FOLLOW_UP_OF_ANOTHER_BATCH, message: `${workflowId} is of batch ${batchId}`, nonRetryable: true, details: [state], category: ApplicationFailureCategory.BENIGN });
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
