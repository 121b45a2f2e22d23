/**
 * What became of a part's follow-ups, on record: files of ends, each written once and whole. A file's name begins with the number
 * of the shard, so that what has become of one shard is told without reading the others.
 */
import { createHash } from 'node:crypto';
import { isDeep, type FollowUpEndStatus, type FollowUpInput, type FollowUpLine, type FollowUpSliceInput, keptValue } from '../../contract';
import { createFile, joinLocation, look, namesIn, readWhole, StorageError } from '../../storage';
import { fileNameOf } from '../create-records';
import type { PartFolder } from '../part-folder';
import { type FollowUpFiles, followUpFiles } from './files';

/** What became of one follow-up, as its shard saw it. */
export type FollowUpEnd = Pick<FollowUpLine, 'status' | 'value' | 'value_bytes' | 'value_encoding' | 'failure'> & { workflowId: string };

/** Of the digest of a file's content that stands in its name, in characters. */
const DIGEST_LENGTH = 12;

/** Read side by side: they may lie in S3. */
const READ_TOGETHER = 8;

/** Of two ends of one follow-up, which one holds: one that has completed is never started again. */
const RANK: Record<FollowUpEndStatus, number> = { not_started: 0, canceled: 1, terminated: 2, timed_out: 2, failed: 2, completed: 3 };

/**
 * Puts ends on record, safe from a power loss. The same ends again under this name change nothing. Others stand beside them: a Temporal
 * server that a power loss has set back gives a number that it has given before.
 * @param name begins with the number of the shard and `-`
 * @throws StorageError `changed` where there is no list: the working data is gone.
 */
export async function recordEnds(folder: PartFolder, name: string, ends: readonly FollowUpEnd[]): Promise<void> {
  const files = followUpFiles(folder);
  // Nothing is made where it was removed: the job may have ended, and its outputs may be of another one since.
  if (!(await look(files.record))) throw gone(files);
  const lines = ends.map((end) => `${JSON.stringify(withoutLargeValue(end))}\n`).join('');
  const digest = createHash('sha256').update(lines).digest('hex').slice(0, DIGEST_LENGTH);
  await createFile(joinLocation(files.ends, `${fileNameOf(name)}-${digest}.jsonl`), lines);
}

/** Names of the files of ends, by the number of their shard. @throws StorageError */
export async function endFilesByShard(files: FollowUpFiles): Promise<Map<number, string[]>> {
  const byShard = new Map<number, string[]>();
  for (const name of (await namesIn(files.ends)).sort()) {
    const shard = /^(\d+)-.*\.jsonl$/.exec(name)?.[1];
    if (shard === undefined) continue;
    const names = byShard.get(Number(shard)) ?? [];
    byShard.set(Number(shard), names);
    names.push(name);
  }
  return byShard;
}

/**
 * The ends in some files, by workflow id. Where there are several of one follow-up, the one that holds.
 * @param keep what is kept of each.
 * @throws StorageError
 */
export async function readEnds<T>(files: FollowUpFiles, names: readonly string[], keep: (end: FollowUpEnd) => T): Promise<Map<string, T>> {
  const kept = new Map<string, { rank: number; of: T }>();
  for (let from = 0; from < names.length; from += READ_TOGETHER) {
    const paths = names.slice(from, from + READ_TOGETHER).map((name) => joinLocation(files.ends, name));
    const contents = await Promise.all(paths.map(readWhole));
    for (const [index, content] of contents.entries()) {
      for (const end of endsIn(content, paths[index]!)) {
        const rank = RANK[end.status];
        if (rank >= (kept.get(end.workflowId)?.rank ?? 0)) kept.set(end.workflowId, { rank, of: keep(end) });
      }
    }
  }
  return new Map([...kept].map(([id, { of }]) => [id, of]));
}

export function isSlice(input: FollowUpInput | FollowUpSliceInput): input is FollowUpSliceInput {
  return 'slice' in input;
}

function endsIn(content: Buffer, path: string): FollowUpEnd[] {
  try {
    return content
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as FollowUpEnd);
  } catch (error) {
    throw new StorageError('damaged', path, `${path} is not what this job wrote: a line of it is not JSON.`, 'Put the file back from a copy, or remove it: the ends of these follow-ups are then asked for again.', { cause: error });
  }
}

/** The value is left out where it is too large, and where it is too deep to be written. */
function withoutLargeValue({ value, ...end }: FollowUpEnd): FollowUpEnd {
  return { ...end, ...(isDeep(value) ? {} : keptValue(value)) };
}

function gone({ folder }: FollowUpFiles): StorageError {
  return new StorageError('changed', folder, `There is no list of follow-ups in ${folder}: the job has ended and its working data was removed, or somebody has moved it.`, 'Where the job has not ended, put the folder back.', { missing: true });
}
