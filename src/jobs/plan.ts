import { createHash } from 'node:crypto';
import { MAX_REQUESTS_PER_BATCH, type OldOutcome } from '../contract';
import { joinLocation, openNewFolder, readChunks, readRecord, StorageError, syncFolder } from '../storage';
import { GeneratedIds } from './generated-ids';
import { InputError } from './input-error';
import { InputScanner } from './input-scanner';
import { readLedger } from './ledger-file';
import { type CutOptions, PartCutter } from './part-cutter';
import { partFolder, partFolderIn, roundFolder } from './part-folder';
import { batchesOf, type PartRecord, partRecordOf, plannedPartOf, withSplits } from './part-record';
import { readOrdinals, readPartRequests } from './part-requests';
import { type PartBudget, type PartLimits, partLimits } from './part-size';
import { PartsWriter } from './part-writer';
import type { PassOptions } from './progress';
import type { EndedJob } from './reuse/ended-job';
import { retrySource } from './reuse/retry-source';
import { ReusedRequests } from './reuse/reused-requests';
import { hashesOf, SameRequests } from './reuse/same-requests';
import type { PlannedRequest, RequestSource } from './request-source';
import type { RoundPlan } from './round-plan';
import { readSplits } from './split-part';
import { WarmRequests } from './warm-requests';

export interface PlanOptions extends PassOptions, Partial<PartLimits> {
  /** The job's work folder, see `workFolder`. */
  workFolder: string;
  /** See `JobInput.ids`. */
  ids?: 'given' | 'generate';
  /** See `JobInput.warmCache`. Reads the requests twice. */
  warmCache?: boolean;
  /** What a part may cost. */
  budget?: PartBudget;
}

export interface PlanRoundOneOptions extends PlanOptions {
  /** JSONL, plain or gzip. */
  input: string;
  /** A job that has ended: outcomes of requests that are the same there are taken from it. */
  reuse?: EndedJob;
}

/**
 * Cuts an input into parts and copies its lines to `round-01` of the work folder, in one pass that checks every
 * line again. The folder appears whole and safe from a power loss, or not at all; where it is there already,
 * that plan holds (whatever the limits now say), if the input is still the same.
 *
 * Requests with the same set of betas share parts, in the order of the input. With `warmCache` parts of requests that
 * fill the prompt cache come first. Where an id that was made would be one of the input's own, all is done again with others.
 * @param options.input JSONL, plain or gzip.
 * @throws InputError `input_invalid` with the bad lines; `input_changed` where it was planned with other content;
 *   and what `checkInput` throws. StorageError for the work folder.
 */
export async function planRoundOne(options: PlanRoundOneOptions): Promise<RoundPlan> {
  const planned = await readRoundPlan(options.workFolder, 1);
  if (planned) return sameInput(planned, options);
  for (let ids: GeneratedIds | undefined = new GeneratedIds(); ; ids = ids.instead) {
    if (!ids) throw new InputError('input_changed', `${options.input} changes while it is being read.`, 'Wait until it is written to its end.');
    const reuse = options.reuse && (await SameRequests.find(options.reuse, options.workFolder));
    try {
      const source = sourceOf(options, ids);
      return await planRound(1, options, reuse ? reuse.without(source) : source, reuse?.reused);
    } catch (error) {
      if (!(error instanceof IdsMeet)) throw error;
    } finally {
      await reuse?.reused.discard();
    }
  }
}

/** An id that was made may be one of the input's own. */
class IdsMeet extends Error {}

function sourceOf(options: PlanOptions & { input: string }, ids: GeneratedIds): RequestSource {
  const { input } = options;
  let scanner: InputScanner | undefined;
  let before: string | undefined;
  return {
    requests() {
      scanner = new InputScanner(input, partLimits(options), options, options.ids === 'generate' ? ids : undefined);
      return scanner.requests();
    },
    async facts() {
      const { sha256, bytes, problems, problemCount } = await scanner!.finish();
      if (problemCount > 0) throw invalid(input, { problems, problemCount });
      if (before !== undefined && before !== sha256) throw changed(options);
      before = sha256;
      if (ids.instead) throw new IdsMeet();
      return { sha256, bytes, ...(ids.made > 0 && { generatedIds: ids.prefix }) };
    },
  };
}

/**
 * Plans a job that sends requests of another one again, which has ended: from the outputs of that one alone. The folder appears whole,
 * or not at all; where it is there already, that plan holds.
 * @param options.only of which outcomes; all others are taken over.
 * @throws InputError `earlier_job_changed`; StorageError
 */
export async function planRetryOf(options: PlanOptions & { old: EndedJob; only: readonly OldOutcome[] }): Promise<RoundPlan> {
  const { old, workFolder } = options;
  const planned = await readRoundPlan(workFolder, 1);
  if (planned) return planned;
  const hashes = await hashesOf(old);
  const reused = await ReusedRequests.begin(workFolder, old.report.job_id, hashes);
  try {
    return await planRound(1, options, retrySource(options, reused, hashes), reused);
  } finally {
    await reused.discard();
  }
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
  return planRound(round, options, { requests: () => retryableOf(before, options), facts: () => Promise.resolve({}) });
}

