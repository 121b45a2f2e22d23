/** Working data that a job which has ended has left behind, and what takes it away. */
import type { JobReport } from '../contract';
import { joinLocation, look, namesIn } from '../storage';
import { outputFolder, idOfOwner, removeUnfinishedOutputs, removeWorkFolder, unfinishedOutputs } from './output-folder';
import { syncedRecords } from './record-store';

export interface LeftOver {
  /** The folder of working data, or a file that a worker left unfinished. */
  path: string;
  bytes: number;
}

/**
 * What can be freed in the output folder of a job that has ended: its working data, which is kept where requests are missing or the
 * outcomes could not be proved, and what dead workers left unfinished. Nothing where the folder belongs to another job by now.
 * @throws StorageError
 */
export async function leftOverOf(report: JobReport): Promise<LeftOver[]> {
  if (!(await isOwn(report))) return [];
  const { workFolder } = outputFolder(report.output);
  const paths = [...((await look(workFolder)) ? [workFolder] : []), ...(await unfinishedOutputs(report.output))];
  return Promise.all(paths.map(async (path) => ({ path, bytes: await bytesBelow(path) })));
}

/** Frees it. Outputs and records stay. @throws StorageError */
export async function removeLeftOver(report: JobReport): Promise<void> {
  if (!(await isOwn(report))) return;
  await removeUnfinishedOutputs(report.output);
  await removeWorkFolder(report.output);
}

async function isOwn({ job_id: jobId, output }: JobReport): Promise<boolean> {
  return (await idOfOwner(syncedRecords, output)) === jobId;
}

/** Of a file, or of all files below a folder. */
async function bytesBelow(location: string): Promise<number> {
  const found = await look(location);
  if (found?.kind !== 'folder') return found?.size ?? 0;
  let sum = 0;
  for (const name of await namesIn(location)) sum += await bytesBelow(joinLocation(location, name));
  return sum;
}
