/** What rounds that came later, or did not, mean for the follow-ups of results that could be sent again. */
import type { FollowUpInput } from '../../contract';
import { readLedger, readLedgerRecord } from '../ledger-file';
import type { PartFolder } from '../part-folder';
import { readOrdinals } from '../part-requests';
import type { PassOptions } from '../progress';
import { followUpInputs, openResults, wantedBy } from './inputs';
import type { ListSource } from './list-record';

/** A part whose follow-ups were selected, once all rounds are over. */
export interface SelectedPart extends Pick<PassOptions, 'signal'> {
  jobId: string;
  folder: PartFolder;
  /** How many it has. */
  requests: number;
  source: ListSource;
  /** Whether the result of this round is the final one of a request. @param ordinal the request's position in the input */
  isFinal(round: number, ordinal: number): boolean;
}

/**
 * Results that were left out as a further round was to send them again, and that are final as none has: a cancel, the cap, or a setting
 * came between. Found anew and not noted when the list is made, so that nothing has to be kept of what is nearly always nothing.
 * @returns what their follow-ups are to be started with, in the order of the input. @throws StorageError
 */
export async function* leftOut(part: SelectedPart): AsyncGenerator<FollowUpInput, void, undefined> {
  if (part.source.without_retryable) yield* retryable(part, true);
}

/**
 * Results that have got a follow-up, and that a further round has sent again after all, as more retries were allowed meanwhile.
 * @returns the ids of their requests. @throws StorageError
 */
export async function supersededIds(part: SelectedPart): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  if (part.source.without_retryable) return ids;
  for await (const { customId } of retryable(part, false)) ids.add(customId);
  return ids;
}

/** Those that pass what the follow-ups are for, and are final, or are not. */
async function* retryable({ jobId, folder, requests, source, isFinal, signal }: SelectedPart, final: boolean): AsyncGenerator<FollowUpInput, void, undefined> {
  if (!(await readLedgerRecord(folder))?.retryable) return;
  const { on, where, activity_task_queue: activityTaskQueue } = source;
  const { round, part } = folder;
  const ledger = await readLedger(folder, requests);
  const ordinals = await readOrdinals(folder, requests);
  const wanted = wantedBy(ledger, on, (entry, position) => entry.retryable && isFinal(round, ordinals[position]!) === final);
  if (!wanted.includes(1)) return;
  const common = { jobId, round, part, activityTaskQueue };
  yield* followUpInputs({ ...(await openResults(folder)), partFolder: folder, ledger, wanted, where, common, signal });
}
