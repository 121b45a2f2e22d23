/** What the simulator counts, for tests to read. */
import type { SimulatorContext } from './context';
import type { EventName } from './events';
import type { Call } from './faults';
import type { SentResults } from './sent-results';

export interface SimulatorStats {
  /** Every batch that was ever accepted in this folder, deleted ones too, oldest first. */
  accepted: AcceptedBatch[];
  /** Calls received since the simulator was started. */
  calls: Record<Call, number>;
  /** Calls a minute since the simulator was started: most received in any sliding minute, and how many were refused for `requestsPerMinute`. */
  callRate: { peakPerMinute: number; refused: number };
  /** What was sent of results since the simulator was started: one entry a call, oldest first. */
  results: SentResults[];
  /** Events since the simulator was started. */
  events: Record<EventName, number>;
}

export interface AcceptedBatch {
  id: string;
  requests: number;
  /** Of the create call's body, hex. */
  sha256: string;
  bytes: number;
  createdAt: string;
  deletedAt?: string;
  /** How many of its custom_ids stood in a batch that was accepted earlier. */
  seenBefore: number;
  /** The headers `anthropic-version`, `anthropic-beta` and `anthropic-workspace-id` of the create call. */
  anthropicVersion: string;
  anthropicBeta?: string;
  anthropicWorkspaceId?: string;
}

export function statsOf(context: SimulatorContext): SimulatorStats {
  const accepted = context.store.accepted().map((record) => ({
    id: record.id,
    requests: record.requests,
    sha256: record.body.sha256,
    bytes: record.body.bytes,
    createdAt: record.created_at,
    deletedAt: record.deleted_at,
    seenBefore: record.seen_before,
    anthropicVersion: record.anthropic_version,
    anthropicBeta: record.anthropic_beta,
    anthropicWorkspaceId: record.anthropic_workspace_id,
  }));
  return {
    accepted,
    calls: { ...context.calls },
    callRate: { peakPerMinute: context.rateLimiter.peak, refused: context.rateLimiter.refused },
    results: context.sentResults.map((sent) => ({ ...sent })),
    events: context.events.all(),
  };
}
