import type { Attention } from './attention';
import type { BatchStatus } from './batch';
import type { AccountReference, DataReference } from './data';
import type { FollowUpCounts, FollowUpOptions } from './follow-up';
import type { OutcomeCounts, Problem, TokenUsage } from './outcomes';

/** Input of `batchJobWorkflow`: any number of requests. */
export interface JobInput {
  /** Default: the workflow id (without the prefix of `jobWorkflowId`). */
  jobId?: string;
  /** JSONL, plain or `.gz`; a path on the worker's machine, or `s3://bucket/key`. */
  requests: string | DataReference;
  /** Folder for the outputs, or `s3://bucket/key`; default: below the worker's storage. */
  output?: string;
  account?: AccountReference;
  simulated?: boolean;
  betas?: string[];
  /** How many further rounds requests that ended for a passing reason may get. Default 2. */
  retries?: number;
  followUp?: FollowUpOptions;
  pollIntervalMs?: number;
  createGraceMs?: number;
  /** Delete the batches at the API once every request has its result on disk. */
  deleteFromApi?: boolean;
  activityTaskQueue?: string;
  /** Most requests in one part; default the API's limit. Smaller ones are for tests and careful starts. */
  maxRequestsPerBatch?: number;
  /** Carried along by continue-as-new; not for callers. */
  resumed?: JobCarriedState;
}

/** What a job workflow carries over a continue-as-new; everything else is in the job folder. */
export interface JobCarriedState {
  round: number;
  /** Parts of this round that have ended. */
  partsDone: number;
  /** Requests of this round's ended parts that may be sent again. */
  retryable: number;
  cancelRequested: boolean;
  /** The workflow itself was canceled, so it ends as Cancelled. */
  workflowCanceled: boolean;
  paused: boolean;
  outcomes?: OutcomeCounts;
  usage?: TokenUsage;
}

/** What a job workflow is doing. Also stands in its memo as `phase`. */
export type JobPhase = 'planning' | 'running' | 'merging' | 'ended';

/** Answer of the `status` query of `batchJobWorkflow`, and of `JobHandle.status()`. */
export interface JobStatus {
  jobId: string;
  phase: JobPhase;
  simulated: boolean;
  account: AccountReference;
  /** Folder of the outputs, or `s3://bucket/key`. */
  output?: string;
  /** Known once planned. */
  requests?: number;
  round: number;
  /** Of the current round. */
  parts: { total: number; ended: number };
  /** Final outcomes known so far; what will be sent again is not in it. */
  outcomes: OutcomeCounts;
  usage: TokenUsage;
  /** Parts that run now. `JobHandle.status()` fills in their own status; the bare query gives ids only. */
  running: RunningPart[];
  attention?: Attention;
  cancelRequested: boolean;
  paused: boolean;
  problems: Problem[];
  startedAt: string;
  endedAt?: string;
  report?: JobReport;
}

export interface RunningPart {
  round: number;
  part: number;
  workflowId: string;
  status?: BatchStatus;
}

/** What `batchJobWorkflow` returns, and (as it is) the content of `report.json`: written last, the mark that all is there. */
export interface JobReport {
  job_id: string;
  simulated: boolean;
  account: { label: string; base_url: string };
  /** `canceled`: a cancel was asked for before every request had a final outcome. */
  status: 'finished' | 'canceled';
  input: { path: string; sha256: string; requests: number };
  outcomes: OutcomeCounts;
  usage: TokenUsage;
  /** `usage` by the model that the results name. Absent in reports of older releases. */
  usage_by_model?: Record<string, TokenUsage>;
  batches: ReportedBatch[];
  follow_ups?: FollowUpCounts;
  problems: Problem[];
  /** Why requests are `unsent`, where some are. */
  unsent_reason?: string;
  output: string;
  started_at: string;
  ended_at: string;
}

export interface ReportedBatch {
  id: string;
  round: number;
  requests: number;
  created_at: string;
  ended_at: string;
  outcomes: OutcomeCounts;
  /** Absent in reports of older releases. */
  usage?: TokenUsage;
}