async function* retryableOf(plan: RoundPlan, options: PlanOptions): AsyncGenerator<PlannedRequest[], void, undefined> {
  for (const { part, requests: count, reused } of batchesOf(plan)) {
    if (reused) continue;
    const folder = partFolder(options.workFolder, plan.round, part);
    const ledger = await readLedger(folder, count);
    const ordinals = await readOrdinals(folder, count);
    for await (const requests of readPartRequests(folder, options)) {
      yield requests.filter(({ position }) => ledger.entry(position).retryable).map(({ position, line, request }) => ({ ordinal: ordinals[position]!, line, request }));
    }
  }
}

/** The plan of a round, if it was planned. @throws StorageError */
export async function readRoundPlan(work: string, round: number): Promise<RoundPlan | undefined> {
  const folder = roundFolder(work, round);
  const record = await readRecord<PlanRecord>(joinLocation(folder, PLAN_FILE));
  if (!record) return undefined;
  // Whoever planned it may have died before this step.
  await syncFolder(work);
  const plan = { ...record, parts: record.parts.map(plannedPartOf) };
  return withSplits(plan, await readSplits(work, round));
}

const PLAN_FILE = 'plan.json';

/** `plan.json` in the folder of a round. */
interface PlanRecord extends Omit<RoundPlan, 'parts'> {
  parts: PartRecord[];
}

/** Writes a round into a folder that appears when its plan is written, last. */
async function planRound(round: number, options: PlanOptions, source: RequestSource, reused?: ReusedRequests): Promise<RoundPlan> {
  const { workFolder } = options;
  const cut = { limits: partLimits(options), budget: options.budget };
  const warm = options.warmCache ? await findWarm(source, cut) : undefined;
  const folder = await openNewFolder(roundFolder(workFolder, round));
  const folderOf = (part: number) => partFolderIn(folder.location, round, part);
  const first = new PartsWriter(folder, folderOf, cut, { firstPart: 1, warm: true });
  const others = new PartsWriter(folder, folderOf, cut, { firstPart: (warm?.parts ?? 0) + 1 });
  try {
    let warmed = 0;
    for await (const requests of source.requests()) {
      for (const { ordinal, line, request } of requests) {
        const isWarm = warm !== undefined && warm.ordinals[warmed] === ordinal;
        if (isWarm) warmed++;
        const written = (isWarm ? first : others).add(ordinal, line, request);
        if (written) await written;
      }
    }
    const facts = await source.facts();
    const parts = [...(await first.finish()), ...(await others.finish())];
    if (reused) parts.push(...(await reused.writeParts(folder, folderOf, parts.length + 1, MAX_REQUESTS_PER_BATCH)));
    const plan: RoundPlan = { round, requests: parts.reduce((sum, part) => sum + part.requests, 0), ...facts, parts };
    const record: PlanRecord = { ...plan, parts: parts.map(partRecordOf) };
    if (await folder.commit(joinLocation(folder.location, PLAN_FILE), `${JSON.stringify(record, null, 2)}\n`)) return plan;
  } finally {
    await first.abandon();
    await others.abandon();
    await folder.discard();
  }
  const theirs = await readRoundPlan(workFolder, round);
  if (theirs) return theirs;
  const message = `The plan of round ${round} in ${workFolder} was removed while it was being made.`;
  throw new StorageError('changed', workFolder, message, 'Run the same command again; nothing of this round was sent.');
}

/** Which requests are to be sent first, in the order of the source, and how many parts they make. */
async function findWarm(source: RequestSource, cut: CutOptions): Promise<{ ordinals: number[]; parts: number }> {
  const warm = new WarmRequests();
  const cutter = new PartCutter(cut);
  const ordinals: number[] = [];
  for await (const requests of source.requests()) {
    for (const { ordinal, request } of requests) {
      if (!warm.isWarm(request)) continue;
      ordinals.push(ordinal);
      cutter.place(request);
    }
  }
  await source.facts();
  return { ordinals, parts: cutter.parts };
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
  throw changed(options);
}

function changed({ input }: { input: string }): InputError {
  return new InputError(
    'input_changed',
    `${input} has changed since this job was planned.`,
    'Bring back the file as it was, or give another job id and output folder for the new content.',
  );
}

function invalid(path: string, found: { problems: InputError['problems']; problemCount: number }): InputError {
  const first = found.problems[0];
  const lines = found.problemCount === 1 ? '1 line' : `${found.problemCount} lines`;
  const example = first ? ` Line ${first.line}: ${first.message}` : '';
  return new InputError('input_invalid', `${lines} of ${path} cannot be sent.${example}`, first?.hint ?? 'Mend the lines.', found);
}
