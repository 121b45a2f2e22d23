import { Context } from '@temporalio/activity';
import type { CreateRecords, LedgerSummary, PartFolder } from '../jobs';
import { closeLedger, fileNameOf } from '../jobs';
import { moveSegments, openSegments } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { accountRecords, jobFolder, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import { ownerOf } from './open-part';
import type { LedgerResult, PartReference } from './payloads';

/** Holds the stored results of a part against its requests; also proves or disproves an adopted batch. */
export function closeLedgerActivity(deps: ActivityDependencies) {
  return async function closePartLedger(ref: PartReference, batchId: string, requests: number, adopted: boolean): Promise<LedgerResult> {
    return runActivity(deps, async () => {
      const records = jobFolder(deps, ref.jobId).part(ref.round, ref.part);
      const folder = partFolderOf(ref);
      // Disproved by an attempt that was killed before it could say so: its results may be put aside already.
      if (adopted && (await records.creates.disprovedIds()).has(fileNameOf(batchId))) {
        await putAside(deps, ref, folder, batchId);
        return nothingProved(requests);
      }
      const ended = await records.readEnded();
      const ledger = await closeLedger({
        partFolder: folder,
        requests,
        segments: await openSegments(folder.segments),
        apiCounts: ended?.counts,
        signal: Context.current().cancellationSignal,
      });
      const disproved = adopted && isOfOthers(ledger) && (await recordDisproof(records.creates, batchId, ledger));
      if (disproved) await putAside(deps, ref, folder, batchId);
      const { outcomes, retryable, usage, problems, matched } = ledger;
      return { outcomes, retryable, usage, problems, matched, disproved };
    });
  };
}

/** Adopted batches have the part's total: one result of an unknown request says that one of the part's has none, so the batch is another. */
function isOfOthers({ unknownIds }: LedgerSummary): boolean {
  // Lines that nobody can read prove nothing, and what is not disproved is never sent again.
  return unknownIds > 0;
}

/** @returns false where the create's own answer has come meanwhile and names this batch: that is proof enough. */
async function recordDisproof(creates: CreateRecords, batchId: string, { unknownIds }: LedgerSummary): Promise<boolean> {
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
  return {
    outcomes: { succeeded: 0, errored: 0, canceled: 0, expired: 0, missing: requests, unsent: 0 },
    retryable: 0,
    usage: { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    problems: [],
    matched: 0,
    disproved: true,
  };
}
