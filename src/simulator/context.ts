/** What all calls of one simulator share. */
import type { BatchStore } from './batch-store';
import type { Events } from './events';
import type { FaultList } from './fault-list';
import type { Call } from './faults';
import type { AdjustableOptions } from './options';
import type { RateLimiter } from './rate-limiter';
import type { SentResults } from './sent-results';

export interface SimulatorContext {
  /** Replaced as a whole when options change. */
  options: AdjustableOptions;
  /** The simulator's own base URL with the path prefix, without a trailing slash. */
  url: string;
  /** Stands before every path; empty or like `/some/path`. */
  readonly pathPrefix: string;
  readonly store: BatchStore;
  readonly faults: FaultList;
  readonly events: Events;
  readonly rateLimiter: RateLimiter;
  /** Calls received since the start, faulty and refused ones too. */
  readonly calls: Record<Call, number>;
  /** What was sent of results since the start, one entry a call. */
  readonly sentResults: SentResults[];
  readonly now: () => number;
  /** Aborted when the simulator closes: whatever waits, waits no longer. */
  readonly closing: AbortSignal;
}
