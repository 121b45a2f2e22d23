/** Reads a shard's list page by page: an answer of an activity is bounded. */
import { type DataReference, workflowIdOfFollowUp } from '../../contract';
import type { PartFolder } from '../part-folder';
import { endFilesByShard, readEnds } from './ends';
import { type FollowUpFiles, followUpFiles } from './files';
import { readListRecord, shardsOf } from './list-record';
import { type ListPiece, readListPiece } from './read-list';

/** Some of a shard's follow-ups. */
export interface ListPage extends ListPiece {
  /** How many have an end on record; these are not in `inputs`. */
  recorded?: { succeeded: number; failed: number };
}

/**
 * Reads the next follow-ups of a list.
 * @param list with offset and length: from the beginning of a line to the end of one.
 * @param partFolder leaves out those that have an end on record there. One that was not started has none.
 * @throws StorageError `changed` where the list is not there, or is another one
 */
export async function readListPage(list: DataReference, partFolder?: PartFolder): Promise<ListPage> {
  const hasEnded = partFolder && (await recordedEnds(followUpFiles(partFolder), list));
  const page = await readListPiece(list);
  if (!hasEnded) return page;
  const recorded = { succeeded: 0, failed: 0 };
  const inputs = page.inputs.filter((input) => {
    const succeeded = hasEnded.get(workflowIdOfFollowUp(input));
    if (succeeded !== undefined) recorded[succeeded ? 'succeeded' : 'failed']++;
    return succeeded === undefined;
  });
  return { ...page, inputs, recorded };
}

/** By workflow id, whether it has completed; without those that were not started. Of a piece of the part's own list only the files of its shard are read. */
async function recordedEnds(files: FollowUpFiles, list: DataReference): Promise<Map<string, boolean>> {
  const byShard = await endFilesByShard(files);
  const shard = list.uri === files.list ? await shardOf(files, list.offset ?? 0) : undefined;
  const names = shard === undefined ? [...byShard.values()].flat() : (byShard.get(shard) ?? []);
  const statuses = await readEnds(files, names, ({ status }) => status);
  return new Map([...statuses].filter(([, status]) => status !== 'not_started').map(([id, status]) => [id, status === 'completed']));
}

/** Number of the shard that a byte of the list belongs to. */
async function shardOf(files: FollowUpFiles, at: number): Promise<number | undefined> {
  const record = await readListRecord(files);
  const index = record ? shardsOf(record).findIndex(({ offset, length }) => offset <= at && at < offset + length) : -1;
  return index === -1 ? undefined : index + 1;
}
