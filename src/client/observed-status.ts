/** A job's status as a client sees it, and how a report is one. Loads nothing of Temporal. */
import type { AccountReference, Attention, BatchPhase, FollowUpCounts, FollowUpRetryPhase, JobPhase, JobReport, JobStatus, RunningPart } from '../contract';
import { observedFollowUps } from './follow-up-progress';

/** A part that runs now, as far as it could be found out. */
export interface ObservedPart extends RunningPart {
  phase?: BatchPhase;
  batchId?: string;
  /** When its batch was made, where only records tell; else see `status`. */
  createdAt?: string;
  /** What its activity failed with, where that one is being tried again. */
  trouble?: Trouble;
}

/** A failure that passes by itself, or lasts: Temporal goes on trying. */
export interface Trouble {
  /** Of the last failure. */
  message: string;
  /** Which attempt runs now, or is next. */
  attempt: number;
  /** ISO time; absent while an attempt runs. */
  nextTryAt?: string;
}

/** Follow-ups of a job as they are now. */
export interface ObservedFollowUps extends FollowUpCounts {
  /** How many of those that were started have not ended. */
  running: number;
}

/** An attempt to run follow-ups of an ended job again, while it runs. */
export interface ObservedFollowUpRetry {
  /** From 1. */
  attempt: number;
  /** Absent, like all but `attention`, where no worker has answered. */
  phase?: FollowUpRetryPhase;
  /** Of those that run again. */
  followUps?: ObservedFollowUps;
  cancelRequested?: boolean;
  attention?: Attention;
}

/** A job's status as a client sees it from outside. */
export interface ObservedJobStatus extends JobStatus {
  running: ObservedPart[];
  /** Of all parts. Absent where the job has none, or no worker has answered. */
  followUps?: ObservedFollowUps;
  /** The job has ended, and follow-ups that did not complete run again now. */
  followUpRetry?: ObservedFollowUpRetry;
  /**
   * Who told it. `workflow`: the job's workflow, just now. `memo`: no worker answered, so only the phase, the
   * output folder, what waits for a person and the batch ids are known, and counts are zero. `report`: the job has ended.
   */
  source: 'workflow' | 'memo' | 'report';
  /** The workflow ended without a report: what Temporal calls that end, and why. Starting the job again goes on from its records. */
  failure?: { status: string; message?: string; /** What to do, where its error says so. */ hint?: string };
}

/** What stands in the memo of a job's workflow. */
export interface JobMemo {
  phase: JobPhase;
  requests?: number;
  output?: string;
  attention?: Attention | null;
  simulated: boolean;
  account?: AccountReference;
  /** Which requests the job was started with; absent where it was started by other means than the client, or by an older release. */
  requestsFrom?: RequestsFingerprint;
}

/** Where requests lie, and their checksum where whoever started the job knew it. */
export interface RequestsFingerprint {
  uri: string;
  sha256?: string;
}

/** The status of a job that has ended. @param followUpRetry that runs now */
export function statusOfReport(report: JobReport, followUpRetry?: ObservedFollowUpRetry): ObservedJobStatus {
  const rounds = report.batches.map((batch) => batch.round);
  const round = Math.max(1, ...rounds);
  const parts = rounds.filter((each) => each === round).length;
  return {
    jobId: report.job_id,
    phase: 'ended',
    simulated: report.simulated,
    account: { label: report.account.label, baseUrl: report.account.base_url },
    output: report.output,
    requests: report.input.requests,
    round,
    parts: { total: parts, ended: parts },
    ...(report.cost && { cost: { spent: report.cost.total, reserved: 0 } }),
    outcomes: report.outcomes,
    usage: report.usage,
    ...(report.follow_ups && { followUps: observedFollowUps(report.follow_ups) }),
    ...(followUpRetry && { followUpRetry }),
    running: [],
    cancelRequested: report.status === 'canceled',
    paused: false,
    problems: report.problems,
    startedAt: report.started_at,
    endedAt: report.ended_at,
    report,
    source: 'report',
  };
}
