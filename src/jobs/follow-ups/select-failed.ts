/** Which follow-ups of an ended job run again: written as a list like that of a part, from what its outputs say. */
import { type ApiOutcome, type FollowUpInput, type FollowUpLine, type FollowUpSliceInput, type JobReport } from '../../contract';
import { joinLocation, openForReading, openReplacement, type OpenFile, readLines, StorageError } from '../../storage';
import { InputError } from '../input-error';
import { outputFolder } from '../output-folder';
import { partFolder, type PartFolder } from '../part-folder';
import type { PassOptions } from '../progress';
import { readResults } from '../read-results';
import { customIdOf } from '../results/custom-id';
import { parseOutputLine } from '../result-line';
import { readInputRequests } from '../results/input-requests';
import { checkFollowUpsFile } from '../verify/follow-ups-file';
import { followUpFiles } from './files';
import { readListRecord, shardsOf, writeListRecord } from './list-record';
import { type ListSlice, ShardCutter } from './shard-cutter';

export interface SelectFailedOptions extends PassOptions {
  report: JobReport;
  /** From 1. */
  attempt: number;
  activityTaskQueue: string;
  /** What follow-ups are started with besides their input. */
  args?: unknown[];
  /** Where the input lies now, if not where the report says. */
  inputPath?: string;
  /** Id of a part's batch, as far as it is on record: the list says it, beside what the follow-ups get. */
  batchIdOf?: (round: number, part: number) => Promise<string | undefined>;
}

/** Bytes of a file. */
interface Place {
  offset: number;
  length: number;
}

interface FoundResult extends Place {
  outcome: ApiOutcome;
}

/** Below the work folder: a folder for each attempt. */
export const RETRIES_FOLDER = 'retry-follow-ups';

/** A stand-in for the outputs, whose only part holds the list of an attempt and the ends of its follow-ups. */
export function retryFolder(output: string, attempt: number): { output: string; part: PartFolder } {
  const own = joinLocation(outputFolder(output).workFolder, RETRIES_FOLDER, String(attempt));
  return { output: own, part: partFolder(outputFolder(own).workFolder, 1, 1) };
}

/**
 * Writes the list of the follow-ups that did not complete, in the order of `follow-ups.jsonl`, and says where its shards lie. One that
 * is there is left as it is, and `isKnown`: shards may be reading it. Their requests are copied beside it, so that the input may go once this is done.
 * @throws InputError where the outputs or the input are gone or are others; StorageError
 */
export async function selectFailedFollowUps(options: SelectFailedOptions): Promise<{ shards: ListSlice[]; isKnown: boolean }> {
  const { report, attempt, signal } = options;
  const { part } = retryFolder(report.output, attempt);
  const files = followUpFiles(part);
  const known = await readListRecord(files);
  if (known) return { shards: shardsOf(known), isKnown: true };
  const lines = await failedLines(report, signal);
  if (lines.length === 0) return { shards: [], isKnown: false };
  const wanted = new Set(lines.flatMap(idsOf));
  const results = await findResults(report, wanted, signal);
  const requests = await copyRequests(options, wanted, part.requests);
  const stored = await openForReading(part.requests);
  try {
    const shards = await writeList(options, lines, { results, requests, stored });
    await writeListRecord(files, undefined, shards);
    return { shards, isKnown: false };
  } finally {
    await stored.close();
  }
}

async function failedLines(report: JobReport, signal: AbortSignal | undefined): Promise<FailedLine[]> {
  await mustBeAsWritten(report, signal);
  const path = outputFolder(report.output).followUps;
  const lines: FailedLine[] = [];
  try {
    for await (const group of readLines(path, { signal })) {
      for (const { bytes } of group) {
        const line = JSON.parse(bytes.toString('utf8')) as FollowUpLine;
        if (line.status !== 'completed') lines.push(withoutFailure(line));
      }
    }
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof StorageError && error.missing)) throw notTheirs(path, error);
    throw error;
  }
  return lines;
}

/** What it is started with again follows from it. There can be hundreds of thousands, whose messages are not needed. */
type FailedLine = Pick<FollowUpLine, 'custom_id' | 'custom_ids' | 'slice' | 'part' | 'workflow_id'>;

function withoutFailure({ custom_id, custom_ids, slice, part, workflow_id }: FollowUpLine): FailedLine {
  return { custom_id, custom_ids, slice, part, workflow_id };
}

/** Before anything runs: what the file says is told by it alone. */
async function mustBeAsWritten(report: JobReport, signal: AbortSignal | undefined): Promise<void> {
  const check = await checkFollowUpsFile(report, { signal });
  if (check?.state === 'failed') throw notTheirs(outputFolder(report.output).followUps, undefined, `: ${check.message}`);
}

async function findResults(report: JobReport, wanted: ReadonlySet<string>, signal: AbortSignal | undefined): Promise<Map<string, FoundResult>> {
  const places = new Map<string, FoundResult>();
  for await (const group of readResults(report.output, { signal })) {
    for (const { bytes, offset } of group) {
      const id = customIdOf(bytes);
      if (id === undefined || !wanted.has(id)) continue;
      // As it was counted: a succeeded one need not be JSON throughout.
      const line = parseOutputLine(bytes);
      if (line.kind === 'result') places.set(id, { offset, length: bytes.length, outcome: line.outcome });
    }
  }
  for (const id of wanted) if (!places.has(id)) throw notTheirs(outputFolder(report.output).results, undefined, `: it has no result of ${id}`);
  return places;
}

