/** What travels between workflows and activities. Small on purpose: data stays in files, ids and counts travel. */
import type { AccountReference, Attention, DataReference, FollowUpInput, FollowUpOptions, FollowUpRetryInput, FollowUpSliceInput, JobInput, JobReport, JobSettings, OutcomeCounts, PriceTable, Problem, ReportedFollowUps, RetriedWith, TokenUsage } from '../contract';
import type { CreateState, FollowUpEnd, PlannedPart, StoredRequest } from '../jobs';

export type { FollowUpEnd, StoredRequest };

/** Which part of which job, and where its working data lies. */
export interface PartReference {
  jobId: string;
  round: number;
  part: number;
  /** Folder of the job's outputs. */
  output: string;
  betas?: string[];
}

export interface PlanJobInput {
  jobId: string;
  requests: string | DataReference;
  output?: string;
  account?: AccountReference;
  simulated: boolean;
  betas: string[];
  maxRequestsPerBatch?: number;
  /** See `JobInput.ids`. */
  ids?: 'given' | 'generate';
  /** See `JobInput.warmCache`. */
  warmCache?: boolean;
  /** See `JobInput.queueLimit`: no part is larger. */
  queueLimit?: number | null;
  /** See `JobInput.maxCost`: parts are cut so that it can be held. */
  maxCost?: number | null;
  /** See `JobInput.retries`. */
  retries?: number;
  /** See `JobInput.reuse`. */
  reuse?: string;
  /** See `JobInput.retryOf`. */
  retryOf?: JobInput['retryOf'];
  /** See `JobInput.followUp`: checked, and put on record. */
  followUp?: FollowUpOptions;
  /** The workflow goes on after a continue-as-new: the input was looked at before. */
  resumed?: boolean;
}

export interface PlannedJob {
  account: AccountReference;
  output: string;
  requests: number;
  /** Requests of each part of round 1, as it was planned. */
  parts: number[];
  /** The parts of round 1, those that a split has made included. Absent in histories of older releases. */
  planned?: PartFacts[];
  /** A cancel was asked for in an earlier run. */
  cancelRequested: boolean;
  startedAt: string;
  /** The job was finished before: nothing is left to do. */
  report?: JobReport;
  /** As the job was started, or changed since. */
  settings?: JobSettings;
  /** Prices of the models that the requests name. */
  prices?: PriceTable;
  /** What the job's follow-ups are: those on record, where it is started with none. */
  followUp?: FollowUpOptions;
}

/** What a workflow needs to know of a planned part. */
export type PartFacts = Pick<PlannedPart, 'part' | 'requests' | 'warm' | 'splitInto' | 'expected'> & { reused?: boolean };

/** Input of `planNextRound`, as in `PlanJobInput`. */
export type PlanRoundOptions = Pick<PlanJobInput, 'maxRequestsPerBatch' | 'warmCache' | 'queueLimit' | 'maxCost'>;

export interface OpenedPart {
  requests: number;
  bodyBytes: number;
  /** From a create's intent to its deadline, in ms. */
  createTimeoutMs: number;
  create: KnownCreate;
  cancelRequested: boolean;
  /** The job's and those that the part's requests ask for; what is asked of the API about the part goes with these. */
  betas?: string[];
  /** It was split before, and is not sent itself. */
  splitInto?: number[];
}

/** What the records say of a part's batch. */
export type KnownCreate = CreateState;

/** Leave to create, and the newest batches of the account at that moment: a later look need not go back beyond them. */
export interface CreateClaim {
  granted: boolean;
  heldBy?: string;
  newestBefore?: string[];
}

/** What a create is made with besides its requests. */
export interface CreateTerms {
  /** See `CreateClaim`. */
  newestBefore: string[];
  /** See `CreateIntent.grace_ms`. */
  graceMs: number;
}

export type CreateResult =
  /** `ended`: the answer to the create said so already, as it can for a small batch. */
  | (KnownCreate & { ended?: boolean })
  /** Certainly not accepted. `again`: the same create may be tried later, after `retryAfterMs` where the API said so. */
  | { kind: 'not_accepted'; nextAttempt: number; why: NotAccepted; message: string; retryAfterMs?: number };

/**
 * `passing`: try again later. `queue_full`: the same, once batches of the account have ended. `key_refused`, `no_access`, `spend_limit`,
 * `storage`: a person must act. `too_large`: fewer requests may be accepted. `refused`: final for these requests.
 */
export type NotAccepted = 'passing' | 'queue_full' | 'key_refused' | 'no_access' | 'spend_limit' | 'storage' | 'too_large' | 'refused';

export type ReconcileResult =
  | KnownCreate
  /** Too early for a proof: look again after this many ms. */
  | { kind: 'wait'; ms: number; message: string }
  /** Several batches could be it, and nothing tells them apart. */
  | { kind: 'ambiguous'; batchIds: string[]; message: string };

export interface BatchSnapshot {
  /** An open enum: an unknown value is not `ended`. `not_found`: the API answered 404. */
  status: 'in_progress' | 'canceling' | 'ended' | 'not_found' | (string & {});
  counts?: { processing: number; succeeded: number; errored: number; canceled: number; expired: number };
  createdAt?: string;
  expiresAt?: string;
  endedAt?: string;
  /** The server's own hint on when to look again. */
  retryAfterMs?: number;
}

export interface StoredResults {
  generation: number;
  lines: number;
  bytes: number;
}

