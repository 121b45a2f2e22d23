import type { Client } from '@temporalio/client';
import { isNotFound } from './not-found';
import { decodePayloads } from './payloads';
import { timeOf } from './timestamps';

/** How it stands with the first workflow task of an execution. Times are in ms since 1970, by the server's clock. */
export type FirstWorkflowTask =
  /** A worker has completed it. `failing`: a later one fails. */
  | { kind: 'completed'; failing?: FailingWorkflowTask }
  /** No worker has taken it since. */
  | { kind: 'waiting'; since: number }
  /** A worker has it now, or the server is about to schedule it. */
  | { kind: 'open' }
  | FailingWorkflowTask;

/** A worker has failed it, or not answered, and it is tried again and again. `identity` of that worker, where it is known. */
export interface FailingWorkflowTask {
  kind: 'failed';
  /** When that was for the first time, as far as it can be seen. */
  at: number;
  identity?: string;
  message: string;
  /** A worker has it again, now. */
  isTaken?: boolean;
}

/** Of a workflow, the run that was looked at. */
export interface LookedAtRun {
  runId: string;
  /** Another one came before it: it has continued as new, or was tried again. */
  isLaterRun: boolean;
}

/** Events of a history that are looked at: signals may come before the first task ends. */
const EVENTS = 50;
/** Of a history whose last task fails, events at its end. */
const LAST_EVENTS = 20;

/** WorkflowExecutionStatus: closed in a way that only a worker brings about; or by somebody else. */
const CLOSED_BY_WORKER = new Set([2 /* completed */, 3 /* failed */, 4 /* canceled */, 6 /* continued as new */]);
const CLOSED_OTHERWISE = new Set([5 /* terminated */, 7 /* timed out */]);
/** WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted. */
const EVENTS_OF_FIRST_ATTEMPT = 3;
const STATE_STARTED = 2;
/** TimeoutType: nobody came for it. Of a later task it means that the worker which had the workflow in memory is gone. */
const SCHEDULE_TO_START = 2;

/**
 * Looks at the newest run of a workflow; its history is read only where the description does not tell.
 * @returns undefined where there is no such workflow (any more), or it was ended before a worker had completed a task
 */
export async function firstWorkflowTask(client: Client, workflowId: string): Promise<(FirstWorkflowTask & LookedAtRun) | undefined> {
  try {
    return await lookAt(client, workflowId);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function lookAt(client: Client, workflowId: string): Promise<(FirstWorkflowTask & LookedAtRun) | undefined> {
  const { namespace } = client.options;
  const described = await client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } });
  const { execution, firstRunId } = described.workflowExecutionInfo ?? {};
  const runId = execution?.runId ?? '';
  const task = await taskOf(client, { workflowId, runId }, described);
  return task && { ...task, runId, isLaterRun: Boolean(firstRunId) && firstRunId !== runId };
}

async function taskOf(client: Client, execution: { workflowId: string; runId: string }, { workflowExecutionInfo: info, pendingWorkflowTask: pending }: Described): Promise<FirstWorkflowTask | undefined> {
  const { namespace } = client.options;
  const length = Number(info?.historyLength ?? 0);
  if (CLOSED_BY_WORKER.has(info?.status ?? 0)) return { kind: 'completed' };
  // Of a closed one, the server may still describe the task.
  const isOpen = !CLOSED_OTHERWISE.has(info?.status ?? 0);
  if (isOpen && pending?.attempt === 1 && length <= EVENTS_OF_FIRST_ATTEMPT) return attemptOf(pending);
  // A child for which the server is about to schedule its first task.
  if (isOpen && !pending && length <= 1) return { kind: 'open' };
  const { history } = await client.workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: EVENTS });
  const events = history?.events ?? [];
  if (events.some((event) => event.workflowTaskCompletedEventAttributes)) {
    if (!isOpen || !pending || (pending.attempt ?? 1) <= 1) return { kind: 'completed' };
    const { history: last } = await client.workflowService.getWorkflowExecutionHistoryReverse({ namespace, execution, maximumPageSize: LAST_EVENTS });
    return { kind: 'completed', failing: await failingTask(client, (last?.events ?? []).toReversed(), pending) };
  }
  if (!isOpen) return undefined;
  const failing = pending ? await failingTask(client, events, pending) : undefined;
  if (failing) return failing;
  return pending?.attempt === 1 ? attemptOf(pending) : { kind: 'open' };
}

type Described = Awaited<ReturnType<Client['workflowService']['describeWorkflowExecution']>>;

/** @param events oldest first; of those after the last task that was completed, what went wrong. */
async function failingTask(client: Client, events: Event[], { state }: PendingTask): Promise<FailingWorkflowTask | undefined> {
  const since = events.slice(events.findLastIndex((event) => event.workflowTaskCompletedEventAttributes) + 1);
  const ended = since.filter(({ workflowTaskFailedEventAttributes: failed, workflowTaskTimedOutEventAttributes: timedOut }) => failed ?? (timedOut && timedOut.timeoutType !== SCHEDULE_TO_START));
  const last = ended.at(-1);
  if (!last) return undefined;
  const at = timeOf(ended[0]?.eventTime) ?? 0;
  const isTaken = state === STATE_STARTED;
  const failed = last.workflowTaskFailedEventAttributes;
  if (!failed) return { kind: 'failed', at, isTaken, message: 'a worker took one and did not answer in time' };
  return { kind: 'failed', at, isTaken, identity: failed.identity ?? undefined, message: await messageOf(client, failed.failure) };
}

interface Event {
  eventTime?: Parameters<typeof timeOf>[0];
  workflowTaskCompletedEventAttributes?: object | null;
  workflowTaskFailedEventAttributes?: { identity?: string | null; failure?: Failure | null } | null;
  workflowTaskTimedOutEventAttributes?: { timeoutType?: number | null } | null;
}

interface PendingTask {
  state?: number | null;
  scheduledTime?: Parameters<typeof timeOf>[0];
}

function attemptOf({ state, scheduledTime }: PendingTask): FirstWorkflowTask {
  const since = timeOf(scheduledTime);
  return state === STATE_STARTED || since === undefined ? { kind: 'open' } : { kind: 'waiting', since };
}

/** In characters. */
const MAX_MESSAGE_LENGTH = 500;

interface Failure {
  message?: string | null;
  encodedAttributes?: Parameters<typeof decodePayloads>[1][number] | null;
}

/** Its message in one line, as far as a person reads it: it goes into signals and memos, which have a limit, and to terminals. */
async function messageOf(client: Client, failure: Failure | null | undefined): Promise<string> {
  const message = (await wholeMessageOf(client, failure)).replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]+/gu, ' ');
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
}

/** A worker may have encoded it together with the stack; where that cannot be read here, what stands in its place. */
async function wholeMessageOf(client: Client, failure: Failure | null | undefined): Promise<string> {
  if (failure?.encodedAttributes) {
    try {
      const [payload] = await decodePayloads(client, [failure.encodedAttributes]);
      const { message } = client.options.loadedDataConverter.payloadConverter.fromPayload<{ message?: unknown }>(payload!);
      if (typeof message === 'string') return message;
    } catch {
      // Of a worker with another codec than this one's.
    }
  }
  return failure?.message ?? '';
}
