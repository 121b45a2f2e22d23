import type { BatchReport } from '../contract';
import type { PartOwner } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { createTimeoutMs, jobFolder } from './dependencies';
import { runActivity } from './failures';
import type { OpenedPart, PartReference } from './payloads';

/** Reads all that is on record about a part, so that a new run goes on where an earlier one was lost. */
export function openPartActivity(deps: ActivityDependencies) {
  return async function openPart(ref: PartReference): Promise<OpenedPart | { report: BatchReport }> {
    return runActivity(deps, async () => {
      const folder = jobFolder(deps, ref.jobId);
      const records = folder.part(ref.round, ref.part);
      const report = await records.readReport();
      if (report) return { report };
      const planned = (await folder.readPlan(ref.round))?.parts[ref.part - 1];
      if (!planned) throw new Error(`Job ${ref.jobId} has no plan of round ${ref.round}, part ${ref.part}`);
      return {
        requests: planned.requests,
        bodyBytes: planned.bodyBytes,
        createTimeoutMs: (deps.createTimeoutMs ?? createTimeoutMs)(planned.bodyBytes),
        create: await records.creates.state(),
        cancelRequested: await folder.cancelRequested(),
      };
    });
  };
}

/** Parts of a round for which a create was begun and has not been proved void, in order; none where the round has no plan. */
export function begunPartsActivity(deps: ActivityDependencies) {
  return async function begunParts(ref: Omit<PartReference, 'part'>): Promise<number[]> {
    return runActivity(deps, async () => {
      const folder = jobFolder(deps, ref.jobId);
      const begun: number[] = [];
      for (const { part } of (await folder.readPlan(ref.round))?.parts ?? []) {
        const state = await folder.part(ref.round, part).creates.state();
        if (state.kind !== 'none') begun.push(part);
      }
      return begun;
    });
  };
}

export function ownerOf(ref: PartReference): PartOwner {
  return { job_id: ref.jobId, round: ref.round, part: ref.part };
}
