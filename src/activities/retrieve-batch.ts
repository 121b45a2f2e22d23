import { InvalidAnswerError, NotFoundError } from '../api';
import type { MessageBatch } from '../api';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';
import type { BatchSnapshot, PartReference } from './payloads';

/** Looks at a batch once. Its end is recorded before anybody is told. */
export function retrieveBatchActivity(deps: ActivityDependencies) {
  return async function retrieveBatch(ref: PartReference, batchId: string): Promise<BatchSnapshot> {
    return runActivity(deps, async () => {
      try {
        const { data, retryAfterMs } = await deps.api.retrieve(batchId, { betas: ref.betas });
        return await snapshot(deps, ref, batchId, data, retryAfterMs);
      } catch (error) {
        // A 404 is not terminal by itself: it has been seen between good polls. The workflow counts how long it lasts.
        if (error instanceof NotFoundError) return { status: 'not_found' };
        throw error;
      }
    });
  };
}

/**
 * What the workflow needs of a batch; an ended one is put on record first.
 *
 * @param batchId the one that was asked for.
 * @throws InvalidAnswerError where another one was answered.
 */
export async function snapshot(deps: ActivityDependencies, ref: PartReference, batchId: string, batch: MessageBatch, retryAfterMs?: number): Promise<BatchSnapshot> {
  if (batch.id !== batchId) throw new InvalidAnswerError(`Asked for the batch ${batchId}, got another one`);
  if (batch.processing_status === 'ended') {
    await jobFolder(deps, ref.jobId).part(ref.round, ref.part).writeEnded({
      batch_id: batch.id,
      created_at: batch.created_at,
      ended_at: batch.ended_at ?? new Date().toISOString(),
      counts: batch.request_counts,
    });
  }
  return {
    status: batch.processing_status,
    counts: batch.request_counts,
    createdAt: batch.created_at,
    expiresAt: batch.expires_at,
    endedAt: batch.ended_at ?? undefined,
    retryAfterMs,
  };
}
