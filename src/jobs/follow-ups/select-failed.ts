/** Which follow-ups of an ended job run again: written as a list like that of a part, from what its outputs say. */
import { type FollowUpInput, type FollowUpLine, type FollowUpSliceInput, type JobReport } from '../../contract';
import { joinLocation, openReplacement, readLines, StorageError } from '../../storage';
import { InputError } from '../input-error';
import { outputFolder } from '../output-folder';
import { partFolder, type PartFolder } from '../part-folder';
import type { PassOptions } from '../progress';
import { readResults } from '../read-results';
import { parseOutputLine } from '../result-line';
import { customIdOf } from '../results/custom-id';
import { readInputRequests } from '../results/input-requests';
import { checkFollowUpsFile } from '../verify/follow-ups-file';
import { FailedInputs } from './failed-inputs';
import { followUpFiles } from './files';
import { readListRecord, shardsOf, writeListRecord } from './list-record';
import { type ListSlice, ShardCutter } from './shard-cutter';
import { WantedResults } from './wanted-results';

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
  await mustBeAsWritten(report, signal);
  const wanted = await wantedResults(report, signal);
  if (!wanted) return { shards: [], isKnown: false };
  await findResults(report, wanted, signal);
  await copyRequests(options, wanted, part.requests);
  const shards = await writeList(options, wanted);
  await writeListRecord(files, undefined, shards);
  return { shards, isKnown: false };
}

/** What it is started with again follows from it. */
type FailedLine = Pick<FollowUpLine, 'custom_id' | 'custom_ids' | 'slice' | 'part' | 'workflow_id'>;

/** The lines of those that did not complete, some at a time, in their order. Read as often as they are needed: there can be millions. */
async function* failedLines(report: JobReport, signal: AbortSignal | undefined): AsyncGenerator<FailedLine[], void, undefined> {
  const path = outputFolder(report.output).followUps;
  try {
    for await (const group of readLines(path, { signal })) {
      yield group.map(({ bytes }) => JSON.parse(bytes.toString('utf8')) as FollowUpLine).filter(({ status }) => status !== 'completed');
    }
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof StorageError && error.missing)) throw notTheirs(path, error);
    throw error;
  }
}

/** @returns undefined where all have completed */
async function wantedResults(report: JobReport, signal: AbortSignal | undefined): Promise<WantedResults | undefined> {
  let count = 0;
  for await (const lines of failedLines(report, signal)) for (const line of lines) count += idsOf(line).length;
  if (count === 0) return undefined;
  const wanted = new WantedResults(count);
  for await (const lines of failedLines(report, signal)) {
    for (const id of lines.flatMap(idsOf)) wanted.add(id);
  }
  return wanted;
}

/** Before anything runs: what the file says is told by it alone. */
async function mustBeAsWritten(report: JobReport, signal: AbortSignal | undefined): Promise<void> {
  const check = await checkFollowUpsFile(report, { signal });
  if (check?.state === 'failed') throw notTheirs(outputFolder(report.output).followUps, undefined, `: ${check.message}`);
}

async function findResults(report: JobReport, wanted: WantedResults, signal: AbortSignal | undefined): Promise<void> {
  for await (const group of readResults(report.output, { signal })) {
    for (const { bytes, offset } of group) {
      const id = customIdOf(bytes);
      if (id === undefined || !wanted.has(id)) continue;
      // As it was counted: a succeeded one need not be JSON throughout.
      const line = parseOutputLine(bytes);
      if (line.kind === 'result') wanted.setResult(id, { offset, length: bytes.length, outcome: line.outcome });
    }
  }
  if (wanted.found.results === wanted.size) return;
  const missing = await firstId(report, (id) => wanted.resultOf(id) === undefined, signal);
  throw notTheirs(outputFolder(report.output).results, undefined, `: it has no result of ${missing}`);
}

/** Of those that did not complete, in their order. */
async function firstId(report: JobReport, isMeant: (id: string) => boolean, signal: AbortSignal | undefined): Promise<string | undefined> {
  for await (const lines of failedLines(report, signal)) {
    const id = lines.flatMap(idsOf).find(isMeant);
    if (id !== undefined) return id;
  }
  return undefined;
}

