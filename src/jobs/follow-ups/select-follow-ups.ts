/** Which results of a part get a follow-up: written once as a list, and cut into shards. */
import { isDeepStrictEqual } from 'node:util';
import type { FollowUpInput, FollowUpOptions } from '../../contract';
import { look, removeDurably } from '../../storage';
import { readLedger } from '../ledger-file';
import type { PartFolder } from '../part-folder';
import type { PassOptions } from '../progress';
import { type FollowUpFiles, followUpFiles } from './files';
import { followUpInputs, openResults, wantedBy } from './inputs';
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
  const wanted = wantedBy(ledger, on, ({ retryable }) => !(withoutRetryable && retryable));
  const passing = followUpInputs({ ...options, ledger, ledgerRecord, segments, wanted, where });
  const list = await FollowUpListWriter.open(files, common, typeof per === 'number' ? per : undefined, args ?? []);
  try {
    for await (const input of passing) await list.add(input);
    // Of a worker that was frozen while another one has written it.
    const theirs = await listOf(files, source);
    if (theirs) return shardsOf(theirs);
    const shards = await list.commit();
    await removeEndsOfAnotherBatch(files, batch_id);
    await writeListRecord(files, source, shards);
    return shards;
  } finally {
    await list.discard();
  }
}

/** Ends are told apart by workflow id, which says job and round alone: where a job's records are gone and its outputs are not, another batch has the same ones. */
async function removeEndsOfAnotherBatch(files: FollowUpFiles, batchId: string | undefined): Promise<void> {
  const before = await readListRecord(files);
  if (before?.source && before.source.batch_id !== batchId) await removeDurably(files.ends);
}

async function listOf(files: FollowUpFiles, source: ListSource): Promise<ListRecord | undefined> {
  const record = await readListRecord(files);
  if (!record || !isDeepStrictEqual(record.source, source)) return undefined;
  return (await look(files.list))?.size === record.bytes ? record : undefined;
}

/** As it is when it was written and read again. */
function asWritten<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
