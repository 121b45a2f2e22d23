/** What the follow-ups of some of a part's results are started with. */
import type { ApiOutcome, FollowUpInput, FollowUpOptions } from '../../contract';
import { openSegments, type Segments } from '../../storage';
import { inputId } from '../duplicate-ids';
import { changedResults, type Ledger, type LedgerEntry, type LedgerRecord, readLedgerRecord } from '../ledger-file';
import type { PartFolder } from '../part-folder';
import { readPartRequests } from '../part-requests';
import type { PassOptions } from '../progress';
import { keepPassing, ResultFilter } from './filter';

export interface FollowUpInputsOptions extends PassOptions {
  partFolder: PartFolder;
  ledger: Ledger;
  ledgerRecord: LedgerRecord;
  segments: Segments;
  /** By the request's position in the part: 1 where its result is meant. Those that do not pass the filter may be taken out. */
  wanted: Uint8Array;
  where: FollowUpOptions['where'];
  /** What is the same in all inputs. */
  common: Pick<FollowUpInput, 'jobId' | 'round' | 'part' | 'activityTaskQueue'>;
}

/** Of the results that are meant those that pass the filter, in the order of the input. @throws StorageError */
export async function* followUpInputs(options: FollowUpInputsOptions): AsyncGenerator<FollowUpInput, void, undefined> {
  const { partFolder, ledger, ledgerRecord, segments, wanted, where, common } = options;
  const filter = new ResultFilter(where);
  if (filter.readsResults) await keepPassing(wanted, filter, ledger, segments, ledgerRecord.bytes, options.signal);
  for await (const group of readPartRequests(partFolder, options)) {
    for (const { position, request, offset, line } of group) {
      const customId = inputId(request) ?? request.customId;
      if (wanted[position] === 0 || !filter.passesRequest({ custom_id: customId, ...(request.metadata && { metadata: request.metadata }) })) continue;
      const entry = ledger.entry(position);
      const at = segments.locate(entry.offset);
      yield {
        ...common,
        customId,
        outcome: entry.outcome as ApiOutcome,
        metadata: request.metadata ?? {},
        result: { uri: at.path, offset: at.offset, length: entry.length },
        request: { uri: partFolder.requests, offset, length: line.length },
      };
    }
  }
}

/** Those that the ledger speaks of, whatever a frozen attempt has begun since. @throws StorageError `changed` */
export async function openResults(folder: PartFolder): Promise<{ ledgerRecord: LedgerRecord; segments: Segments }> {
  const ledgerRecord = await readLedgerRecord(folder);
  const segments = await openSegments(folder.segments, { generation: ledgerRecord?.generation, synced: ledgerRecord?.bytes });
  if (ledgerRecord && segments.checkpoint >= ledgerRecord.bytes) return { ledgerRecord, segments };
  throw changedResults(folder, ledgerRecord?.batch_id, `Results stored in ${folder.segments} are gone: ${segments.checkpoint} of ${ledgerRecord?.bytes ?? 0} bytes are left.`);
}

/** By the position in the part: 1 where there is a result of one of these outcomes, and it is meant. */
export function wantedBy(ledger: Ledger, on: FollowUpOptions['on'], isMeant: (entry: LedgerEntry, position: number) => boolean): Uint8Array {
  const of = new Set<string>(on ?? ['succeeded']);
  const wanted = new Uint8Array(ledger.requests);
  for (let position = 0; position < wanted.length; position++) {
    const entry = ledger.entry(position);
    if (of.has(entry.outcome) && entry.length > 0 && isMeant(entry, position)) wanted[position] = 1;
  }
  return wanted;
}
