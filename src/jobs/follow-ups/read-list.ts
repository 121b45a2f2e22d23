/** Reads a list of follow-ups piece by piece. */
import type { DataReference, FollowUpInput, FollowUpSliceInput } from '../../contract';
import { StorageError } from '../../storage';
import { readReference } from '../read-reference';

/** Bytes of one piece; a payload of Temporal, in which it may travel, may have 2 MB. */
const PIECE_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;

export interface ListPiece {
  inputs: (FollowUpInput | FollowUpSliceInput)[];
  /** Where the following ones begin. */
  next?: DataReference;
}

/**
 * @param list with offset and length: from the beginning of a line to the end of one.
 * @throws StorageError `changed` where the list is not there, or is another one
 */
export async function readListPiece({ uri, offset = 0, length = 0 }: DataReference): Promise<ListPiece> {
  const bytes = await readReference({ uri, offset, length: Math.min(length, PIECE_BYTES) });
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  if (end === 0 && length > 0) throw otherList(uri);
  const inputs = linesIn(bytes.subarray(0, end), uri);
  return { inputs, ...(end < length && { next: { uri, offset: offset + end, length: length - end } }) };
}

/** All of a list, in pieces. @param count how many follow-ups it has. @throws StorageError as `readListPiece` */
export async function* readList(list: DataReference, count: number): AsyncGenerator<ListPiece['inputs'], void, undefined> {
  let left = count;
  for (let next: DataReference | undefined = list; next; ) {
    const piece: ListPiece = await readListPiece(next);
    left -= piece.inputs.length;
    yield piece.inputs;
    next = piece.next;
  }
  if (left !== 0) throw otherList(list.uri);
}

function linesIn(bytes: Buffer, uri: string): ListPiece['inputs'] {
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
  return new StorageError('changed', uri, `${uri} is not the list that these follow-ups were selected to.`, 'Put the file back from a copy. Where the job has not ended, it can also be removed, and the job started again under its id: the list is then made again, and no follow-up runs twice.');
}
