import { createHash } from 'node:crypto';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  FOLDER_MODE,
  isSystemError,
  isTemporaryName,
  makeFolder,
  readChunks,
  readRecord,
  removeDurably,
  storageError,
  syncFolder,
  temporaryName,
  writeNewFile,
} from '../storage';
import { InputError } from './input-error';
import { InputScanner } from './input-scanner';
import { readLedger } from './ledger-file';
import { partFolder, partFolderIn, roundFolder } from './part-folder';
import { readOrdinals, readPartRequests } from './part-requests';
import { type PartLimits, partLimits } from './part-size';
import { PartsWriter } from './part-writer';
import type { PassOptions } from './progress';
import type { RoundPlan } from './round-plan';

export interface PlanOptions extends PassOptions, Partial<PartLimits> {
  /** The job's work folder, see `workFolder`. */
  workFolder: string;
}

/**
 * Cuts an input into parts and copies its lines to `round-01` of the work folder, in one pass that checks every
 * line again. The folder appears whole and safe from a power loss, or not at all; where it is there already,
 * that plan holds (whatever the limits now say), if the input is still the same.
 * @param options.input JSONL, plain or gzip.
 * @throws InputError `input_invalid` with the bad lines; `input_changed` where it was planned with other content;
 *   and what `checkInput` throws. StorageError for the work folder.
 */
export async function planRoundOne(options: PlanOptions & { input: string }): Promise<RoundPlan> {
  const planned = await readRoundPlan(options.workFolder, 1);
  if (planned) return sameInput(planned, options);
  return planRound(1, options, async (writer) => {
    const scanner = new InputScanner(options.input, partLimits(options), options);
    for await (const requests of scanner.requests()) {
      for (const { ordinal, line, request } of requests) await writer.add(ordinal, line, request.sent);
    }
    const { sha256, bytes, problems, problemCount } = await scanner.finish();
    if (problemCount > 0) throw invalid(options.input, { problems, problemCount });
    return { sha256, bytes };
  });
}

/**
 * Cuts the requests that the round before left for another try (see `LedgerSummary.retryable`) into new parts,
 * each of which may mix several old ones. Where the round is planned already, that plan holds.
 * @param options.round the new round, from 2. Every part of the round before has a closed ledger.
 * @returns a plan without parts where nothing is to be sent again.
 * @throws StorageError
 */
export async function planRetryRound(options: PlanOptions & { round: number }): Promise<RoundPlan> {
  const { workFolder, round } = options;
  const planned = await readRoundPlan(workFolder, round);
  if (planned) return planned;
  const before = await readRoundPlan(workFolder, round - 1);
  if (!before) throw new Error(`Round ${round - 1} was not planned in ${workFolder}`);
  return planRound(round, options, async (writer) => {
    for (const { part, requests: count } of before.parts) {
      const folder = partFolder(workFolder, round - 1, part);
      const ledger = await readLedger(folder, count);
      const ordinals = await readOrdinals(folder, count);
      for await (const requests of readPartRequests(folder, options)) {
        for (const { position, line, request } of requests) {
          if (ledger.entry(position).retryable) await writer.add(ordinals[position]!, line, request.sent);
        }
      }
    }
    return {};
  });
}

/** The plan of a round, if it was planned. @throws StorageError */
export async function readRoundPlan(work: string, round: number): Promise<RoundPlan | undefined> {
  const folder = roundFolder(work, round);
  const record = await readRecord<PlanRecord>(join(folder, PLAN_FILE));
  if (!record) return undefined;
  // Whoever planned it may have died before this step.
  await syncFolder(work);
  const parts = record.parts.map((part) => ({ part: part.part, requests: part.requests, bodyBytes: part.body_bytes, bodySha256: part.body_sha256 }));
  return { ...record, parts };
}

const PLAN_FILE = 'plan.json';

/** `plan.json` in the folder of a round. */
interface PlanRecord extends Omit<RoundPlan, 'parts'> {
  parts: { part: number; requests: number; body_bytes: number; body_sha256: string }[];
}

/** Writes a round into a folder of another name, then gives it its own. */
async function planRound(
  round: number,
  options: PlanOptions,
  fill: (writer: PartsWriter) => Promise<Pick<RoundPlan, 'sha256' | 'bytes'>>,
): Promise<RoundPlan> {
  const { workFolder } = options;
  const folder = roundFolder(workFolder, round);
  await makeFolder(workFolder);
  await removeUnfinished(workFolder, folder);
  const unfinished = temporaryName(folder);
  await mkdir(unfinished, FOLDER_MODE);
  const writer = new PartsWriter((part) => partFolderIn(unfinished, round, part), partLimits(options));
  try {
    const source = await fill(writer);
    const parts = await writer.finish();
    const plan: RoundPlan = { round, requests: parts.reduce((sum, part) => sum + part.requests, 0), ...source, parts };
    const records = parts.map((part) => ({ part: part.part, requests: part.requests, body_bytes: part.bodyBytes, body_sha256: part.bodySha256 }));
    const record: PlanRecord = { ...plan, parts: records };
    await writeNewFile(join(unfinished, PLAN_FILE), `${JSON.stringify(record, null, 2)}\n`);
    await syncFolder(unfinished);
    await rename(unfinished, folder);
    await syncFolder(workFolder);
    return plan;
  } catch (error) {
    await writer.abandon();
    await removeDurably(unfinished);
    // Another attempt was faster: rename(2) replaces no folder that holds something.
    const theirs = isSystemError(error) && error.syscall === 'rename' ? await readRoundPlan(workFolder, round) : undefined;
    if (theirs) return theirs;
    throw storageError(error, 'write', folder);
  }
}

/**
 * What killed attempts left behind is a copy of the input each. It is first moved away whole: an attempt that was
 * only frozen then fails at its next step, and cannot finish a folder of which a part is gone.
 */
async function removeUnfinished(work: string, folder: string): Promise<void> {
  for (const name of await readdir(work)) {
    if (!isTemporaryName(name, folder)) continue;
    const away = temporaryName(folder);
    await rename(join(work, name), away);
    await removeDurably(away);
  }
}

async function sameInput(planned: RoundPlan, options: PlanOptions & { input: string }): Promise<RoundPlan> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of readChunks(options.input, options)) {
    hash.update(chunk);
    bytes += chunk.length;
    options.onProgress?.({ lines: 0, bytes });
  }
  if (hash.digest('hex') === planned.sha256) return planned;
  throw new InputError(
    'input_changed',
    `${options.input} has changed since this job was planned.`,
    'Bring back the file as it was, or give another job id and output folder for the new content.',
  );
}

function invalid(path: string, found: { problems: InputError['problems']; problemCount: number }): InputError {
  const first = found.problems[0];
  const lines = found.problemCount === 1 ? '1 line' : `${found.problemCount} lines`;
  const example = first ? ` Line ${first.line}: ${first.message}` : '';
  return new InputError('input_invalid', `${lines} of ${path} cannot be sent.${example}`, first?.hint ?? 'Mend the lines.', found);
}