/** Details of the heartbeat of `storeResults`: never ahead of what is synced. */
export interface StoreProgress extends StoredResults {
  /** CRC-32 of these bytes, so that the next attempt notices where somebody has changed them. */
  crc32?: number;
  /** Results of requests so far, by their outcome. */
  outcomes?: OutcomeCounts;
  /** How many bodies have ended before every request had a line. */
  shortBodies: number;
}

export interface LedgerResult {
  outcomes: OutcomeCounts;
  retryable: number;
  usage: TokenUsage;
  /** What was paid, in US dollars; absent where no price is known. */
  cost?: number;
  problems: Problem[];
  /** Requests of this part whose result was found. */
  matched: number;
  /** The batch was adopted, and its results are of other requests: it was put aside. */
  disproved: boolean;
}

export interface SelectFollowUpsInput {
  ref: PartReference;
  /** How many the part has. */
  requests: number;
  options: FollowUpOptions;
  /** Leave out what will be sent again. */
  withoutRetryable: boolean;
  activityTaskQueue: string;
  /** Many shards may be told as a `ShardedList`. Workflows of older releases do not say so, and know shards one by one only. */
  mayBeCuts?: boolean;
}

/** A list and where it is cut into shards. Temporal takes 2 MB of an answer: tens of thousands of shards, where of a `FollowUpShard` each it takes some thousand. */
export interface ShardedList {
  ref: PartReference;
  /** Location of the list. */
  list: string;
  /** Of each shard, in their order. */
  cuts: [offset: number, length: number, count: number][];
}

/** A piece of the list of a part's follow-ups, for one shard. */
export interface FollowUpShard {
  ref: PartReference;
  /** JSONL: a `FollowUpInput` or `FollowUpSliceInput` a line. */
  list: DataReference;
  /** How many follow-ups. */
  count: number;
}

export interface FailedFollowUpsInput extends FollowUpRetryInput {
  /** As in `SelectFollowUpsInput`. */
  mayBeCuts?: boolean;
}

/** Of an ended job, the follow-ups that did not complete. */
export interface FailedFollowUps {
  shards: FollowUpShard[] | ShardedList;
  /** What they are started with. */
  options: FollowUpOptions;
  /** As the report says. */
  followUps: ReportedFollowUps;
  /** They were run again by this attempt before. */
  superseded?: true;
  /** The list is not new: some of them may have run. */
  begunBefore?: true;
  /** Where that is not what the job's own were run with. */
  ranWith?: RetriedWith;
  /** See `RETRIED_JOB_MEMO`. Absent in histories of older releases. */
  jobStartedAt?: string;
}

/** A line of a list. Of a list that has follow-ups of several batches it says which; that is no part of what the follow-up gets. */
export type ListedFollowUp = (FollowUpInput | FollowUpSliceInput) & { batchId?: string };

/** Some of a shard's follow-ups: as many as fit one answer. */
export interface FollowUpPage {
  /** Those whose end is not on record. */
  inputs: ListedFollowUp[];
  /** Of the page, those whose end is on record. Absent in histories of older releases. */
  recorded?: { succeeded: number; failed: number };
  /** Where the following ones begin. */
  next?: DataReference;
}

/** Puts ends on record; the same again changes nothing. */
export interface RecordFollowUpsInput {
  ref: PartReference;
  /** Name of the record in the part's folder of ends: the shard's number and `-` first, then its run and a number within it. */
  name: string;
  ends: FollowUpEnd[];
}

/** What is looked at to see whether follow-ups are served. */
export interface FollowUpServiceInput {
  workflow: string;
  taskQueue: string;
  /** Some of those that were started and have not ended. */
  workflowIds: string[];
  /** A worker has served some: what is asked is whether those that run still are. */
  isServed?: boolean;
}

/**
 * `served`: a worker has got through the first workflow task of at least one of them; where they were served, a worker polls, and no task of theirs fails.
 * `busy`: that may still come, and nobody need do anything.
 * `unserved`: it will not come by itself. Nobody polls the queue, or who polls does not know the type (`no worker polls QUEUE for TYPE`), or the
 * workflow's own code fails (`workflow tasks of TYPE fail on QUEUE: …`).
 */
export type FollowUpService = { kind: 'served' } | { kind: 'busy' } | { kind: 'unserved'; message: string };

/** Of follow-ups that were canceled. */
export interface ClosedUnserved {
  /** No worker has taken them up: they are closed now. */
  closed: string[];
  /** They have begun, and are left to end by themselves. What is in neither is in a worker's hands just now. */
  begun: string[];
}

/** What `checkJsonAnswersOfSlice` returns. */
export interface CheckedSlice {
  valid: number;
  invalid: number;
  /** How many of the invalid ones for each reason, see `CheckedAnswer`. */
  reasons: Record<string, number>;
  /** The first hundred custom_ids of those that are invalid. */
  failing: string[];
}

export interface NotifyInput {
  jobId: string;
  event: 'ended' | 'paused';
  /** Of a pause: why; absent where somebody asked for it. */
  attention?: Attention;
  /** Of a pause: ISO time of its begin, which tells it from others; default that of `attention`. */
  since?: string;
  /** `JobInput.notify`. */
  targets: string[];
}

export interface NotifyResult {
  /** How many know of it, now or since an earlier attempt. */
  told: number;
  /** Who could not be told for good, named without secrets, and why. */
  failed: { target: string; reason: string }[];
}
