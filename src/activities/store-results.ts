import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { NotFoundError } from '../api';
import type { EndedRecord, LedgerRecord } from '../jobs';
import { readLedgerRecord } from '../jobs';
import { openSegments } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { jobFolder, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import type { PartReference, StoredResults, StoreProgress } from './payloads';
import { ResultsDownload } from './results-download';
import { StreamSlots } from './stream-slots';

/** How often one attempt fetches a body that ends before every request has a line. */
const TRIES_AN_ATTEMPT = 3;

/** So many short bodies, which takes two minutes, are fetched before one counts as the truth. */
const SHORT_BODIES = 24;

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/**
 * Streams a batch's results to segments (raw bytes, whole lines, each byte once) and holds them against the part's
 * requests on the way.
 *
 * What is synced is the checkpoint; the heartbeat only tells of it. So an attempt that was killed, frozen or cut off
 * costs a second of work, and two that run at once cannot harm each other.
 *
 * `lost`: somebody has said that the API will not know the batch again. Where it answers 404 once more, what is stored is all there is.
 */
export function storeResultsActivity(deps: ActivityDependencies) {
  const slots = new StreamSlots();
  return async function storeResults(ref: PartReference, batchId: string, requests: number, lost = false): Promise<StoredResults> {
    const before = Context.current().info.heartbeatDetails as StoreProgress | undefined;
    const progress: StoreProgress = { generation: 0, lines: 0, bytes: 0, shortBodies: 0, ...before };
    const body = async (): Promise<StoredResults> => {
      const closed = await alreadyClosed(ref, batchId);
      if (closed) return closed;
      const ended = await jobFolder(deps, ref.jobId).part(ref.round, ref.part).readEnded();
      const counted = ended?.batch_id === batchId ? ended.counts : undefined;
      for (let tries = 1; ; tries++) {
        const download = new ResultsDownload({ deps, ref, batchId, requests, apiCounts: counted, expected: expectedLines(counted, requests), progress });
        const record = await download.run(progress.shortBodies >= SHORT_BODIES).catch((error: unknown) => {
          if (lost && error instanceof NotFoundError) return download.closeStored();
          throw error;
        });
        if (record) return storedOf(record);
        progress.shortBodies++;
        if (tries >= TRIES_AN_ATTEMPT && progress.shortBodies < SHORT_BODIES) throw incomplete(progress, expectedLines(counted, requests));
      }
    };
    return runActivity(deps, () => slots.run(body, Context.current().cancellationSignal), () => ({ ...progress }));
  };
}

/** An earlier attempt has come to the end and was killed before it could say so. */
async function alreadyClosed(ref: PartReference, batchId: string): Promise<StoredResults | undefined> {
  const folder = partFolderOf(ref);
  const record = await readLedgerRecord(folder);
  if (record?.batch_id !== batchId) return undefined;
  const { generation, checkpoint } = await openSegments(folder.segments, { synced: record.bytes });
  return record.generation === generation && record.bytes === checkpoint ? storedOf(record) : undefined;
}

/** What the API itself counted when the batch ended, or where that is not known what was sent. */
function expectedLines(counts: EndedRecord['counts'] | undefined, requests: number): number {
  if (!counts) return requests;
  const { processing, succeeded, errored, canceled, expired } = counts;
  return processing + succeeded + errored + canceled + expired || requests;
}

/** Results may be complete a little later than the batch has ended: a short body is believed only after a while. */
function incomplete({ lines, shortBodies }: StoreProgress, expected: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'ResultsIncomplete',
    message: `The results end after ${lines} of ${expected} lines; those are kept, and the rest is asked for again`,
    nonRetryable: false,
    nextRetryDelay: Math.min(FIRST_RETRY_MS * 2 ** (Math.floor(shortBodies / TRIES_AN_ATTEMPT) - 1), LONGEST_RETRY_MS),
    category: ApplicationFailureCategory.BENIGN,
  });
}

function storedOf({ generation, lines, bytes }: LedgerRecord): StoredResults {
  return { generation, lines, bytes };
}
