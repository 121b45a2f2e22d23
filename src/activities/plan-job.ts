import { createHash } from 'node:crypto';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { DataReference } from '../contract';
import { accountKey, expectedCost, MAX_BATCH_BODY_BYTES, MAX_REQUESTS_PER_BATCH, noUsage } from '../contract';
import type { EarlierJob, JobFolder, JobRecord, PlannedPart, PlanOptions, RoundPlan } from '../jobs';
import { batchesOf, claimOutput, earlierJob, EndedJob, InputError, jobFolderName, outputFolder, partBudget, partFolder, planRetryOf, planRetryRound, planRoundOne, takeOver } from '../jobs';
import { absoluteLocation, isS3, joinLocation, look, readChunks, StorageError } from '../storage';
import { mustBeClosed } from './close-ledger';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';
import { followUpsOnRecord, mustBeFollowUp } from './follow-up-options';
import { settingsOf } from './record-settings';
import type { PartFacts, PartReference, PlanJobInput, PlannedJob, PlanRoundOptions } from './payloads';

/** Validates the input, cuts it into parts, and puts both on record. A job planned before is only read. */
export function planJobActivity(deps: ActivityDependencies) {
  return async function planJob(input: PlanJobInput): Promise<PlannedJob> {
    return runActivity(deps, () => plan(deps, input));
  };
}

async function plan(deps: ActivityDependencies, started: PlanJobInput): Promise<PlannedJob> {
  refuseOtherAccount(deps, started);
  mustBeFollowUp(started.followUp);
  const folder = jobFolder(deps, started.jobId);
  const settings = await settingsOf(folder, started);
  const input = { ...started, queueLimit: settings.queueLimit ?? undefined, maxCost: settings.maxCost ?? undefined };
  let job = await folder.readJob();
  const report = await folder.readReport();
  const output = job?.output ?? absoluteLocation(input.output ?? joinLocation(deps.storage.folder, 'outputs', jobFolderName(input.jobId)));
  let round = await folder.readPlan(1);
  if (!job || !round) {
    const path = locationOf(input.requests);
    await claimOutput(output, input.jobId, { inputBytes: await sizeOf(path), storageId: deps.storage.id });
    const signal = Context.current().cancellationSignal;
    const { ids, warmCache } = input;
    const earlier = earlierOf(input, job);
    await using old = await openEarlier(deps, input, earlier?.output, signal);
    const common = { workFolder: outputFolder(output).workFolder, signal, warmCache, ...limitsOf(deps, input) };
    round = old && earlier?.only ? await planRetryOf({ ...common, old, only: earlier.only }) : await planRoundOne({ ...common, input: path, ids, reuse: old });
    mustHavePrices(deps, input, round);
    const { sha256 = '', bytes = 0, requests, generatedIds } = round;
    const account = { label: deps.account.label, base_url: deps.account.baseUrl };
    await folder.createJob({
      format: 1,
      job_id: input.jobId,
      simulated: input.simulated,
      account,
      input: { path, sha256, requests, bytes, ...(generatedIds !== undefined && { generated_ids: generatedIds }) },
      output,
      betas: input.betas,
      created_at: new Date().toISOString(),
      ...(old && { earlier: earlierJob(old.report, earlier?.only) }),
    });
    job = await mustHaveJob(folder);
    if (job.input.sha256 !== sha256) throw inputChanged(input.jobId, path);
    await mustFitAdopted(folder, round);
    // On record before anything follows from it: an earlier start may have been told nothing of it.
    if (old && !job.earlier) {
      await folder.amendJob({ ...job, earlier: earlierJob(old.report, earlier?.only) });
      job = await mustHaveJob(folder);
    }
    if (old) await takeOverParts(old, job, folder, round, signal);
    await folder.writePlan(round);
  } else if (!input.resumed && !input.retryOf) {
    await mustBeSameInput(job, input.requests);
  }
  const followUp = report ? undefined : input.followUp ? await followUpsOnRecord(folder, input.followUp) : await folder.readFollowUps();
  return {
    account: deps.account,
    output,
    requests: job.input.requests,
    parts: asPlanned(round).map((part) => part.requests),
    planned: round.parts.map(factsOf),
    prices: deps.prices,
    settings,
    cancelRequested: await folder.cancelRequested(),
    startedAt: job.created_at,
    report,
    ...(followUp && { followUp }),
  };
}

