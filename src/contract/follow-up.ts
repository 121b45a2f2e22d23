import type { ApiOutcome } from './outcomes';
import type { DataReference } from './data';

/** Which results start a workflow, and which workflow. */
export interface FollowUpOptions {
  /** Type name of a workflow that some worker serves, in any language. */
  workflow: string;
  /** Where that worker polls; default: the job's own task queue. */
  taskQueue?: string;
  /** For which outcomes; default `['succeeded']`. */
  on?: ApiOutcome[];
  /** Of those, only results that pass all of this. */
  where?: FollowUpFilter;
  /** How many run at once for one message batch, 1 to `MAX_FOLLOW_UP_WINDOW`; default `DEFAULT_FOLLOW_UP_WINDOW`. */
  window?: number;
  /** One workflow for each result, or for each slice of at most so many results, 1 to `MAX_FOLLOW_UP_SLICE`; default `result`. */
  per?: 'result' | number;
  /** What the workflow gets after its input; as JSON at most `MAX_FOLLOW_UP_ARGS_BYTES`. */
  args?: unknown[];
}

export const DEFAULT_FOLLOW_UP_WINDOW = 50;
/** Temporal advises at most 500 pending children of one workflow. */
export const MAX_FOLLOW_UP_WINDOW = 500;
export const MAX_FOLLOW_UP_SLICE = 1_000;
/** They stand in the history of every shard once for each follow-up. */
export const MAX_FOLLOW_UP_ARGS_BYTES = 64 * 1024;
/** What a follow-up returns is kept on record up to so many bytes as JSON. */
export const MAX_FOLLOW_UP_VALUE_BYTES = 64 * 1024;

/** What a result has to be, besides its outcome. */
export interface FollowUpFilter {
  /** `stop_reason` of the message is this one, or one of these. */
  stopReason?: string | string[];
  /** What this JSON pointer (RFC 6901) finds in `{"custom_id", "result", "metadata"}`, as in `/metadata/topic`, is `equals`. */
  pointer?: string;
  /** Any JSON value. Where it is left out, the pointer has to find something. */
  equals?: unknown;
}

/**
 * What a follow-up workflow gets: ids, the kind of outcome, the request's metadata, and where
 * the result lies. The result itself stays out of histories until `loadResult` fetches it.
 */
export interface FollowUpInput<Metadata = Record<string, unknown>> {
  jobId: string;
  round: number;
  part: number;
  customId: string;
  outcome: ApiOutcome;
  metadata: Metadata;
  /** The result's line, without its line feed. */
  result: DataReference;
  /** The request's line in the job's own copy, without its line feed. Absent where there is none any more. */
  request?: DataReference;
  /** Task queue of the activities that `loadResult` and `loadRequest` call. */
  activityTaskQueue: string;
}

/** What a follow-up workflow gets that is started for a slice of results (`FollowUpOptions.per`). */
export interface FollowUpSliceInput {
  jobId: string;
  round: number;
  part: number;
  /** From 1, within the part. */
  slice: number;
  /** How many results. */
  count: number;
  /** JSONL: a `FollowUpInput` a line. */
  results: DataReference;
  activityTaskQueue: string;
}

/** Follow-up workflows of a batch, or of a job. Those that run now are `started - succeeded - failed`, of an ended job none. */
export interface FollowUpCounts {
  /** How many there are to be: of results, or of slices. */
  selected: number;
  started: number;
  succeeded: number;
  /** Ended otherwise: failed, timed out, terminated; canceled too, unless these have a count of their own. */
  failed: number;
  /** Those that a cancel has ended, which are then not in `failed`. In reports alone, and where there are some. */
  canceled?: number;
}

export function noFollowUps(): FollowUpCounts {
  return { selected: 0, started: 0, succeeded: 0, failed: 0 };
}

/** Adds the second to the first. */
export function addFollowUps(sum: FollowUpCounts, counts: FollowUpCounts): void {
  sum.selected += counts.selected;
  sum.started += counts.started;
  sum.succeeded += counts.succeeded;
  sum.failed += counts.failed;
  if (counts.canceled !== undefined) sum.canceled = (sum.canceled ?? 0) + counts.canceled;
}

/** Of follow-ups that check answers: those that return `{valid: true}`, `{valid: false, reason}`, or of a slice `{valid, invalid, reasons}`. */
export interface AnswerCounts {
  valid: number;
  invalid: number;
  /** How many of the invalid ones for each reason. */
  reasons: Record<string, number>;
}

/** What became of a follow-up. `not_started`: a cancel came before, or the round that was to send its request again did not come. */
export type FollowUpEndStatus = 'completed' | 'failed' | 'canceled' | 'terminated' | 'timed_out' | 'not_started';

/** Why a follow-up did not complete. */
export interface FollowUpFailure {
  /** Type of the application failure, or what Temporal calls it. */
  type: string;
  message: string;
}

/** A line of `follow-ups.jsonl`: one of `custom_id` and `slice` is there. */
export interface FollowUpLine {
  custom_id?: string;
  /** `round.part.slice`, with the ids of its results. */
  slice?: string;
  custom_ids?: string[];
  /** Of results: the part whose follow-up did not complete, so that it can be started again as it was. */
  part?: number;
  /** Of the request; absent for slices. */
  outcome?: ApiOutcome;
  status: FollowUpEndStatus;
  /** What the workflow has returned, where it completed. */
  value?: unknown;
  /** How large the value was, in bytes as JSON, where it is not kept here; Temporal has it. */
  value_bytes?: number;
  /** How Temporal has it encoded, where that is not JSON that can be read here; then `value_bytes` are those of the encoded value. */
  value_encoding?: string;
  failure?: FollowUpFailure;
  workflow_id: string;
}
