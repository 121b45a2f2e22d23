/** Which results of a part get a follow-up: written once as a list, and cut into shards. */
import { isDeepStrictEqual } from 'node:util';
import type { ApiOutcome, FollowUpInput, FollowUpOptions } from '../../contract';
import { look, openSegments, type Segments } from '../../storage';
import { inputId } from '../duplicate-ids';
import { changedResults, type Ledger, type LedgerRecord, readLedger, readLedgerRecord } from '../ledger-file';
import type { PartFolder } from '../part-folder';
import { readPartRequests } from '../part-requests';
import type { PassOptions } from '../progress';
import { type FollowUpFiles, followUpFiles } from './files';
import { keepPassing, ResultFilter } from './filter';
import { FollowUpListWriter } from './list-writer';
import { type ListRecord, type ListSource, readListRecord, shardsOf, writeListRecord } from './list-record';
import type { ListSlice } from './shard-cutter';

export interface SelectFollowUpsOptions extends PassOptions {
  partFolder: PartFolder;
  /** How many the part has. */
  requests: number;
  /** As `checkFollowUpOptions` lets them pass. */
  options: FollowUpOptions;
  /** Leave out what will be sent again. */
  withoutRetryable: boolean;
  /** What is the same in all inputs. */
  common: Pick<FollowUpInput, 'jobId' | 'round' | 'part' | 'activityTaskQueue'>;
}

/**
 * Writes the list of a part's follow-ups, in the order of the input, and says where its shards lie. One that is there of the same
 * results and options is left as it is: shards may be reading it. Memory: about 20 bytes a request.
 * @throws StorageError `changed` where stored results or the copy of the requests are not what they were
 */
export async function selectFollowUps(options: SelectFollowUpsOptions): Promise<ListSlice[]> {
  const { partFolder, requests, withoutRetryable, common } = options;
  const { on, where, per, args } = options.options;
  const files = followUpFiles(partFolder);
  const { ledgerRecord, segments } = await openResults(partFolder);
  const { batch_id, generation, crc32 } = ledgerRecord;
  const source: ListSource = asWritten({ batch_id, generation, crc32, on, where, per, args, without_retryable: withoutRetryable, activity_task_queue: common.activityTaskQueue });
  const known = await listOf(files, source);
  if (known) return shardsOf(known);

  const ledger = await readLedger(partFolder, requests);
  const wanted = wantedBy(ledger, on ?? ['succeeded'], withoutRetryable);
  const filter = new ResultFilter(where);
  if (filter.readsResults) await keepPassing(wanted, filter, ledger, segments, ledgerRecord.bytes, options.signal);

  const list = await FollowUpListWriter.open(files, common, typeof per === 'number' ? per : undefined, args ?? []);
  try {
    for await (const group of readPartRequests(partFolder, options)) {
      for (const { position, request, offset, line } of group) {
        const customId = inputId(request) ?? request.customId;
        if (wanted[position] === 0 || !filter.passesRequest({ custom_id: customId, ...(request.metadata && { metadata: request.metadata }) })) continue;
        const entry = ledger.entry(position);
        const at = segments.locate(entry.offset);
        await list.add({
          ...common,
          customId,
          outcome: entry.outcome as ApiOutcome,
          metadata: request.metadata ?? {},
          result: { uri: at.path, offset: at.offset, length: entry.length },
          request: { uri: partFolder.requests, offset, length: line.length },
        });
      }
    }
    // Of a worker that was frozen while another one has written it.
    const theirs = await listOf(files, source);
    if (theirs) return shardsOf(theirs);
    const shards = await list.commit();
    await writeListRecord(files, source, shards);
    return shards;
  } finally {
    await list.discard();
  }
}

/** Those that the ledger speaks of, whatever a frozen attempt has begun since. @throws StorageError `changed` */
async function openResults(folder: PartFolder): Promise<{ ledgerRecord: LedgerRecord; segments: Segments }> {
  const ledgerRecord = await readLedgerRecord(folder);
  const segments = await openSegments(folder.segments, { generation: ledgerRecord?.generation, synced: ledgerRecord?.bytes });
  if (ledgerRecord && segments.checkpoint >= ledgerRecord.bytes) return { ledgerRecord, segments };
  throw changedResults(folder, ledgerRecord?.batch_id, `Results stored in ${folder.segments} are gone: ${segments.checkpoint} of ${ledgerRecord?.bytes ?? 0} bytes are left.`);
}

async function listOf(files: FollowUpFiles, source: ListSource): Promise<ListRecord | undefined> {
  const record = await readListRecord(files);
  if (!record || !isDeepStrictEqual(record.source, source)) return undefined;
  return (await look(files.list))?.size === record.bytes ? record : undefined;
}

/** By the position in the part: 1 where the outcome is one of those. */
function wantedBy(ledger: Ledger, outcomes: readonly ApiOutcome[], withoutRetryable: boolean): Uint8Array {
  const of = new Set<string>(outcomes);
  const wanted = new Uint8Array(ledger.requests);
  for (let position = 0; position < wanted.length; position++) {
    const { outcome, retryable, length } = ledger.entry(position);
    if (of.has(outcome) && length > 0 && !(withoutRetryable && retryable)) wanted[position] = 1;
  }
  return wanted;
}

/** As it is when it was written and read again. */
function asWritten<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