/** What parts may hold: the API's limits or smaller ones, and shares of what the job may cost. */
function limitsOf({ prices }: ActivityDependencies, { maxRequestsPerBatch, queueLimit, maxCost }: PlanRoundOptions): Pick<PlanOptions, 'maxRequests' | 'maxBodyBytes' | 'budget'> {
  return {
    maxRequests: Math.min(maxRequestsPerBatch ?? MAX_REQUESTS_PER_BATCH, queueLimit ?? MAX_REQUESTS_PER_BATCH),
    maxBodyBytes: MAX_BATCH_BODY_BYTES,
    ...(typeof maxCost === 'number' && prices && { budget: partBudget(maxCost, prices) }),
  };
}

/** Where a price is not known, nothing could hold the job below what it may cost. */
function mustHavePrices({ prices }: ActivityDependencies, { maxCost }: PlanJobInput, { parts }: RoundPlan): void {
  if (typeof maxCost !== 'number') return;
  const expected = parts.flatMap((part) => part.expected ?? []);
  const unpriced = prices ? expectedCost(expected, prices).withoutPrice : expected.map(({ model }) => model);
  if (unpriced.length === 0) return;
  throw new InputError(
    'no_price',
    `No price of ${[...new Set(unpriced)].join(', ')} is known, so the job cannot be held below $${maxCost}. Nothing was sent.`,
    'Add the model to a price table of your own (prices.json in the storage root, or the worker\'s option), or take the cap away: --max-cost none.',
  );
}

/** As `planNextRound`, for the workflows of older releases: they know only how many requests each part has. */
export function planRoundActivity(deps: ActivityDependencies) {
  return async function planRound(ref: Omit<PartReference, 'part'>, maxRequestsPerBatch?: number): Promise<number[]> {
    return runActivity(deps, async () => asPlanned(await nextRound(deps, ref, { maxRequestsPerBatch })).map((part) => part.requests));
  };
}

/** Plans a further round from what the one before left for another try. A round planned before is only read. */
export function planNextRoundActivity(deps: ActivityDependencies) {
  return async function planNextRound(ref: Omit<PartReference, 'part'>, options: PlanRoundOptions): Promise<PartFacts[]> {
    return runActivity(deps, async () => (await nextRound(deps, ref, options)).parts.map(factsOf));
  };
}

async function nextRound(deps: ActivityDependencies, ref: Omit<PartReference, 'part'>, options: PlanRoundOptions): Promise<RoundPlan> {
  const folder = jobFolder(deps, ref.jobId);
  return (await folder.readPlan(ref.round)) ?? (await planAndRecord(deps, folder, ref, options));
}

/** Without those that a split has made. */
function asPlanned({ parts }: RoundPlan): PlannedPart[] {
  const made = new Set(parts.flatMap((part) => part.splitInto ?? []));
  return parts.filter(({ part }) => !made.has(part));
}

function factsOf({ part, requests, warm, reused, splitInto, expected }: PlannedPart): PartFacts {
  return {
    part,
    requests,
    ...(warm && { warm }),
    ...(reused && { reused: true }),
    ...(splitInto && { splitInto }),
    ...(expected && { expected }),
  };
}

async function planAndRecord(deps: ActivityDependencies, folder: JobFolder, ref: Omit<PartReference, 'part'>, options: PlanRoundOptions): Promise<RoundPlan> {
  const { workFolder } = outputFolder(ref.output);
  const before = await folder.readPlan(ref.round - 1);
  for (const { part, reused } of before ? batchesOf(before) : []) {
    if (reused) continue;
    const records = folder.part(ref.round - 1, part);
    const report = await records.readReport();
    if (report) await mustBeClosed(partFolder(workFolder, ref.round - 1, part), report, await records.readEnded());
  }
  const planned = await planRetryRound({ workFolder, round: ref.round, warmCache: options.warmCache, ...limitsOf(deps, options) });
  await folder.writePlan(planned);
  return planned;
}

/** Whose outcomes the job takes over. What is on record holds, whatever the job is started with later. */
function earlierOf({ reuse, retryOf }: PlanJobInput, job: JobRecord | undefined): Pick<EarlierJob, 'output' | 'only'> | undefined {
  return job?.earlier ?? retryOf ?? (reuse === undefined ? undefined : { output: reuse });
}

