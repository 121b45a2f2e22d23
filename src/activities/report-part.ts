import type { BatchReport } from '../contract';
import { markUnsent } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { jobFolder, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import type { PartReference } from './payloads';

/** Puts a part's report on record: the mark that nothing is left to do for it. */
export function reportPartActivity(deps: ActivityDependencies) {
  return async function reportPart(ref: PartReference, report: BatchReport): Promise<void> {
    await runActivity(deps, async () => {
      if (report.batchId === undefined) await markUnsent(partFolderOf(ref), report.requests);
      await jobFolder(deps, ref.jobId).part(ref.round, ref.part).writeReport(report);
    });
  };
}
