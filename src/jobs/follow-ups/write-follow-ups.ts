/** Joins the ends of all follow-ups to the lists that they were started from: `follow-ups.jsonl` of a job's outputs. */
import { type AnswerCounts, type FollowUpCounts, type FollowUpInput, type FollowUpLine, type FollowUpSliceInput, followUpSliceWorkflowId, workflowIdOfFollowUp } from '../../contract';
import { type ByteSink, openReplacement } from '../../storage';
import { HashedSink } from '../hashed-sink';
import type { PassOptions } from '../progress';
import { readReference } from '../read-reference';
import { leftOut, type SelectedPart, supersededIds } from './after-rounds';
import { endFilesByShard, type FollowUpEnd, isSlice, readEnds } from './ends';
import { followUpFiles } from './files';
import { type ListRecord, readListRecord, shardsOf } from './list-record';
import { readList } from './read-list';
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

export interface WriteFollowUpsOptions extends Pick<PassOptions, 'signal'>, Pick<SelectedPart, 'jobId' | 'isFinal'> {
  /** In the order of rounds and parts. */
  parts: readonly Pick<SelectedPart, 'folder' | 'requests'>[];
}

interface ListedPart extends Omit<SelectedPart, 'source'> {
  record: ListRecord;
}

type KnownEnd = Omit<FollowUpEnd, 'workflowId'> & Partial<FollowUpEnd>;

/** Without an end on record: a cancel came before, or before its end was seen, or the round did not come that it was left out for. */
const NOT_STARTED: KnownEnd = { status: 'not_started' };

/**
 * Writes a line for each follow-up, in the order of the parts and of their lists, after those of a part the ones that were left out of its
 * list for a round that never came; whole or as it was before, and safe from a power loss. Holds the ends of one shard at a time.
 * @returns undefined where no part has a list: then nothing is written.
 * @throws StorageError; the signal's reason as it is.
 */
export async function writeFollowUps(path: string, { parts, ...options }: WriteFollowUpsOptions): Promise<WrittenFollowUps | undefined> {
  const listed: ListedPart[] = [];
  for (const part of parts) {
    const record = await readListRecord(followUpFiles(part.folder));
    if (record) listed.push({ ...options, ...part, record });
  }
  if (listed.length === 0) return undefined;
  const tally = new FollowUpTally();
  const replacement = await openReplacement(path);
  try {
    const file = new HashedSink(replacement.writer);
    for (const part of listed) await writePart(file, part, tally);
    const written = { bytes: file.bytes, sha256: file.sha256() };
    await replacement.commit();
    const { counts, answers } = tally;
    return { counts, ...(answers && { answers }), file: written, parts: new Set(listed.map(({ folder }) => `${folder.round}.${folder.part}`)) };
  } finally {
    await replacement.discard();
  }
}

async function writePart(file: ByteSink, { record, ...part }: ListedPart, tally: FollowUpTally): Promise<void> {
  const files = followUpFiles(part.folder);
  const endFiles = await endFilesByShard(files);
  const selected = record.source && { ...part, source: record.source };
  const superseded = selected ? await supersededIds(selected) : new Set<string>();
  let listed = 0;
  for (const [index, { offset, length, count }] of shardsOf(record).entries()) {
    const ends = await readEnds(files, endFiles.get(index + 1) ?? [], (end) => end);
    for await (const inputs of readList({ uri: files.list, offset, length }, count)) {
      part.signal?.throwIfAborted();
      for (const input of inputs) {
        const end = ends.get(workflowIdOfFollowUp(input)) ?? NOT_STARTED;
        const line = await lineOf(input, end, superseded);
        if (!line) continue;
        tally.add(end, isSlice(input) ? input.count : 1);
        await append(file, line);
      }
    }
    listed += count;
  }
  if (!selected) return;
  for await (const line of leftOutLines(selected, listed)) {
    tally.add(NOT_STARTED);
    await append(file, line);
  }
}

function append(file: ByteSink, line: FollowUpLine): Promise<void> {
  return file.append(Buffer.from(`${JSON.stringify(line)}\n`));
}

/** Slices take the numbers after the `listed` ones. */
async function* leftOutLines(part: SelectedPart, listed: number): AsyncGenerator<FollowUpLine, void, undefined> {
  const { per } = part.source;
  let ids: string[] = [];
  const slice = (): FollowUpLine => {
    const { round, part: number } = part.folder;
    const line = sliceLine({ jobId: part.jobId, round, part: number, slice: ++listed }, ids, NOT_STARTED);
    ids = [];
    return line;
  };
  for await (const input of leftOut(part)) {
    if (typeof per !== 'number') yield resultLine(input, NOT_STARTED);
    else if (ids.push(input.customId) === per) yield slice();
  }
  if (ids.length > 0) yield slice();
}

/** @returns undefined where it did not complete and is of results that a further round has sent again: run once more, it would get what that round has found. */
async function lineOf(input: FollowUpInput | FollowUpSliceInput, end: KnownEnd, superseded: ReadonlySet<string>): Promise<FollowUpLine | undefined> {
  const stands = (id: string): boolean => end.status === 'completed' || !superseded.has(id);
  if (!isSlice(input)) return stands(input.customId) ? resultLine(input, end) : undefined;
  const ids = (await idsOf(input)).filter(stands);
  return ids.length > 0 ? sliceLine(input, ids, end) : undefined;
}

function resultLine(input: FollowUpInput, end: KnownEnd): FollowUpLine {
  const { workflowId = workflowIdOfFollowUp(input), ...became } = end;
  const { customId, outcome, part } = input;
  return { custom_id: customId, outcome, ...(became.status !== 'completed' && { part }), ...became, workflow_id: workflowId };
}

function sliceLine({ jobId, round, part, slice }: Pick<FollowUpSliceInput, 'jobId' | 'round' | 'part' | 'slice'>, ids: string[], end: KnownEnd): FollowUpLine {
  const { workflowId = followUpSliceWorkflowId(jobId, round, part, slice), ...became } = end;
  return { slice: `${round}.${part}.${slice}`, custom_ids: ids, ...became, workflow_id: workflowId };
}

async function idsOf({ results }: FollowUpSliceInput): Promise<string[]> {
  const lines = (await readReference(results)).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => (JSON.parse(line) as FollowUpInput).customId);
}
