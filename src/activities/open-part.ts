import type { BatchReport } from '../contract';
import type { JobFolder, PartOwner, PlannedPart } from '../jobs';
import { batchesOf, partOf } from '../jobs';
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
      const planned = await mustHavePart(folder, ref);
      return {
        requests: planned.requests,
        bodyBytes: planned.bodyBytes,
        createTimeoutMs: (deps.createTimeoutMs ?? createTimeoutMs)(planned.bodyBytes),
        create: await records.creates.state(),
        cancelRequested: await folder.cancelRequested(),
        ...betasOf(ref, planned),
        ...(planned.splitInto && { splitInto: planned.splitInto }),
      };
    });
  };
}

/** The part in its round's plan, as it was planned or made by a split. */
export async function mustHavePart(folder: JobFolder, { jobId, round, part }: PartReference): Promise<PlannedPart> {
  const planned = partOf(await folder.readPlan(round), part);
  if (!planned) throw new Error(`Job ${jobId} has no plan of round ${round}, part ${part}`);
  return planned;
}

/** The job's betas and those that the part's requests ask for, each once and in order; nothing where there are none. */
export function betasOf(ref: Pick<PartReference, 'betas'>, planned: PlannedPart | undefined): Pick<PartReference, 'betas'> {
  // Those of the job as they were given: they may be of any form, and come in any order.
  const betas = [...new Set([...(ref.betas ?? []), ...(planned?.betas ?? [])])];
  return betas.length > 0 ? { betas } : {};
}

/** Parts of a round for which a create was begun and has not been proved void, in order; none where the round has no plan. */
export function begunPartsActivity(deps: ActivityDependencies) {
  return async function begunParts(ref: Omit<PartReference, 'part'>): Promise<number[]> {
    return runActivity(deps, async () => {
      const folder = jobFolder(deps, ref.jobId);
      const begun: number[] = [];
      const plan = await folder.readPlan(ref.round);
      for (const { part } of plan ? batchesOf(plan) : []) {
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
