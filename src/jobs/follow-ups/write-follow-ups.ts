/** Joins the ends of all follow-ups to the lists that they were started from: `follow-ups.jsonl` of a job's outputs. */
import { type AnswerCounts, type FollowUpCounts, type FollowUpInput, type FollowUpLine, type FollowUpSliceInput, workflowIdOfFollowUp } from '../../contract';
import { type ByteSink, openReplacement } from '../../storage';
import { HashedSink } from '../hashed-sink';
import type { PartFolder } from '../part-folder';
import type { PassOptions } from '../progress';
import { readReference } from '../read-reference';
import { endFilesByShard, type FollowUpEnd, isSlice, readEnds } from './ends';
import { followUpFiles } from './files';
import { readListRecord, shardsOf } from './list-record';
import { readList } from './read-list';
import type { ListSlice } from './shard-cutter';
import { FollowUpTally } from './tally';

export interface WrittenFollowUps {
  counts: FollowUpCounts;
  /** Where some of them have said whether answers are valid. */
  answers?: AnswerCounts;
  /** The file as it was written: its bytes, and their SHA-256 in hex. */
  file: { bytes: number; sha256: string };
  /** The parts that have a list, as `round.part`. */
  parts: Set<string>;
}

/**
 * Writes a line for each follow-up, in the order of the parts and of their lists; whole or as it was before, and safe from a
 * power loss. Holds the ends of one shard at a time.
 * @param parts in the order of rounds and parts.
 * @returns undefined where no part has a list: then nothing is written.
 * @throws StorageError; the signal's reason as it is.
 */
export async function writeFollowUps(path: string, parts: readonly PartFolder[], options: Pick<PassOptions, 'signal'> = {}): Promise<WrittenFollowUps | undefined> {
  const listed: { folder: PartFolder; shards: ListSlice[] }[] = [];
  for (const folder of parts) {
    const record = await readListRecord(followUpFiles(folder));
    if (record) listed.push({ folder, shards: shardsOf(record) });
  }
  if (listed.length === 0) return undefined;
  const tally = new FollowUpTally();
  const replacement = await openReplacement(path);
  try {
    const file = new HashedSink(replacement.writer);
    for (const { folder, shards } of listed) await writePart(file, folder, shards, tally, options);
    const written = { bytes: file.bytes, sha256: file.sha256() };
    await replacement.commit();
    const { counts, answers } = tally;
    return { counts, ...(answers && { answers }), file: written, parts: new Set(listed.map(({ folder }) => `${folder.round}.${folder.part}`)) };
  } finally {
    await replacement.discard();
  }
}

async function writePart(file: ByteSink, folder: PartFolder, shards: readonly ListSlice[], tally: FollowUpTally, { signal }: Pick<PassOptions, 'signal'>): Promise<void> {
  const files = followUpFiles(folder);
  const endFiles = await endFilesByShard(files);
  for (const [index, { offset, length, count: listed }] of shards.entries()) {
    const ends = await readEnds(files, endFiles.get(index + 1) ?? [], (end) => end);
    for await (const inputs of readList({ uri: files.list, offset, length }, listed)) {
      signal?.throwIfAborted();
      for (const input of inputs) {
        const end = ends.get(workflowIdOfFollowUp(input));
        tally.add(end, isSlice(input) ? input.count : 1);
        await file.append(Buffer.from(`${JSON.stringify(await lineOf(input, end))}\n`));
      }
    }
  }
}

/** Without an end it was not started: a cancel came before, or before its end was seen. */
async function lineOf(input: FollowUpInput | FollowUpSliceInput, end: FollowUpEnd | undefined): Promise<FollowUpLine> {
  const { workflowId = workflowIdOfFollowUp(input), ...became } = end ?? { status: 'not_started' as const };
  return { ...(await whoseLine(input)), ...(became.status !== 'completed' && !isSlice(input) && { part: input.part }), ...became, workflow_id: workflowId };
}

async function whoseLine(input: FollowUpInput | FollowUpSliceInput): Promise<Pick<FollowUpLine, 'custom_id' | 'outcome' | 'slice' | 'custom_ids'>> {
  if (!isSlice(input)) return { custom_id: input.customId, outcome: input.outcome };
  const results = (await readReference(input.results)).toString('utf8').split('\n');
  const ids = results.filter((line) => line !== '').map((line) => (JSON.parse(line) as FollowUpInput).customId);
  return { slice: `${input.round}.${input.part}.${input.slice}`, custom_ids: ids };
}
