import type { InputCheck } from './check-input';
import { BYTES_A_TOKEN, LEAST_OUTPUT_SHARE } from '../contract';

/** Of a line of results, all that is not the answer itself: ids, usage, names. */
const RESULT_FRAME_BYTES = 800;

/**
 * How many bytes a job takes at its output folder while it ends, from the least to the most that is likely: the job's own copy of
 * the requests, and, for a moment, the results twice, as they came and as they are merged. At most the requests once more, where none succeeds.
 */
export function diskNeeded({ bytes, requests, expected }: Pick<InputCheck, 'bytes' | 'requests' | 'expected'>): { low: number; high: number } {
  const maxTokens = expected.reduce((sum, use) => sum + use.maxTokens, 0);
  const frames = requests * RESULT_FRAME_BYTES;
  return {
    low: Math.ceil(bytes + 2 * (frames + maxTokens * LEAST_OUTPUT_SHARE * BYTES_A_TOKEN.least)),
    high: Math.ceil(2 * bytes + 2 * (frames + maxTokens * BYTES_A_TOKEN.most)),
  };
}
