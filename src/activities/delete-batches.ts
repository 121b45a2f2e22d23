import { Context } from '@temporalio/activity';
import { NotFoundError } from '../api';
import { whyNotProved } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';

/**
 * Deletes the batches of a finished job at the API. Only where what lies on disk is still what was written, and every request
 * has its result there: what is missing, or was changed since, might still be had from the API.
 */
export function deleteBatchesActivity(deps: ActivityDependencies) {
  return async function deleteBatches(jobId: string): Promise<void> {
    return runActivity(deps, async () => {
      const folder = jobFolder(deps, jobId);
      const [job, report, done] = await Promise.all([folder.readJob(), folder.readReport(), folder.readDeleted()]);
      if (!job || !report || (done && done.kept_because === undefined)) return;
      const keptBecause = await whyNotProved(report, { signal: Context.current().cancellationSignal });
      if (keptBecause !== undefined) {
        await folder.writeDeleted({ at: new Date().toISOString(), batches: [], kept_because: keptBecause });
        return;
      }
      const batches = report.batches.map(({ id }) => id);
      for (const id of batches) {
        await deps.api.delete(id, { betas: job.betas }).catch((error: unknown) => {
          // Deleted before, by an earlier attempt or by somebody else.
          if (!(error instanceof NotFoundError)) throw error;
        });
      }
      await folder.writeDeleted({ at: new Date().toISOString(), batches });
    });
  };
}
