import { absoluteLocation, createRecord, type Found, isSystemError, isTemporaryName, joinLocation, look, makeFolder, namesIn, parentLocation, readRecord, removeDurably, roomAt, StorageError } from '../storage';
import { InputError } from './input-error';
import { workFolder } from './part-folder';
import type { RecordStore } from './record-store';

/** The files of a job's output folder. */
export interface OutputFolder {
  /** Absolute path, or `s3://bucket/key`. */
  folder: string;
  /** Working data while the job runs. */
  workFolder: string;
  /** Whose folder this is, while the job runs: `{"job_id", "storage_id"}`. */
  claim: string;
  results: string;
  /** Where each result lies in `results`; an aid that may be missing. */
  resultsIndex: string;
  /** By what a later job finds the same requests; an aid that may be missing. */
  requestsIndex: string;
  failedRequests: string;
  /** Those that were sent, perhaps paid, and got no result. */
  missingRequests: string;
  quarantine: string;
  /** What became of each follow-up. */
  followUps: string;
  /** Written last, the mark that all is there; says whose folder this is from then on. */
  report: string;
}

export interface ClaimOptions {
  /** Decompressed bytes of the input, to see whether the disk has room. Default: not looked at. */
  inputBytes?: number;
  /** Bytes that the disk must have room for, where more is known of the input than its length: see `diskNeeded`. */
  room?: number;
  /** Id of the storage root where the job's records lie: another one knows nothing of what is paid. Default: not looked at. */
  storageId?: string;
}

/** `.parts/job.json`; one without a `storage_id` is taken for one of the same storage root. */
interface ClaimRecord {
  job_id: string;
  storage_id?: string;
}

/** The job's own copy of the input, and results that are about as long; both lie there twice for a moment. */
const ROOM_PER_INPUT_BYTE = 2;

export function outputFolder(dir: string): OutputFolder {
  const folder = absoluteLocation(dir);
  const work = workFolder(folder);
  return {
    folder,
    workFolder: work,
    claim: joinLocation(work, 'job.json'),
    results: joinLocation(folder, 'results.jsonl'),
    resultsIndex: joinLocation(folder, 'results.index'),
    requestsIndex: joinLocation(folder, 'requests.index'),
    failedRequests: joinLocation(folder, 'failed-requests.jsonl'),
    missingRequests: joinLocation(folder, 'missing-requests.jsonl'),
    quarantine: joinLocation(folder, 'quarantine.jsonl'),
    followUps: joinLocation(folder, 'follow-ups.jsonl'),
    report: joinLocation(folder, 'report.json'),
  };
}

/** Id of the job whose folder this is, while it runs and afterwards; undefined where it is nobody's. @throws StorageError */
export async function idOfOwner(records: RecordStore, dir: string): Promise<string | undefined> {
  return (await ownerOf(outputFolder(dir), records))?.job_id;
}

/**
 * Makes a folder that of this job, and creates it where it is missing. The same job of the same storage root may claim
 * it again, finished or not; of several at once one gets it. Where it is refused, nothing was changed.
 * @throws InputError `output_taken` (names the other job, or the files that are there, or says that the job is worked on
 *   from another storage root), `output_not_a_folder`, `output_not_writable`, `disk_too_small`.
 */
export async function claimOutput(dir: string, jobId: string, options: ClaimOptions = {}): Promise<OutputFolder> {
  const output = outputFolder(dir);
  const claim = claimOf(jobId, options);
  if (await isClaimed(output, claim, options)) return output;
  try {
    await makeFolder(output.workFolder);
    await createRecord(output.claim, claim);
  } catch (error) {
    if (!(error instanceof StorageError) || error.passing || error.code === 'disk_full') throw error;
    throw new InputError('output_not_writable', `Results cannot be written to ${output.folder}. ${error.message}`, error.hint, { cause: error });
  }
  const winner = await ownerOf(output);
  if (!winner) throw takenBy(output.folder, 'another job');
  mustBeSame(output.folder, winner, claim);
  return output;
}

/** Whether `claimOutput` would go through, as far as can be seen without writing anything. @throws InputError as `claimOutput` */
export async function mustBeClaimable(dir: string, jobId: string, options: ClaimOptions = {}): Promise<void> {
  await isClaimed(outputFolder(dir), claimOf(jobId, options), options);
}

function claimOf(jobId: string, { storageId }: ClaimOptions): ClaimRecord {
  return { job_id: jobId, ...(storageId !== undefined && { storage_id: storageId }) };
}

