/** Signals and queries of the workflows. Free of side effects: clients import this file too. */
import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { Attention } from './attention';
import type { BatchStatus } from './batch';
import type { FollowUpCounts } from './follow-up';
import type { FollowUpRetryStatus } from './follow-up-retry';
import type { JobSettings, JobStatus } from './job';

/** Cancel at the API, keep what is done. May be sent at any moment, and twice. For jobs and batches. */
export const cancelSignal = defineSignal('cancel');
/** Make no new calls that cost money until `resume`. For jobs and batches. */
export const pauseSignal = defineSignal('pause');
/** Go on after a pause, or try again what waited for a person. For jobs and batches. */
export const resumeSignal = defineSignal('resume');
/** From a job to a batch: it is not to be created any more, for this reason. One that was accepted, or may have been, goes on. */
export const withdrawSignal = defineSignal<[string]>('withdraw');
/** Changes settings of a running job. */
export const settingsSignal = defineSignal<[JobSettings]>('settings');
/** From a batch to its job: this part waits for a person, or no longer. */
export const attentionSignal = defineSignal<[AttentionChange]>('attention');

export interface AttentionChange {
  round: number;
  part: number;
  attention?: Attention;
}

/** From a shard of follow-ups to its batch: how things stand there. */
export const followUpShardSignal = defineSignal<[FollowUpShardChange]>('followUpShard');

export interface FollowUpShardChange {
  /** From 1. */
  shard: number;
  /** All its follow-ups are started, and only so many still run: the next shard can begin. */
  stillRunning?: number;
  /** It was canceled, and ends with these counts. */
  canceled?: FollowUpCounts;
  /** It waits for a person, or with null no longer. */
  attention?: ToldAttention | null;
}

/** What a shard tells of attention. */
export type ToldAttention = Pick<Attention, 'code' | 'message'>;

/** From a batch to a shard of its follow-ups: so many may run there at once from now on. Never fewer than before. */
export const followUpWindowSignal = defineSignal<[number]>('followUpWindow');

/** Counts of a `followUpShardWorkflow`. */
export const followUpShardStatusQuery = defineQuery<FollowUpCounts>('status');
/** Status of a `retryFollowUpsWorkflow`. */
export const followUpRetryStatusQuery = defineQuery<FollowUpRetryStatus>('status');
/** Status of a `batchWorkflow`. */
export const batchStatusQuery = defineQuery<BatchStatus>('status');
/** Status of a `batchJobWorkflow`. */
export const jobStatusQuery = defineQuery<JobStatus>('status');
