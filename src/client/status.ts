import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Attention, BatchPhase, BatchStatus, JobReport, RunningPart } from '../contract';
import { ACTIVITY_PREFIX, DEFAULT_BASE_URL, batchStatusQuery, followUpShardStatusQuery, jobStatusQuery, jobWorkflowId, noOutcomes, noUsage } from '../contract';
import { decodePayloads, hasWorker, timeOf } from '../temporal';
import { JobNotFoundError } from './errors';
import { followUpsOfJob, withRunningShards } from './follow-up-progress';
import { statusOfReport } from './observed-status';
import type { JobMemo, ObservedJobStatus, ObservedPart, Trouble } from './observed-status';
import { PartMemory } from './part-memory';
import { answerOf } from './query';
import { retriesOfJob } from './retries-of-job';
import { withStoredParts } from './stored-parts';

/** How long the server is given to answer itself, in ms. */
const SERVER_TIMEOUT_MS = 10_000;

interface BatchMemo {
  phase?: BatchPhase;
  batchId?: string;
  attention?: Attention | null;
}

/**
 * Reads a job's status: from its report, its workflow, or what the server knows without a worker.
 * @param memory of the looks before at the same job: parts that only wait are not asked again at each.
 */
export async function observeJob(client: Client, jobId: string, memory = new PartMemory()): Promise<ObservedJobStatus> {
  const description = await describe(client, jobWorkflowId(jobId), jobId);
  if (description.status.name === 'COMPLETED') {
    const { report, running } = await retriesOfJob(client, (await client.workflow.getHandle(jobWorkflowId(jobId), description.runId).result()) as JobReport);
    return statusOfReport(report, running);
  }
  if (description.status.name !== 'RUNNING') {
    const status = statusOfMemo(jobId, description);
    const reason = await failureReason(client, description);
    return { ...status, phase: 'ended', endedAt: description.closeTime?.toISOString(), failure: { status: description.status.name, ...reason } };
  }
  const answered = (await hasWorker(client, description.taskQueue))
    ? await answerOf(client, () => client.workflow.getHandle(jobWorkflowId(jobId)).query(jobStatusQuery))
    : undefined;
  if (!answered) return { ...statusOfMemo(jobId, description), running: await partsOfMemo(client, description, memory) };
  // Between its last step and its end.
  if (answered.report) return statusOfReport(answered.report);
  const { cancelRequested, paused, attention } = answered;
  const running = await memory.look(answered.running, (part) => observePart(client, part), {
    situation: JSON.stringify(['workflow', cancelRequested, paused, attention?.since]),
    waits: (part) => partWaits(part, cancelRequested),
  });
  return { ...answered, ...withStoredParts(answered, running), running, followUps: followUpsOfJob(answered.followUps, running), source: 'workflow' };
}

/** Between two looks at the API a part does nothing. A cancel comes in between, and is waited for. */
function partWaits({ status, trouble }: ObservedPart, cancelRequested: boolean): boolean {
  if (!status || trouble || status.attention || (cancelRequested && !status.cancelSent)) return false;
  const looksLater = status.nextPollAt !== undefined && Date.parse(status.nextPollAt) > Date.now();
  return looksLater && (status.phase === 'processing' || status.phase === 'canceling');
}

async function observePart(client: Client, part: RunningPart): Promise<ObservedPart> {
  const status = await askPart(client, part);
  if (!status) return part;
  const observed = observedPart(part, status);
  // While it waits for room, and between two looks, no activity runs.
  if (status.phase === 'queued' || (status.nextPollAt !== undefined && Date.parse(status.nextPollAt) > Date.now())) return observed;
  const description = await describe(client, part.workflowId, part.workflowId).catch(() => undefined);
  const trouble = troubleOf(description);
  if (status.phase !== 'storing') return { ...observed, ...trouble };
  const storing = pendingActivity(description, 'storeResults');
  // It has ended since the workflow answered, which told nothing of what is stored yet.
  if (description && !storing && status.stored.lines === 0) return { ...observedPart(part, (await askPart(client, part)) ?? status), ...trouble };
  const stored = await storedSoFar(client, storing);
  return { ...observed, ...(stored && { status: { ...status, stored } }), ...trouble };
}

async function askPart(client: Client, { workflowId }: RunningPart): Promise<BatchStatus | undefined> {
  const answered = await answerOf(client, () => client.workflow.getHandle(workflowId).query(batchStatusQuery));
  return answered && withRunningShards(answered, (shard) => answerOf(client, () => client.workflow.getHandle(shard).query(followUpShardStatusQuery)));
}