async function copyRequests({ report, inputPath, signal }: SelectFailedOptions, wanted: WantedResults, path: string): Promise<void> {
  const { path: reported, sha256, generated_ids: generatedIds } = report.input;
  const copy = await openReplacement(path);
  try {
    let offset = 0;
    for await (const requests of readInputRequests({ path: inputPath ?? reported, sha256, generatedIds }, { signal })) {
      for (const { customId, line } of requests) {
        if (!wanted.has(customId)) continue;
        await copy.writer.append(Buffer.concat([line, Buffer.from('\n')]));
        wanted.setRequest(customId, { offset, length: line.length });
        offset += line.length + 1;
      }
    }
    if (wanted.found.requests < wanted.size) throw new Error(`${inputPath ?? reported}: there is no request ${await firstId(report, (id) => wanted.requestOf(id) === undefined, signal)}`);
    await copy.commit();
  } catch (error) {
    throw withoutMetadata(error);
  } finally {
    await copy.discard();
  }
}

/** What became of the input in the words of whoever needs it late. */
function withoutMetadata(error: unknown): unknown {
  if (!(error instanceof InputError) || (error.code !== 'input_not_found' && error.code !== 'input_changed')) return error;
  return new InputError('metadata_gone', `${error.message} Follow-ups get the metadata of their requests, which stand nowhere else.`, 'Bring it back, or name the place where it, or a copy of it, lies now: --input FILE. Nothing was run.', { cause: error });
}

async function writeList(options: SelectFailedOptions, wanted: WantedResults): Promise<ListSlice[]> {
  const { report, attempt, activityTaskQueue, args = [], signal } = options;
  const batchIdOf = askedOnce(options.batchIdOf);
  const { part } = retryFolder(report.output, attempt);
  const files = followUpFiles(part);
  const cutter = new ShardCutter(args.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(args)));
  const outputs = outputFolder(report.output);
  const inputs = new FailedInputs({ jobId: report.job_id, activityTaskQueue, results: outputs.results, requests: part.requests, signal }, wanted);
  const list = await openReplacement(files.list);
  const results = await openReplacement(files.results);
  let resultsBytes = 0;
  try {
    for await (const group of failedLines(report, signal)) {
      const lines = group.map((line) => ({ ...placeOf(line), ids: idsOf(line) }));
      const next = inputs.of(lines.flatMap(({ ids, round, part: number }) => ids.map((customId) => ({ customId, round, part: number }))));
      for (const { round, part: number, slice, isPartKnown, ids } of lines) {
        const ofLine = await take(next, ids.length);
        let input: FollowUpInput | FollowUpSliceInput = ofLine[0]!;
        if (slice !== undefined) {
          const bytes = Buffer.concat(ofLine.map(lineOf));
          input = { jobId: report.job_id, round, part: number, slice, count: ids.length, results: { uri: files.results, offset: resultsBytes, length: bytes.length }, activityTaskQueue };
          await results.writer.append(bytes);
          resultsBytes += bytes.length;
        }
        const bytes = lineOf({ ...input, batchId: isPartKnown ? await batchIdOf(round, number) : undefined });
        await list.writer.append(bytes);
        cutter.add(bytes.length);
      }
    }
    // First what the list speaks of.
    await results.commit();
    await list.commit();
  } finally {
    await list.discard();
    await results.discard();
    await inputs.close();
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

/** One at least. */
function idsOf({ custom_id: id, custom_ids: ids = id === undefined ? [] : [id], workflow_id: workflowId }: FailedLine): string[] {
  return ids.length > 0 ? ids : invalidId(workflowId);
}

interface FailedPlace {
  round: number;
  part: number;
  /** Of which part it is, its line says; older releases left it out. */
  isPartKnown: boolean;
  slice?: number;
}

function placeOf(line: FailedLine): FailedPlace {
  if (line.slice === undefined) return { round: roundOf(line), part: line.part ?? 1, isPartKnown: line.part !== undefined };
  const [round = 1, part = 1, slice = 1] = line.slice.split('.').map(Number);
  return { round, part, isPartKnown: true, slice };
}

/** The next ones, which are there. */
async function take<T>(from: AsyncGenerator<T, void, undefined>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value } = await from.next();
    taken.push(value!);
  }
  return taken;
}

/** It stands in the workflow id, before the custom_id, which has no slash there. @see followUpWorkflowId */
function roundOf({ workflow_id: id }: FailedLine): number {
  return Number(id.split('/').at(-2)) || invalidId(id);
}

function invalidId(workflowId: string): never {
  throw new InputError('outputs_changed', `${workflowId} in follow-ups.jsonl is no follow-up of this job.`, 'Put the file back from a copy.');
}

function notTheirs(path: string, cause: unknown, why = ''): InputError {
  return new InputError('outputs_changed', `${path} is not what this job wrote${why}.`, 'Put the file back from a copy. What the follow-ups have returned is also in their histories, as long as Temporal keeps these.', { cause });
}

function lineOf(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
