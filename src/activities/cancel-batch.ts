import { ApiError, NotFoundError } from '../api';
import type { ActivityDependencies } from './dependencies';
import { isKeyRefused, runActivity } from './failures';
import type { BatchSnapshot, PartReference } from './payloads';
import { snapshot } from './retrieve-batch';

/** Asks the API to cancel a batch. Safe to repeat: what a refusal means is decided by looking at the batch. */
export function cancelBatchActivity(deps: ActivityDependencies) {
  return async function cancelBatch(ref: PartReference, batchId: string): Promise<BatchSnapshot> {
    return runActivity(deps, async () => {
      try {
        return await cancelOrLook(deps, ref, batchId);
      } catch (error) {
        // A batch that was just created may be unknown for a moment. The workflow counts how long it lasts.
        if (error instanceof NotFoundError) return { status: 'not_found' };
        throw error;
      }
    });
  };
}

async function cancelOrLook(deps: ActivityDependencies, ref: PartReference, batchId: string): Promise<BatchSnapshot> {
  const options = { betas: ref.betas };
  try {
    const { data } = await deps.api.cancel(batchId, options);
    return await snapshot(deps, ref, batchId, data);
  } catch (error) {
    const refused = error instanceof ApiError && !error.retryable && !(error instanceof NotFoundError) && !isKeyRefused(error);
    if (!refused) throw error;
    const { data } = await deps.api.retrieve(batchId, options);
    if (data.processing_status === 'in_progress') throw error;
    return await snapshot(deps, ref, batchId, data);
  }
}
