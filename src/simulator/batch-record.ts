/** What the simulator remembers of a batch, and what follows from it by the clock alone. */
import type { MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';
import type { OwnOutcome } from './result-line';

/** The file `batch.json` in a batch's folder. */
export interface BatchRecord {
  format: 1;
  id: string;
  /** Order of acceptance, from 1. */
  sequence: number;
  created_at: string;
  requests: number;
  /** null: processed until `endBatch`. */
  processing_ms: number | null;
  /** null: canceling until `endBatch`. */
  canceling_ms: number | null;
  /** The body of the create call, as received. */
  body: { bytes: number; sha256: string };
  /** What becomes of the requests if nothing overtakes them. */
  outcomes: Record<OwnOutcome, number>;
  /** How many of the custom_ids stood in an earlier batch. */
  seen_before: number;
  /** Keys of the prompt prefixes that its requests have written to the prompt cache; absent where there are none. */
  cache_written?: string[];
  anthropic_version: string;
  anthropic_beta?: string;
  anthropic_workspace_id?: string;
  cancel_initiated_at?: string;
  /** Set by `endBatch`; a batch that ends by the clock has none. */
  ended_at?: string;
  deleted_at?: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const EXPIRES_AFTER_MS = DAY_MS;
const ARCHIVED_AFTER_MS = 29 * DAY_MS;

/** How far a batch has come at some moment. */
export interface Course {
  status: MessageBatch['processing_status'];
  endedAt?: string;
  archivedAt?: string;
  /** How many requests have an outcome of their own: the first so many lines of the results. */
  finished: number;
  /** What the others are. */
  rest: 'processing' | 'canceled' | 'expired';
}

/** @param now ms since 1970 */
export function courseOf(record: BatchRecord, now: number): Course {
  const expiresAt = Date.parse(record.created_at) + EXPIRES_AFTER_MS;
  const end = endOf(record, expiresAt);
  const archivedAt = Date.parse(record.created_at) + ARCHIVED_AFTER_MS;
  const canceledAt = record.cancel_initiated_at === undefined ? undefined : Date.parse(record.cancel_initiated_at);
  const stoppedAt = canceledAt ?? (end === expiresAt ? expiresAt : Infinity);
  if (now < end) {
    const status = canceledAt === undefined ? 'in_progress' : 'canceling';
    return { status, finished: finishedAt(record, Math.min(now, stoppedAt)), rest: 'processing' };
  }
  return {
    status: 'ended',
    endedAt: new Date(end).toISOString(),
    archivedAt: now < archivedAt ? undefined : new Date(archivedAt).toISOString(),
    finished: stoppedAt === Infinity ? record.requests : finishedAt(record, stoppedAt),
    rest: canceledAt === undefined ? 'expired' : 'canceled',
  };
}

function endOf(record: BatchRecord, expiresAt: number): number {
  const forced = record.ended_at === undefined ? Infinity : Date.parse(record.ended_at);
  const natural =
    record.cancel_initiated_at === undefined
      ? Date.parse(record.created_at) + (record.processing_ms ?? Infinity)
      : Date.parse(record.cancel_initiated_at) + (record.canceling_ms ?? Infinity);
  return Math.min(forced, natural, expiresAt);
}

/** The share of the requests that were through at a moment, if they are processed evenly. */
function finishedAt(record: BatchRecord, moment: number): number {
  if (record.processing_ms === null) return 0;
  const elapsed = moment - Date.parse(record.created_at);
  return elapsed >= record.processing_ms ? record.requests : Math.floor((record.requests * elapsed) / record.processing_ms);
}

/**
 * The API's object.
 * @param finished what became of the first `course.finished` requests, counted
 * @param baseUrl of `results_url`
 */
export function messageBatch(record: BatchRecord, course: Course, finished: Record<OwnOutcome, number>, baseUrl: string): MessageBatch {
  const counts = { processing: 0, canceled: 0, ...finished };
  counts[course.rest] += record.requests - finished.succeeded - finished.errored - finished.expired;
  const ended = course.status === 'ended';
  return {
    id: record.id,
    type: 'message_batch',
    processing_status: course.status,
    request_counts: counts,
    ended_at: course.endedAt ?? null,
    created_at: record.created_at,
    expires_at: new Date(Date.parse(record.created_at) + EXPIRES_AFTER_MS).toISOString(),
    archived_at: course.archivedAt ?? null,
    cancel_initiated_at: record.cancel_initiated_at ?? null,
    results_url: ended && course.archivedAt === undefined ? `${baseUrl.replace(/\/$/, '')}/v1/messages/batches/${record.id}/results` : null,
  };
}