function observedPart(part: RunningPart, status: BatchStatus): ObservedPart {
  return { ...part, status, phase: status.phase, batchId: status.batchId };
}

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

function pendingActivity(description: WorkflowExecutionDescription | undefined, name: string): PendingActivity | undefined {
  return (description?.raw.pendingActivities ?? []).find((each) => each.activityType?.name === `${ACTIVITY_PREFIX}${name}`);
}

/** The workflow knows what is stored when all of it is; until then the activity's heartbeat tells. */
async function storedSoFar(client: Client, storing: PendingActivity | undefined): Promise<BatchStatus['stored'] | undefined> {
  const [payload] = await decodePayloads(client, storing?.heartbeatDetails?.payloads ?? []);
  if (!payload) return undefined;
  const { lines, bytes } = client.options.loadedDataConverter.payloadConverter.fromPayload<Partial<BatchStatus['stored']>>(payload);
  return typeof lines === 'number' && typeof bytes === 'number' ? { lines, bytes } : undefined;
}

/** What Temporal tells of an activity that failed and is tried again. A worker that was lost is no failure of the activity's own. */
function troubleOf(description: WorkflowExecutionDescription | undefined): { trouble?: Trouble } {
  const failing = (description?.raw.pendingActivities ?? []).find((each) => (each.attempt ?? 0) > 1 && each.lastFailure?.applicationFailureInfo);
  if (!failing) return {};
  const { attempt, lastFailure, scheduledTime } = failing;
  const scheduledAt = timeOf(scheduledTime) ?? 0;
  const nextTryAt = scheduledAt > Date.now() ? new Date(scheduledAt).toISOString() : undefined;
  return { trouble: { message: lastFailure?.message ?? '', attempt: attempt ?? 0, ...(nextTryAt !== undefined && { nextTryAt }) } };
}

async function describe(client: Client, workflowId: string, jobId: string): Promise<WorkflowExecutionDescription> {
  try {
    return await client.withDeadline(Date.now() + SERVER_TIMEOUT_MS, () => client.workflow.getHandle(workflowId).describe());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new JobNotFoundError(jobId);
    throw error;
  }
}

async function partsOfMemo(client: Client, description: WorkflowExecutionDescription, memory: PartMemory): Promise<ObservedPart[]> {
  const children = (description.raw.pendingChildren ?? []).filter((child) => child.workflowTypeName === 'batchWorkflow');
  const parts = children.map((child): RunningPart => {
    const workflowId = child.workflowId ?? '';
    const [round = 1, part = 1] = /(\d+)\.(\d+)$/.exec(workflowId)?.slice(1).map(Number) ?? [];
    return { round, part, workflowId };
  });
  const ask = async (part: RunningPart): Promise<ObservedPart> => {
    const found = await describe(client, part.workflowId, part.workflowId).catch(() => undefined);
    const memo = (found?.memo ?? {}) as BatchMemo;
    return { ...part, phase: memo.phase, batchId: memo.batchId, ...troubleOf(found) };
  };
  // Without a worker nothing goes on.
  return memory.look(parts, ask, { situation: 'memo', waits: () => true });
}

function statusOfMemo(jobId: string, description: WorkflowExecutionDescription): ObservedJobStatus {
  const memo = (description.memo ?? {}) as Partial<JobMemo>;
  return {
    jobId,
    phase: memo.phase ?? 'planning',
    simulated: memo.simulated ?? false,
    account: memo.account ?? { label: 'default', baseUrl: DEFAULT_BASE_URL },
    output: memo.output,
    requests: memo.requests,
    round: 1,
    parts: { total: 0, ended: 0 },
    outcomes: noOutcomes(),
    usage: noUsage(),
    running: [],
    attention: memo.attention ?? undefined,
    cancelRequested: false,
    paused: false,
    problems: [],
    startedAt: description.startTime.toISOString(),
    source: 'memo',
  };
}

async function failureReason(client: Client, { workflowId, runId }: WorkflowExecutionDescription): Promise<{ message?: string; hint?: string }> {
  try {
    await client.workflow.getHandle(workflowId, runId, { followRuns: false }).result();
    return {};
  } catch (error) {
    return reasonOf(error);
  }
}

/** The innermost message, as Temporal wraps what went wrong in "Activity task failed" and the like; and what to do, where that error says so. */
export function reasonOf(error: unknown): { message?: string; hint?: string } {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause;
  if (!(innermost instanceof Error)) return {};
  const details = innermost instanceof ApplicationFailure ? (innermost.details?.[0] as { hint?: unknown } | undefined) : undefined;
  return { message: innermost.message, ...(typeof details?.hint === 'string' && { hint: details.hint }) };
}
