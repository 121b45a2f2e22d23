import { JobFolder } from '../jobs';
import type { Home } from '../local';
import type { Output } from './output';

/** Says what became of `--delete-from-api`, where it was asked for. */
export async function sayDeleted(out: Output, home: Home, jobId: string): Promise<void> {
  const deleted = await new JobFolder(home.folder, jobId).readDeleted();
  if (!deleted) return;
  const { batches, kept_because: keptBecause } = deleted;
  if (keptBecause !== undefined) out.say(`Nothing was deleted at the API, where the results can still be had: ${keptBecause}.`);
  else out.say(`Deleted at the API: ${batches.length === 1 ? batches[0] : `${batches.length.toLocaleString('en-US')} batches`}. The results are in the outputs alone now.`);
}
