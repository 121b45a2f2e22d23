/** Puts a batch that somebody else has created on record as that of a job, so that nothing is ever created for it. */
import { StorageError } from '../storage';
import type { AccountRecords, PartOwner } from './account-records';
import type { JobFolder } from './job-folder';

export interface BatchToAdopt {
  batchId: string;
  /** ISO, as the API says. */
  createdAt: string;
  requests: number;
  /** Bytes of the create body that the job would have sent. */
  bodyBytes: number;
  simulated: boolean;
}

/** A batch that belongs to a part already, or a job that has another batch. */
export type NotAdopted = { kind: 'owned'; by: PartOwner } | { kind: 'has_batch'; batchId: string | undefined };

/**
 * Records the batch as the answer to the first create of the job's only part. To be called before the job is put on record or
 * started; can be repeated after a kill. Owner, then answer, then intent: at no moment is there an attempt whose outcome is unknown,
 * or a job that has none.
 * @returns undefined where the batch is the job's now.
 * @throws StorageError
 */
export async function adoptBatch(folder: JobFolder, account: AccountRecords, batch: BatchToAdopt): Promise<NotAdopted | undefined> {
  const owner: PartOwner = { job_id: folder.jobId, round: 1, part: 1 };
  const { creates } = folder.part(owner.round, owner.part);
  const before = await creates.state();
  const isOther = before.kind === 'accepted' ? before.batchId !== batch.batchId : before.kind === 'open' || before.attempt > 1;
  if (isOther) return { kind: 'has_batch', batchId: before.kind === 'accepted' ? before.batchId : undefined };
  let by = await account.own(batch.batchId, owner);
  if (!isSame(by, owner) && (await account.disownUnused(batch.batchId))) by = await account.own(batch.batchId, owner);
  if (!isSame(by, owner)) return { kind: 'owned', by };
  const at = new Date().toISOString();
  await creates.answered(1, { batch_id: batch.batchId, created_at: batch.createdAt, simulated: batch.simulated });
  const after = await creates.state();
  // A worker was faster: what it has sent is the job's.
  if (after.kind !== 'accepted') throw new StorageError('changed', folder.folder, `The record of ${batch.batchId} was removed while it was being written.`, 'Run the same command again.');
  if (after.batchId !== batch.batchId) {
    await account.disown(batch.batchId, owner);
    return { kind: 'has_batch', batchId: after.batchId };
  }
  await creates.begin({ attempt: 1, requests: batch.requests, body_bytes: batch.bodyBytes, body_sha256: '', created_at: at, deadline: at, grace_ms: 0, newest_before: [], made_by: 'adopt' });
  return undefined;
}

function isSame(a: PartOwner, b: PartOwner): boolean {
  return a.job_id === b.job_id && a.round === b.round && a.part === b.part;
}