async function openEarlier(deps: ActivityDependencies, { simulated, jobId }: PlanJobInput, output: string | undefined, signal: AbortSignal): Promise<EndedJob | undefined> {
  if (output === undefined) return undefined;
  const old = await EndedJob.open(output, { signal });
  const { job_id: oldId, account, simulated: oldSimulated } = old.report;
  // An invented answer never stands for a real one.
  const mixes = (simulated || oldSimulated) && accountKey({ label: account.label, baseUrl: account.base_url }) !== accountKey(deps.account);
  if (!mixes && oldId !== jobId) return old;
  await old.close();
  const what = mixes ? `Job ${oldId} was ${oldSimulated ? '' : 'not '}simulated` : `${output} holds the outputs of this job itself`;
  throw new InputError('earlier_job_not_found', `${what}: its outcomes cannot be taken over.`, 'Name another job that has ended.');
}

/** Nothing is left to do for these parts afterwards: they have a report, and nothing of them is ever sent. */
async function takeOverParts(old: EndedJob, job: JobRecord, folder: JobFolder, { round, parts }: RoundPlan, signal: AbortSignal): Promise<void> {
  const work = outputFolder(job.output).workFolder;
  for (const { part, requests, reused } of parts) {
    if (!reused) continue;
    const { outcomes } = await takeOver(old, partFolder(work, round, part), requests, { signal });
    await folder.part(round, part).writeReport({ jobId: job.job_id, round, part, requests, outcomes, retryable: 0, usage: noUsage(), problems: [], simulated: job.simulated });
  }
}

function refuseOtherAccount(deps: ActivityDependencies, input: PlanJobInput): void {
  if (!input.account || accountKey(input.account) === accountKey(deps.account)) return;
  throw ApplicationFailure.nonRetryable(
    `This worker serves the account ${accountKey(deps.account)}, and the job is for ${accountKey(input.account)}`,
    'WrongAccount',
  );
}

/** Bytes of the input; undefined where there is none: planning then says what is wrong with it. */
async function sizeOf(path: string): Promise<number | undefined> {
  return (await look(path).catch(unlessPassing))?.size;
}

/** A job id that is known must not give the results of other requests. Where the input is gone, its record is believed. */
async function mustBeSameInput(job: JobRecord, requests: string | DataReference): Promise<void> {
  const sha256 = typeof requests === 'string' ? undefined : requests.sha256;
  if (sha256 === job.input.sha256) return;
  const path = locationOf(requests);
  // The job's is that of the decompressed content, the reference's that of the file.
  const found = (await isFile(path)) ? await contentSha256(path) : path.endsWith('.gz') ? undefined : sha256;
  if (found !== undefined && found !== job.input.sha256) throw inputChanged(job.job_id, path);
}

async function isFile(path: string): Promise<boolean> {
  return (await look(path).catch(unlessPassing))?.kind === 'file';
}

function unlessPassing(error: unknown): undefined {
  if (error instanceof StorageError && error.passing) throw error;
}

/** Hex SHA-256 of a file's decompressed bytes. */
async function contentSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readChunks(path, { signal: Context.current().cancellationSignal })) hash.update(chunk);
  return hash.digest('hex');
}

/** @returns where a data reference lies: an absolute path, or `s3://bucket/key`. @throws InputError `unsupported_location` */
export function locationOf(reference: string | DataReference): string {
  const uri = typeof reference === 'string' ? reference : reference.uri;
  if (uri.startsWith('file:')) return fileURLToPath(uri);
  if (isAbsolute(uri)) return uri;
  if (isS3(uri)) return absoluteLocation(uri);
  throw new InputError(
    'unsupported_location',
    `Requests cannot be read from ${uri}`,
    'Give an absolute path or a file: URL of a file on the machine of the worker, or s3://BUCKET/KEY.',
  );
}

/** A batch that was adopted before the job was planned holds all of its requests: nothing is left to be sent. */
async function mustFitAdopted(folder: JobFolder, { parts }: RoundPlan): Promise<void> {
  const { kind } = await folder.part(1, 1).creates.state();
  if (kind !== 'accepted' || parts.length === 1) return;
  throw new InputError('input_invalid', `The requests of job ${folder.jobId} make ${parts.length} batches, and it was given one that is to hold them all`, 'Name the input that the batch was made of.');
}

async function mustHaveJob(folder: JobFolder) {
  const job = await folder.readJob();
  if (!job) throw new Error(`The record of job ${folder.jobId} was removed while it was being planned`);
  return job;
}

function inputChanged(jobId: string, path: string): InputError {
  return new InputError('input_changed', `Job ${jobId} was made of other requests than ${path} holds now`, 'Give the job another id, or bring back the input it was made of.');
}
