import type { Attention } from './attention';
import type { AccountReference, DataReference } from './data';
import type { FollowUpCounts, FollowUpOptions } from './follow-up';
import type { OutcomeCounts, Problem, TokenUsage } from './outcomes';

/** What a batch workflow is doing. Also stands in its memo as `phase`. */
export type BatchPhase =
  | 'opening' // reading the records, cutting the part
  | 'queued' // waits for room in the account's processing queue
  | 'creating' // the create call is granted or under way
  | 'reconciling' // an unanswered create is being looked up
  | 'processing' // the API works on the batch
  | 'canceling' // the API was asked to cancel
  | 'storing' // results are streamed to disk and held against the input
  | 'following_up' // child workflows run for selected results
  | 'ended';

/** Input of `batchWorkflow`: one message batch. */
export interface BatchInput {
  /** Default: the workflow id. */
  jobId?: string;
  /** Which round of the job, from 1. Default 1. */
  round?: number;
  /** Which part of the round, from 1. Default 1. */
  part?: number;
  /**
   * The requests, for a batch that is no part of a job (JSONL, at most 100,000 and 256 MB).
   * A part of a job is planned already and finds its requests in the job folder.
   */
  requests?: string | DataReference;
  /** Folder for the outputs; default: below the worker's storage. */
  output?: string;
  account?: AccountReference;
  /** True for jobs that run against the simulator. */
  simulated?: boolean;
  /** Beta names, sent as a header with every call. */
  betas?: string[];
  /** A fixed time between polls in ms, instead of one that grows with the batch's age. */
  pollIntervalMs?: number;
  /** How long after an unanswered create's deadline a list without it counts as proof, in ms. Default 120,000. */
  createGraceMs?: number;
  followUp?: FollowUpOptions;
  /** Errored-but-retryable and expired requests will be sent again, so they get no follow-up now. */
  willRetry?: boolean;
  /** Task queue of activities, where it is not the workflow's own. */
  activityTaskQueue?: string;
  /** See `JobInput.queueLimit`. */
  queueLimit?: number;
  /** Carried along by continue-as-new; not for callers. */
  resumed?: BatchCarriedState;
}

/** What a batch workflow carries over a continue-as-new. */
export interface BatchCarriedState {
  cancelRequested: boolean;
  /** The API has answered the cancel. */
  cancelSent: boolean;
  paused: boolean;
  polls: number;
  /** The workflow itself was canceled, so it ends as Cancelled. */
  workflowCanceled: boolean;
  /** A cancel was asked for by a signal or stands on record. */
  cancelWanted?: boolean;
  /** The batch has ended, its results are stored, and so many shards of follow-ups have ended. */
  followUps?: { endedAt?: string; stored: { generation: number; lines: number; bytes: number }; shards: number; counts: FollowUpCounts };
}

/** Answer of the `status` query of `batchWorkflow`. Times are ISO strings. */
export interface BatchStatus {
  jobId: string;
  round: number;
  part: number;
  phase: BatchPhase;
  batchId?: string;
  /** How many requests this batch holds. */
  requests: number;
  /** While it waits for room: how many requests of the account are in the API's queue, and for how many there is room as far as is known. */
  queue?: { inQueue: number; limit?: number; held?: boolean };
  /**
   * The API's own `request_counts`. Documented as zero until the whole batch has ended,
   * so a display must not show them as progress before.
   */
  apiCounts?: { processing: number; succeeded: number; errored: number; canceled: number; expired: number };
  createdAt?: string;
  expiresAt?: string;
  endedAt?: string;
  /** Until when the API keeps the batch's results; they are to be stored before. */
  resultsKeptUntil?: string;
  polls: number;
  nextPollAt?: string;
  /** Lines and bytes of results stored so far. */
  stored: { lines: number; bytes: number };
  /** Known once the results were held against the input. */
  outcomes?: OutcomeCounts;
  /** Of `outcomes`, how many will be sent again, unless the job stops. */
  retryable?: number;
  usage: TokenUsage;
  /** What was paid, in US dollars; known together with the outcomes, where a price is. */
  cost?: number;
  /** Of the shards that have ended; `selected` is that of all. */
  followUps?: FollowUpCounts;
  /** Workflow ids of the shards that run now: they tell of their own follow-ups (`followUpShardStatusQuery`). */
  followUpShards?: string[];
  problems: Problem[];
  attention?: Attention;
  cancelRequested: boolean;
  /** The API has answered the cancel. */
  cancelSent: boolean;
  paused: boolean;
}

/** What `batchWorkflow` returns. */
export interface BatchReport {
  jobId: string;
  round: number;
  part: number;
  /** Absent where the batch was never accepted; all its requests are then `unsent`. */
  batchId?: string;
  requests: number;
  createdAt?: string;
  endedAt?: string;
  outcomes: OutcomeCounts;
  /** Of `outcomes`, how many ended for a passing reason and may be sent again. */
  retryable: number;
  usage: TokenUsage;
  problems: Problem[];
  followUps?: FollowUpCounts;
  /** Why requests were never sent, where that is so. */
  unsentReason?: string;
  /** What was paid, in US dollars; absent where no price is known, or an older release has reported it. */
  cost?: number;
  /** `usage` by model. Absent in reports of older releases. */
  usageByModel?: Record<string, TokenUsage>;
  /** Of `usageByModel`, that of requests with long prompts (`LONG_PROMPT_TOKENS`); absent where there are none. */
  longPrompts?: Record<string, TokenUsage>;
  /** The API found the batch too large, in its words: nothing was accepted, and the job cuts the requests into smaller parts. */
  tooLarge?: string;
  /** True where an answer of the API said that it was a simulation. */
  simulated: boolean;
}
