import { Context } from '@temporalio/activity';
import { type BatchReport, noOutcomes, noUsage } from '../contract';
import type { CreateRecords, EndedRecord, LedgerRecord, PartFolder } from '../jobs';
import { closeLedger, fileNameOf, markUnsent, readLedgerRecord } from '../jobs';
import { moveSegments, openSegments, StorageError } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { accountRecords, jobFolder, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import { ownerOf } from './open-part';
import { paidOf } from './paid';
import type { LedgerResult, PartReference, StoredResults } from './payloads';

/**
 * Tells what the results of a part came to; also proves or disproves an adopted batch.
 *
 * `storeResults` has closed the ledger on its way. It is made again of the stored results where that one is gone, or
 * speaks of others.
 */
export function closeLedgerActivity(deps: ActivityDependencies) {
  return async function closePartLedger(ref: PartReference, batchId: string, requests: number, adopted: boolean, stored?: StoredResults): Promise<LedgerResult> {
    return runActivity(deps, async () => {
      const records = jobFolder(deps, ref.jobId).part(ref.round, ref.part);
      const folder = partFolderOf(ref);
      // Disproved by an attempt that was killed before it could say so: its results may be put aside already.
      if (adopted && (await records.creates.disprovedIds()).has(fileNameOf(batchId))) {
        await putAside(deps, ref, folder, batchId);
        return nothingProved(requests);
      }
      const ledger = (await closedLedger(folder, batchId, stored)) ?? (await closeAgain(folder, batchId, requests, await records.readEnded()));
      const disproved = adopted && isOfOthers(ledger) && (await recordDisproof(records.creates, batchId, ledger));
      if (disproved) await putAside(deps, ref, folder, batchId);
      const { outcomes, retryable, usage, problems } = ledger;
      const { cost } = paidOf(ledger, deps.prices);
      return { outcomes, retryable, usage, ...(cost !== undefined && { cost }), problems, matched: requests - outcomes.missing, disproved };
    });
  };
}

async function closedLedger(folder: PartFolder, batchId: string, stored: StoredResults | undefined): Promise<LedgerRecord | undefined> {
  const record = await readLedgerRecord(folder);
  const isOfStored = record && record.batch_id === batchId && record.generation === stored?.generation && record.bytes === stored.bytes;
  return isOfStored ? record : undefined;
}

/**
 * Makes the ledger of a part that is done again where it is gone, is of another batch, or was written by a release that kept it in
 * another way: of the stored results, or, where the part was never sent, without.
 * @throws StorageError `changed` where results that were counted are gone
 */
export async function mustBeClosed(folder: PartFolder, { requests, batchId, outcomes }: BatchReport, ended: EndedRecord | undefined): Promise<void> {
  const record = await readLedgerRecord(folder);
  if (record && record.batch_id === batchId) return;
  if (batchId === undefined) await markUnsent(folder, requests);
  else await closeAgain(folder, batchId, requests, ended, outcomes.missing);
}

/** Outcomes of another job cannot be had again from results of this one. @throws StorageError `changed` */
export async function mustBeTakenOver(folder: PartFolder): Promise<void> {
  if (await readLedgerRecord(folder)) return;
  throw new StorageError('changed', folder.ledger, `${folder.ledger} is not there any more: the outcomes that were taken from another job are lost.`, 'Put the file back from a copy.');
}

async function closeAgain(folder: PartFolder, batchId: string, requests: number, ended: EndedRecord | undefined, mostMissing?: number): Promise<LedgerRecord> {
  return closeLedger({
    partFolder: folder,
    requests,
    batchId,
    segments: await openSegments(folder.segments),
    apiCounts: ended?.batch_id === batchId ? ended.counts : undefined,
    signal: Context.current().cancellationSignal,
    mostMissing,
  });
}

/** Adopted batches have the part's total: for each result of an unknown request one of the part's has none where the batch is another. */
function isOfOthers({ unknown_ids: unknownIds, outcomes }: LedgerRecord): boolean {
  // Lines that nobody can read prove nothing, nor does one too many, and what is not disproved is never sent again.
  return unknownIds > 0 && outcomes.missing >= unknownIds;
}

/** @returns false where the create's own answer has come meanwhile and names this batch: that is proof enough. */
async function recordDisproof(creates: CreateRecords, batchId: string, { unknown_ids: unknownIds }: LedgerRecord): Promise<boolean> {
  const state = await creates.state();
  if (state.kind !== 'accepted') throw new Error(`The adoption of ${batchId} is no longer on record; looking at it again`);
  if (state.batchId === batchId && !state.adopted) return false;
  await creates.disproved(state.attempt, batchId, `${unknownIds} of its results are of other requests`);
  return true;
}

/** Makes room for the results of the batch that is the part's own, and lets the disproved one go. Can be repeated. */
async function putAside(deps: ActivityDependencies, ref: PartReference, { segments }: PartFolder, batchId: string): Promise<void> {
  await moveSegments(segments, `${segments}.of-${fileNameOf(batchId)}`);
  await accountRecords(deps).disown(batchId, ownerOf(ref));
}

function nothingProved(requests: number): LedgerResult {
  return { outcomes: { ...noOutcomes(), missing: requests }, retryable: 0, usage: noUsage(), problems: [], matched: 0, disproved: true };
}
