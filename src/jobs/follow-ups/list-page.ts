/** Reads a shard's list page by page: an answer of an activity is bounded. */
import type { DataReference, FollowUpInput, FollowUpSliceInput } from '../../contract';
import { StorageError } from '../../storage';
import { readReference } from '../read-reference';
import type { PartFolder } from '../part-folder';
import { endFilesByShard, readEnds, workflowIdOf } from './ends';
import { followUpFiles } from './files';

/** Bytes of the list that one page comes of; a payload of Temporal may have 2 MB. */
const PAGE_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;

/** Some of a shard's follow-ups. */
export interface ListPage {
  inputs: (FollowUpInput | FollowUpSliceInput)[];
  /** How many have an end on record; these are not in `inputs`. */
  recorded?: { succeeded: number; failed: number };
  /** Where the following ones begin. */
  next?: DataReference;
}

/** Whose ends are looked at: those of a part, or of one shard of it. */
export interface EndsOf {
  partFolder: PartFolder;
  /** From 1. */
  shard?: number;
}

/**
 * Reads the next follow-ups of a list.
 * @param list with offset and length: from the beginning of a line to the end of one.
 * @param endsOf leaves out those that have an end on record. One that was not started has none.
 * @throws StorageError `changed` where the list is not there, or is another one
 */
export async function readListPage(list: DataReference, endsOf?: EndsOf): Promise<ListPage> {
  const hasEnded = endsOf && (await recordedEnds(endsOf));
  const recorded = { succeeded: 0, failed: 0 };
  let next: DataReference | undefined = list;
  let inputs: ListPage['inputs'] = [];
  // One without anything to do would cost the shard a turn for nothing.
  while (next && inputs.length === 0) {
    const page = await readPage(next);
    next = page.next;
    inputs = page.inputs.filter((input) => {
      const succeeded = hasEnded?.get(workflowIdOf(input));
      if (succeeded === undefined) return true;
      recorded[succeeded ? 'succeeded' : 'failed']++;
      return false;
    });
  }
  return { inputs, ...(hasEnded && { recorded }), ...(next && { next }) };
}

/** By workflow id, whether it has completed; without those that were not started. */
async function recordedEnds({ partFolder, shard }: EndsOf): Promise<Map<string, boolean>> {
  const files = followUpFiles(partFolder);
  const byShard = await endFilesByShard(files);
  const names = shard === undefined ? [...byShard.values()].flat() : (byShard.get(shard) ?? []);
  const statuses = await readEnds(files, names, ({ status }) => status);
  return new Map([...statuses].filter(([, status]) => status !== 'not_started').map(([id, status]) => [id, status === 'completed']));
}

async function readPage(list: DataReference): Promise<Pick<ListPage, 'inputs' | 'next'>> {
  const { uri, offset = 0, length = 0 } = list;
  const wanted = Math.min(length, PAGE_BYTES);
  const bytes = await readReference({ uri, offset, length: wanted });
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  if (end === 0 && length > 0) throw otherList(uri);
  const inputs = linesIn(bytes.subarray(0, end), uri);
  return { inputs, ...(end < length && { next: { uri, offset: offset + end, length: length - end } }) };
}

function linesIn(bytes: Buffer, uri: string): ListPage['inputs'] {
  try {
    return bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as FollowUpInput | FollowUpSliceInput);
  } catch {
    throw otherList(uri);
  }
}

function otherList(uri: string): StorageError {
  return new StorageError('changed', uri, `${uri} is not the list that these follow-ups were selected to.`, 'Put the file back from a copy, or start the job again under its id: the list is then made again, and no follow-up runs twice.');
}
