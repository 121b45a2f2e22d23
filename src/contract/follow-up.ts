import type { ApiOutcome } from './outcomes';
import type { DataReference } from './data';

/** Which results start a workflow, and which workflow. */
export interface FollowUpOptions {
  /** Type name of a workflow that some worker serves. */
  workflow: string;
  /** Where that worker polls; default: the job's own task queue. */
  taskQueue?: string;
  /** For which outcomes; default `['succeeded']`. */
  on?: ApiOutcome[];
  /** How many run at once in one shard; default 50. */
  window?: number;
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
  /** Task queue of the activity that `loadResult` calls. */
  activityTaskQueue: string;
}

/** What became of a batch's follow-ups. */
export interface FollowUpCounts {
  selected: number;
  started: number;
  succeeded: number;
  failed: number;
}
