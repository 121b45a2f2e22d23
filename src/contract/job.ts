import type { Attention } from './attention';
import type { BatchStatus } from './batch';
import type { Calibration } from './calibration';
import type { AccountReference, DataReference } from './data';
import type { AnswerCounts, FollowUpCounts, FollowUpFilter, FollowUpOptions } from './follow-up';
import type { OldOutcome, OutcomeCounts, Problem, TokenUsage } from './outcomes';

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
  /** `generate`: requests whose custom_id the API would refuse, or that have none, are sent under one of ours; the outputs carry the input's own. Default `given`. */
  ids?: 'given' | 'generate';
  /** Send one request of each shared cached prefix first, and the others when it is done. */
  warmCache?: boolean;
  /** Most requests of the account that wait at the API at once; default: learned from what the API refuses. Can be changed while the job runs; null takes away what an earlier start of the job has set. */
  queueLimit?: number | null;
  /** What the job may cost at most, in US dollars: what does not fit any more ends as `unsent`. Can be changed while the job runs; null as above. */
  maxCost?: number | null;
  /** Output folder of an ended job: the outcomes of requests that are the same there are taken from it, and only the rest is sent. */
  reuse?: string;
  /**
   * A job that has ended, whose requests of some outcomes are sent again; all other outcomes are taken from it. Its outputs hold all that
   * is needed, so `requests` only says what its input was.
   */
  retryOf?: { output: string; only: OldOutcome[] };
  /** Where to tell of the end and of every pause: `http(s)://…` gets the report, anything else is a command. */
  notify?: string[];
  /** Carried along by continue-as-new; not for callers. */
  resumed?: JobCarriedState;
}

/** What a job workflow carries over a continue-as-new; everything else is in the job folder. */
export interface JobCarriedState {
  round: number;
  /** The parts of this round up to this number have ended. */
  partsDone: number;
  /** Numbers of parts beyond that have ended too. */
  alsoDone?: number[];
  /** Requests of this round's ended parts that may be sent again. */
  retryable: number;
  cancelRequested: boolean;
  /** The workflow itself was canceled, so it ends as Cancelled. */
  workflowCanceled: boolean;
  paused: boolean;
  outcomes?: OutcomeCounts;
  usage?: TokenUsage;
  followUps?: FollowUpCounts;
  /** What was changed while the job ran. */
  settings?: JobSettings;
  /** What was spent, in US dollars, and what that tells of the requests to come. */
  budget?: { spent: number; calibration: Calibration };
}

