/** Makers of ids. Workflow ids are business keys: the same job, round and part always give the same id. */
import type { AccountReference } from './data';
import { DEFAULT_BASE_URL } from './data';
import type { FollowUpInput, FollowUpSliceInput } from './follow-up';

/**
 * Raised when workflows change so that a worker of an older release could not go on with them.
 * It stands in the task queue's name, so that old and new workers never share one.
 */
export const WORKFLOW_GENERATION = 1;

/** Prefix of every activity's registered name, so that none replaces a user's own. */
export const ACTIVITY_PREFIX = 'messageBatches.';

const JOB_PREFIX = 'message-batches/job/';

/** Workflow id of a job. */
export function jobWorkflowId(jobId: string): string {
  return JOB_PREFIX + jobId;
}

/** The job's id in a workflow id; a workflow id of the user's own making is a job id as it is. */
export function jobIdOfWorkflow(workflowId: string): string {
  return workflowId.startsWith(JOB_PREFIX) ? workflowId.slice(JOB_PREFIX.length) : workflowId;
}

/** Workflow id of one part of a job. */
export function batchWorkflowId(jobId: string, round: number, part: number): string {
  return `message-batches/batch/${jobId}/${round}.${part}`;
}

/** Workflow id of a shard of follow-ups, from 1. */
export function followUpShardWorkflowId(jobId: string, round: number, part: number, shard: number): string {
  return `message-batches/follow-up-shard/${jobId}/${round}.${part}.${shard}`;
}

/** Workflow id of the follow-up of one result. */
export function followUpWorkflowId(jobId: string, round: number, customId: string): string {
  return `message-batches/follow-up/${jobId}/${round}/${idInPath(customId)}`;
}

/** Workflow id of what a line of a list of follow-ups starts: by it an end is joined to the list. */
export function workflowIdOfFollowUp(input: FollowUpInput | FollowUpSliceInput): string {
  const { jobId, round, part } = input;
  return 'slice' in input ? followUpSliceWorkflowId(jobId, round, part, input.slice) : followUpWorkflowId(jobId, round, input.customId);
}

/** What the API takes for a custom_id. */
const PLAIN_ID = /^[\w-]{1,64}$/;
/** Temporal takes workflow ids of at most 1,000 bytes. */
const LONGEST_ENCODED_ID = 300;

/** An id as a last part of a workflow id: an input's own ids may have slashes, and any length; no two give the same. */
function idInPath(id: string): string {
  if (PLAIN_ID.test(id)) return id;
  const wellFormed = id.replace(/\p{Surrogate}/gu, '\ufffd');
  const encoded = encodeURIComponent(wellFormed);
  if (wellFormed === id && encoded.length <= LONGEST_ENCODED_ID) return encoded;
  const units = Array.from({ length: id.length }, (_, index) => id.charCodeAt(index).toString(16));
  return `${encoded.slice(0, LONGEST_ENCODED_ID)}~${fnv1a(units.join())}${fnv1a(units.reverse().join())}`;
}

/** Workflow id of the follow-up of a slice of results, from 1. */
export function followUpSliceWorkflowId(jobId: string, round: number, part: number, slice: number): string {
  return `message-batches/follow-up-slice/${jobId}/${round}.${part}.${slice}`;
}

/** Workflow id of what runs the failed follow-ups of an ended job again, attempts from 1. */
export function followUpRetryWorkflowId(jobId: string, attempt: number): string {
  return `message-batches/retry-follow-ups/${jobId}/${attempt}`;
}

/** Workflow id of a shard of them, from 1. No attempt of any job is called so, whatever slashes its id has. */
export function followUpRetryShardWorkflowId(jobId: string, attempt: number, shard: number): string {
  return `${followUpRetryWorkflowId(jobId, attempt)}/shard-${shard}`;
}

/** Workflow id of an account. */
export function accountWorkflowId(account: AccountReference): string {
  return `message-batches/account/${accountKey(account)}`;
}

/** A short name of an account that is safe in a file name and a task queue: the label, and a hash where the base URL is not the usual one. */
export function accountKey(account: AccountReference): string {
  if (account.baseUrl === DEFAULT_BASE_URL || account.label === 'simulated') return account.label;
  return `${account.label}-${fnv1a(account.baseUrl)}`;
}

/** Task queue of the workflows of an account: `message-batches` for the default one. */
export function workflowTaskQueue(account: AccountReference): string {
  const key = accountKey(account);
  const name = key === 'default' ? 'message-batches' : `message-batches.${key}`;
  return (WORKFLOW_GENERATION as number) === 1 ? name : `${name}.v${WORKFLOW_GENERATION}`;
}

/** Task queue of the activities that need the files below one storage root as well as the account's key. */
export function activityTaskQueue(account: AccountReference, storageId: string): string {
  return `${workflowTaskQueue(account)}@${storageId}`;
}

/** 32-bit FNV-1a in hex: short and dependency-free, because workflow code imports this file. No secret goes in. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
