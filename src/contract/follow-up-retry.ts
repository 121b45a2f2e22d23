import type { Attention } from './attention';
import type { FollowUpCounts, FollowUpOptions } from './follow-up';
import type { ReportedFollowUps } from './job';

/** What a `retryFollowUpsWorkflow` is started with. */
export interface FollowUpRetryInput {
  jobId: string;
  /** From 1: one more than `retries` of the report. */
  attempt: number;
  /** Where the job's files are. */
  activityTaskQueue: string;
  /** Another type, queue or arguments than the job's own. */
  followUp?: FollowUpOverride;
  /** Where the job's input lies now, if not where its report says. */
  inputPath?: string;
  /** Carried along by continue-as-new. */
  resumed?: { done: { shards: number; counts: FollowUpCounts }; cancelRequested: boolean };
}

export type FollowUpOverride = Pick<FollowUpOptions, 'taskQueue' | 'args' | 'window'> & { workflow?: string };

/** `selecting`: the list of those that did not complete is made. */
export type FollowUpRetryPhase = 'selecting' | 'running' | 'merging' | 'ended';

export interface FollowUpRetryStatus {
  jobId: string;
  attempt: number;
  phase: FollowUpRetryPhase;
  /** Workflow ids of the shards that run now: they tell more of their follow-ups. */
  shards: string[];
  /** Of those that run again, without what running shards have done. */
  followUps: FollowUpCounts;
  cancelRequested: boolean;
  attention?: Attention;
}

/** In the memo of an attempt: `started_at` of the job's report. A job that nobody remembers starts again under its id, and attempts have their numbers anew. */
export const RETRIED_JOB_MEMO = 'jobStartedAt';

export interface FollowUpRetryResult {
  jobId: string;
  attempt: number;
  /** How many were run again; 0 where all had completed. */
  selected: number;
  canceled: boolean;
  /** This attempt was made before: nothing was run. */
  superseded?: true;
  /** What the job's report says now. */
  followUps: ReportedFollowUps;
}
