import type { BatchReport } from '../contract';
import { markUnsent, readLedgerRecord } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { jobFolder, partFolderOf } from './dependencies';
import { runActivity } from './failures';
import { paidOf } from './paid';
import type { PartReference } from './payloads';

/**
 * Puts a part's report on record: the mark that nothing is left to do for it.
 * @returns the report with what its ledger tells of models, and what that has cost. Older releases returned nothing.
 */
export function reportPartActivity(deps: ActivityDependencies) {
  return async function reportPart(ref: PartReference, report: BatchReport): Promise<BatchReport> {
    return runActivity(deps, async () => {
      const folder = partFolderOf(ref);
      if (report.batchId === undefined) await markUnsent(folder, report.requests);
      const ledger = report.batchId === undefined ? undefined : await readLedgerRecord(folder);
      const whole = ledger?.batch_id === report.batchId && ledger ? { ...report, ...paidOf(ledger, deps.prices) } : report;
      await jobFolder(deps, ref.jobId).part(ref.round, ref.part).writeReport(whole);
      return whole;
    });
  };
}