/** @returns whether the folder is this job's already; false where it may be claimed. @throws InputError where it may not */
async function isClaimed(output: OutputFolder, claim: ClaimRecord, options: ClaimOptions): Promise<boolean> {
  await mustBeFolder(output.folder);
  const owner = await ownerOf(output);
  if (owner) {
    mustBeSame(output.folder, owner, claim);
    return true;
  }
  await mustNotHoldResults(output);
  const room = options.room ?? (options.inputBytes !== undefined ? options.inputBytes * ROOM_PER_INPUT_BYTE : undefined);
  if (room !== undefined) await mustHaveRoom(output.folder, room);
  return false;
}

/** Removes the working data of a job, once its report is written. @throws StorageError */
export async function removeWorkFolder(dir: string): Promise<void> {
  await removeDurably(outputFolder(dir).workFolder);
}

/**
 * Removes what workers that died while they wrote outputs have left beside them. Whoever still writes there fails at giving
 * its file the name: to be called when the outputs are final.
 * @throws StorageError
 */
export async function removeUnfinishedOutputs(dir: string): Promise<void> {
  for (const path of await unfinishedOutputs(dir)) await removeDurably(path);
}

/** What `removeUnfinishedOutputs` removes. @throws StorageError */
export async function unfinishedOutputs(dir: string): Promise<string[]> {
  const output = outputFolder(dir);
  const paths = outputFiles(output);
  const names = (await namesIn(output.folder)).filter((name) => paths.some((path) => isTemporaryName(name, path)));
  return names.map((name) => joinLocation(output.folder, name));
}

function outputFiles({ results, resultsIndex, requestsIndex, failedRequests, missingRequests, quarantine, followUps, report }: OutputFolder): string[] {
  return [results, resultsIndex, requestsIndex, failedRequests, missingRequests, quarantine, followUps, report];
}

async function ownerOf(output: OutputFolder, records: Pick<RecordStore, 'read'> = { read: readRecord }): Promise<ClaimRecord | undefined> {
  for (const path of [output.claim, output.report]) {
    const record = await records.read<Partial<ClaimRecord>>(path);
    if (typeof record?.job_id === 'string') return { job_id: record.job_id, storage_id: record.storage_id };
  }
  return undefined;
}

function mustBeSame(folder: string, owner: ClaimRecord, claim: ClaimRecord): void {
  if (owner.job_id !== claim.job_id) throw takenBy(folder, `job ${owner.job_id}`);
  if (owner.storage_id === undefined || claim.storage_id === undefined || owner.storage_id === claim.storage_id) return;
  throw new InputError(
    'output_taken',
    `Another home folder (another user, another machine, or another MESSAGE_BATCHES_HOME) is working on job ${owner.job_id} in ${folder}.`,
    'Go on from there. To send the same requests from here as well, choose another folder with --output DIR: they are then paid for again.',
  );
}

function takenBy(folder: string, owner: string): InputError {
  return new InputError(
    'output_taken',
    `${folder} belongs to ${owner}.`,
    'Choose another folder with --output DIR, or move that one away.',
  );
}

/** Files of these names that no job owns are somebody's own: they are not replaced. */
async function mustNotHoldResults(output: OutputFolder): Promise<void> {
  for (const path of outputFiles(output)) {
    if (!(await lookAt(path))) continue;
    const message = `${path} is there already, and does not belong to this job.`;
    throw new InputError('output_taken', message, 'Choose another folder with --output DIR, or move that file away.');
  }
}

async function mustBeFolder(folder: string): Promise<void> {
  const found = await lookAt(folder);
  if (found && found.kind !== 'folder') throw notAFolder(folder);
}

function notAFolder(path: string): InputError {
  return new InputError('output_not_a_folder', `${path} is not a folder.`, 'Choose another name with --output DIR.');
}

async function lookAt(path: string): Promise<Found | undefined> {
  try {
    return await look(path);
  } catch (error) {
    if (error instanceof StorageError && isSystemError(error.cause) && error.cause.code === 'ENOTDIR') throw notAFolder(parentLocation(path));
    throw error;
  }
}

async function mustHaveRoom(folder: string, bytes: number): Promise<void> {
  const free = await roomAt(folder);
  if (free === undefined || free >= bytes) return;
  throw new InputError(
    'disk_too_small',
    `The disk of ${folder} has ${megabytes(free)} free; this job needs about ${megabytes(bytes)} for its copy of the requests and their results.`,
    'Free some space, or choose a folder on another disk with --output DIR.',
  );
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString('en-US')} MB`;
}
