/** Puts a batch that somebody else has created on record as that of a job, so that nothing is ever created for it. */
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

/**
 * A batch that belongs to a part already, a job that has another batch, or a create without an answer that may have made this very
 * batch: once it belongs to another, whoever looks for it would not find it, and would send its requests again.
 */
export type NotAdopted = { kind: 'owned'; by: PartOwner } | { kind: 'has_batch'; batchId: string | undefined } | { kind: 'in_doubt'; by: PartOwner };

/**
 * Records the batch as the answer to the first create of the job's only part. To be called before the job is put on record or
 * started; can be repeated after a kill. Owner, then intent, then answer: who writes the intent has the attempt, so that a worker that
 * comes to create for this part sends nothing, or the batch is not taken over. An intent without its answer is looked up as any other,
 * and finds the batch that the job owns.
 * @returns undefined where the batch is the job's now.
 * @throws StorageError
 */
export async function adoptBatch(folder: JobFolder, account: AccountRecords, batch: BatchToAdopt): Promise<NotAdopted | undefined> {
  const { batchId } = batch;
  const owner: PartOwner = { job_id: folder.jobId, round: 1, part: 1 };
  const { creates } = folder.part(owner.round, owner.part);
  const before = await creates.state();
  if (before.kind === 'accepted') return before.batchId === batchId ? undefined : { kind: 'has_batch', batchId: before.batchId };
  const isOwnIntent = async (): Promise<boolean> => (await creates.readIntent(1))?.made_by === madeBy(batchId);
  if (before.attempt > 1) return { kind: 'has_batch', batchId: undefined };
  if (before.kind === 'open' && !(await isOwnIntent())) return { kind: 'in_doubt', by: owner };
  const inDoubt = await account.openCreate(batch.requests);
  if (inDoubt) return { kind: 'in_doubt', by: inDoubt };

  let by = await account.own(batchId, owner);
  if (!isSame(by, owner) && (await account.disownUnused(batchId))) by = await account.own(batchId, owner);
  if (!isSame(by, owner)) return { kind: 'owned', by };
  const giveBack = async (other: PartOwner): Promise<NotAdopted> => {
    await account.disown(batchId, owner);
    return { kind: 'in_doubt', by: other };
  };
  const begunMeanwhile = await account.openCreate(batch.requests);
  if (begunMeanwhile) return giveBack(begunMeanwhile);
  const at = new Date().toISOString();
  const intent = { attempt: 1, requests: batch.requests, body_bytes: batch.bodyBytes, body_sha256: '', created_at: at, deadline: at, grace_ms: 0, newest_before: [], made_by: madeBy(batchId) };
  if (!(await creates.begin(intent)) && !(await isOwnIntent())) return giveBack(owner);
  await creates.answered(1, { batch_id: batchId, created_at: batch.createdAt, simulated: batch.simulated });
  return undefined;
}

function madeBy(batchId: string): string {
  return `adopt ${batchId}`;
}

function isSame(a: PartOwner, b: PartOwner): boolean {
  return a.job_id === b.job_id && a.round === b.round && a.part === b.part;
}
