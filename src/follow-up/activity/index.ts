/**
 * For the code of your activities: reads what follow-ups are for by reference, so that it never is a payload of Temporal. It reads
 * the files (or the objects in S3, with the `AWS_*` settings of this process) itself: no worker of the product, no Temporal.
 */
import { readFollowUpRequest, readFollowUpResult, sliceResults as resultsOf, type FollowUpResult } from '../../jobs/follow-ups/slice-results';
import type { StoredRequest } from '../../jobs/stored-request';
import { speaking } from './errors';
import type { FollowUpInput, FollowUpSliceInput } from '../../contract';

export type { FollowUpInput, FollowUpSliceInput } from '../../contract';
export type { FollowUpResult } from '../../jobs/follow-ups/slice-results';
export type { StoredRequest } from '../../jobs/stored-request';
export { FollowUpDataError } from './errors';
export { textOf } from '../text-of';

/**
 * The results of a slice (`per: 500`), in the order of the input. Holds a few megabytes of them, whatever the slice has; those that
 * are stored beside each other are read at once.
 *
 * @param input what the follow-up workflow got.
 * @param options.signal stops the reading, e.g. `Context.current().cancellationSignal`; its reason is thrown as it is.
 * @throws FollowUpDataError
 */
export async function* sliceResults<Metadata = Record<string, unknown>>(input: FollowUpSliceInput, options: { signal?: AbortSignal } = {}): AsyncGenerator<FollowUpResult<Metadata>, void, undefined> {
  const results = resultsOf<Metadata>(input, options);
  try {
    // By hand: what the caller throws in its loop is not ours to change.
    for (let next = await speaking(results.next()); !next.done; next = await speaking(results.next())) {
      const { value } = next;
      yield { ...value, request: () => speaking(value.request()) };
    }
  } finally {
    await results.return();
  }
}

/**
 * The result that a follow-up was started for.
 * @throws FollowUpDataError
 */
export async function readResult<Metadata = Record<string, unknown>>(input: FollowUpInput<Metadata>): Promise<FollowUpResult<Metadata>> {
  const result = await speaking(readFollowUpResult(input));
  return { ...result, request: () => speaking(result.request()) };
}

/**
 * The request of a follow-up, as the input of the job has it.
 * @throws FollowUpDataError, `changed` where it is not kept any more.
 */
export function readRequest(input: Pick<FollowUpInput, 'jobId' | 'customId' | 'request' | 'result'>): Promise<StoredRequest> {
  return speaking(readFollowUpRequest(input));
}