/** @returns where each request lies in the copy. */
async function copyRequests({ report, inputPath, signal }: SelectFailedOptions, wanted: ReadonlySet<string>, path: string): Promise<Map<string, Place>> {
  const { path: reported, sha256, generated_ids: generatedIds } = report.input;
  const places = new Map<string, Place>();
  const copy = await openReplacement(path);
  try {
    let offset = 0;
    for await (const requests of readInputRequests({ path: inputPath ?? reported, sha256, generatedIds }, { signal })) {
      for (const { customId, line } of requests) {
        if (!wanted.has(customId)) continue;
        await copy.writer.append(Buffer.concat([line, Buffer.from('\n')]));
        places.set(customId, { offset, length: line.length });
        offset += line.length + 1;
      }
    }
    for (const id of wanted) if (!places.has(id)) throw new Error(`${reported}: there is no request ${id}`);
    await copy.commit();
  } catch (error) {
    throw withoutMetadata(error);
  } finally {
    await copy.discard();
  }
  return places;
}

/** What became of the input in the words of whoever needs it late. */
function withoutMetadata(error: unknown): unknown {
  if (!(error instanceof InputError) || (error.code !== 'input_not_found' && error.code !== 'input_changed')) return error;
  return new InputError('metadata_gone', `${error.message} Follow-ups get the metadata of their requests, which stand nowhere else.`, 'Bring it back, or name the place where it, or a copy of it, lies now: --input FILE. Nothing was run.', { cause: error });
}

interface Sources {
  results: ReadonlyMap<string, FoundResult>;
  requests: ReadonlyMap<string, Place>;
  /** The copy of the requests. */
  stored: OpenFile;
}

async function writeList(options: SelectFailedOptions, lines: readonly FailedLine[], sources: Sources): Promise<ListSlice[]> {
  const { report, attempt, activityTaskQueue, args = [] } = options;
  const batchIdOf = askedOnce(options.batchIdOf);
  const { part } = retryFolder(report.output, attempt);
  const files = followUpFiles(part);
  const cutter = new ShardCutter(args.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(args)));
  const list = await openReplacement(files.list);
  const results = await openReplacement(files.results);
  let resultsBytes = 0;
  const inputOf = async (customId: string, round: number, partNumber: number): Promise<FollowUpInput> => {
    const request = sources.requests.get(customId)!;
    const { outcome, ...result } = sources.results.get(customId)!;
    const { metadata = {} } = JSON.parse((await sources.stored.read(request.offset, request.length)).toString('utf8')) as { metadata?: Record<string, unknown> };
    return {
      jobId: report.job_id,
      round,
      part: partNumber,
      activityTaskQueue,
      customId,
      outcome,
      metadata,
      result: { uri: outputFolder(report.output).results, ...result },
      request: { uri: part.requests, ...request },
    };
  };
  try {
    for (const line of lines) {
      let input: FollowUpInput | FollowUpSliceInput;
      let batchId: string | undefined;
      if (line.slice === undefined) {
        const round = roundOf(report.job_id, line);
        input = await inputOf(line.custom_id!, round, line.part ?? 1);
        if (line.part !== undefined) batchId = await batchIdOf(round, line.part);
      } else {
        const [round = 1, partNumber = 1, slice = 1] = line.slice.split('.').map(Number);
        const start = resultsBytes;
        for (const id of idsOf(line)) {
          const bytes = lineOf(await inputOf(id, round, partNumber));
          await results.writer.append(bytes);
          resultsBytes += bytes.length;
        }
        const reference = { uri: files.results, offset: start, length: resultsBytes - start };
        input = { jobId: report.job_id, round, part: partNumber, slice, count: idsOf(line).length, results: reference, activityTaskQueue };
        batchId = await batchIdOf(round, partNumber);
      }
      const bytes = lineOf({ ...input, batchId });
      await list.writer.append(bytes);
      cutter.add(bytes.length);
    }
    // First what the list speaks of.
    await results.commit();
    await list.commit();
  } finally {
    await list.discard();
    await results.discard();
  }
  return cutter.shards;
}

/** Thousands of lines can be of one part. */
function askedOnce(batchIdOf: SelectFailedOptions['batchIdOf']): (round: number, part: number) => Promise<string | undefined> {
  const known = new Map<string, string | undefined>();
  return async (round, part) => {
    const key = `${round}.${part}`;
    if (!known.has(key)) known.set(key, await batchIdOf?.(round, part));
    return known.get(key);
  };
}

function idsOf({ custom_id: id, custom_ids: ids }: FailedLine): string[] {
  return ids ?? (id === undefined ? [] : [id]);
}

/** It stands in the workflow id, before the custom_id, which has no slash there. @see followUpWorkflowId */
function roundOf(jobId: string, { workflow_id: id }: FailedLine): number {
  return Number(id.split('/').at(-2)) || invalidId(jobId, id);
}

function invalidId(jobId: string, id: string): never {
  throw new InputError('outputs_changed', `${id} in follow-ups.jsonl is no follow-up of job ${jobId}.`, 'Put the file back from a copy.');
}

function notTheirs(path: string, cause: unknown, why = ''): InputError {
  return new InputError('outputs_changed', `${path} is not what this job wrote${why}.`, 'Put the file back from a copy. What the follow-ups have returned is also in their histories, as long as Temporal keeps these.', { cause });
}

function lineOf(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
