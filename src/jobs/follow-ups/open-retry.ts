/** An attempt to run follow-ups of an ended job again that is not over: what is on record of it, and what is said where that is gone. */
import type { JobReport } from '../../contract';
import { joinLocation, namesIn, StorageError } from '../../storage';
import { idOfOwner, outputFolder } from '../output-folder';
import { syncedRecords } from '../record-store';
import { followUpFiles } from './files';
import { readListRecord } from './list-record';
import { RETRIES_FOLDER, retryFolder } from './select-failed';

/**
 * The attempt whose list is there, and whose ends do not stand in the report yet: it runs, waits for a person, or was stopped and can go
 * on. It needs the working data of the job.
 * @returns its number; undefined where there is none. @throws StorageError
 */
export async function openRetry({ job_id: jobId, output, follow_ups: followUps }: JobReport): Promise<number | undefined> {
  if (!followUps || followUps.succeeded >= followUps.selected) return undefined;
  const names = await namesIn(joinLocation(outputFolder(output).workFolder, RETRIES_FOLDER));
  const attempts = names.map(Number).filter((attempt) => attempt > (followUps.retries ?? 0));
  if (attempts.length === 0 || (await idOfOwner(syncedRecords, output)) !== jobId) return undefined;
  for (const attempt of attempts.sort((a, b) => b - a)) if (await readListRecord(followUpFiles(retryFolder(output, attempt).part))) return attempt;
  return undefined;
}

/** The attempt whose stand-in for the outputs this is (`retryFolder`). @returns undefined where it is no such */
export function attemptOfFolder(output: string): number | undefined {
  const [, attempt] = new RegExp(`/${RETRIES_FOLDER}/([1-9]\\d*)$`).exec(output) ?? [];
  return attempt === undefined ? undefined : Number(attempt);
}

/** Somebody has removed what an attempt needs. @param path of it */
export function retryGone(jobId: string, path: string, cause?: unknown): StorageError {
  return new StorageError(
    'changed',
    path,
    `The working data of this attempt to run follow-ups again is gone: there is no ${path}.`,
    `Put it back from a copy, or end the attempt: message-batches retry-follow-ups ${jobId} --cancel. Each follow-up then keeps what was said of it before; the next attempt finds those that have completed, and does not run them again.`,
    { cause, missing: true },
  );
}
