import { NotFoundError } from '../api';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';

/**
 * Deletes the batches of a finished job at the API. Only where every request has its result on disk: what is missing
 * might still be found there.
 */
export function deleteBatchesActivity(deps: ActivityDependencies) {
  return async function deleteBatches(jobId: string): Promise<void> {
    return runActivity(deps, async () => {
      const folder = jobFolder(deps, jobId);
      const [job, report] = await Promise.all([folder.readJob(), folder.readReport()]);
      const proven = report && report.outcomes.missing === 0 && !report.problems.some((problem) => problem.kind === 'unproven');
      if (!job || !proven) return;
      for (const { id } of report.batches) {
        await deps.api.delete(id, { betas: job.betas }).catch((error: unknown) => {
          // Deleted before, by an earlier attempt or by somebody else.
          if (!(error instanceof NotFoundError)) throw error;
        });
      }
    });
  };
}
