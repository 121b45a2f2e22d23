import type { ScannedRequest } from './input-scanner';
import type { RoundPlan } from './round-plan';

/** A request to be planned. */
export type PlannedRequest = Pick<ScannedRequest, 'ordinal' | 'line' | 'request'>;

/** Where the requests of a round come from. Can be read more than once. */
export interface RequestSource {
  requests(): AsyncIterable<PlannedRequest[]>;
  /** What is known of what was read to its end. @throws where a plan of it must not be. */
  facts(): Promise<Pick<RoundPlan, 'sha256' | 'bytes' | 'generatedIds'>>;
}