/** What of a job can be changed while it runs (`settingsSignal`); what is left out stays as it is. Null takes a limit away. */
export interface JobSettings {
  retries?: number;
  queueLimit?: number | null;
  maxCost?: number | null;
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
  /** In US dollars; absent where no price of a model is known, or the job was started by an older release. */
  cost?: JobCost;
  retries?: number;
  queueLimit?: number;
  /** Final outcomes of the parts that have ended, without what will be sent again; `JobHandle.status()` adds those of parts whose follow-ups still run. So with usage, cost and problems. */
  outcomes: OutcomeCounts;
  usage: TokenUsage;
  /** Of the parts that have ended; `JobHandle.status()` adds those of the parts that run. Absent where the job has none. */
  followUps?: FollowUpCounts;
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

/** What a job costs, in US dollars. */
export interface JobCost {
  /** Of the parts that have ended. */
  spent: number;
  /** Set aside for the parts that run. */
  reserved: number;
  /** What is expected for the whole job, as a range; corrected by what the ended parts have cost. */
  estimated?: CostRange;
  /** What the job may cost at most. */
  cap?: number;
}

/** US dollars, from the least to the most that is likely. */
export interface CostRange {
  low: number;
  high: number;
}

export interface RunningPart {
  round: number;
  part: number;
  workflowId: string;
  requests?: number;
  /** Set aside for it, in US dollars. */
  reserved?: number;
  status?: BatchStatus;
}

/** What `batchJobWorkflow` returns, and (as it is) the content of `report.json`: written last, the mark that all is there. */
export interface JobReport {
  job_id: string;
  simulated: boolean;
  account: { label: string; base_url: string };
  /** `canceled`: a cancel was asked for before every request had a final outcome, or every follow-up had ended. See `reportedStatus`. */
  status: 'finished' | 'canceled';
  /** `generated_ids`: what the ids begin with that were made for requests (`JobInput.ids`); the request's number in the input follows. */
  input: { path: string; sha256: string; requests: number; generated_ids?: string };
  outcomes: OutcomeCounts;
  /** What this job has paid: tokens of results that were taken from another job (`reused`) are not in it. */
  usage: TokenUsage;
  /** `usage` by the model that the results name. Absent in reports of older releases. */
  usage_by_model?: Record<string, TokenUsage>;
  /** Absent in reports of older releases, and where no price is known. */
  cost?: ReportedCost;
  /** Of all input tokens, the share that was read from the prompt cache, 0 to 1; absent where none were used. */
  cache_hit_share?: number;
  batches: ReportedBatch[];
  /** The job whose outcomes were taken over (`retry`, `--reuse`), and how many. */
  reused?: { job_id: string; requests: number; output: string };
  /** Attempts at the same requests before this job, oldest first, as `retry` has linked them. */
  attempts?: ReportedAttempt[];
  /** `results.jsonl` as it was written, so that it can be proved later that it is still that. */
  results?: { bytes: number; sha256: string };
  /** Their ends stand in `follow-ups.jsonl`. */
  follow_ups?: ReportedFollowUps;
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
  /** US dollars; absent where no price is known. */
  cost?: number;
}

/** `options` and `file` are absent in reports of older releases. */
export interface ReportedFollowUps extends FollowUpCounts {
  /** What they were started with. */
  options?: ReportedFollowUpOptions;
  /** Where some of them have said whether answers are valid. */
  answers?: AnswerCounts;
  /** `follow-ups.jsonl` as it was written. */
  file?: { bytes: number; sha256: string };
  /** How many times failed ones were run again. */
  retries?: number;
  /** Those of these times where it was with another workflow, task queue or arguments than in `options`. */
  retried_with?: RetriedWith[];
}

/** With what follow-ups ran again. */
export interface RetriedWith {
  /** From 1. */
  attempt: number;
  workflow: string;
  task_queue?: string;
  /** With other arguments; they may be large, and stand in the histories of those that ran. */
  other_args?: true;
}

/** `FollowUpOptions` with keys like all others of the report. */
export interface ReportedFollowUpOptions extends Omit<FollowUpOptions, 'taskQueue' | 'where'> {
  task_queue?: string;
  where?: Omit<FollowUpFilter, 'stopReason'> & { stop_reason?: FollowUpFilter['stopReason'] };
}

/** What the report calls the end of a job. @param canceled a cancel was asked for @param followUps with those that were run again */
export function reportedStatus(canceled: boolean, outcomes: OutcomeCounts, followUps?: FollowUpCounts): JobReport['status'] {
  const { selected = 0, started = 0, canceled: ended = 0 } = followUps ?? {};
  return canceled && outcomes.canceled + outcomes.unsent + (selected - started) + ended > 0 ? 'canceled' : 'finished';
}

/** What was paid, by the prices of a table. */
export interface ReportedCost {
  currency: 'USD';
  total: number;
  by_model: Record<string, number>;
  /** Which table of prices: its date, and where it comes from. */
  prices: { date: string; source: string };
  /** Models in the results that the table has no price of; their tokens are in no sum. */
  without_price?: string[];
}

/** A job that sent some of the same requests before. */
export interface ReportedAttempt {
  job_id: string;
  output: string;
  outcomes: OutcomeCounts;
  ended_at: string;
}
