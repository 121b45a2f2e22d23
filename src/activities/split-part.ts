import { ApplicationFailure } from '@temporalio/common';
import type { PlannedPart, RoundPlan } from '../jobs';
import { outputFolder, partOf, splitPart } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';
import { mustHavePart } from './open-part';
import type { PartReference } from './payloads';

/**
 * Cuts a part in two that the API has refused as too large. Can be repeated: a part that was split before stays so, whatever the
 * numbers now are.
 * @param numbers of the two new parts: no other part of the round has them.
 * @returns the new parts, as the plan has them from then on; none where one request is all there is.
 */
export function splitPartActivity(deps: ActivityDependencies) {
  return async function splitPartInTwo(ref: PartReference, numbers: [number, number]): Promise<{ parts: PlannedPart[] }> {
    return runActivity(deps, async () => {
      const folder = jobFolder(deps, ref.jobId);
      const planned = await mustHavePart(folder, ref);
      if (planned.splitInto) return { parts: halvesOf(await folder.readPlan(ref.round), planned) };
      if (planned.requests < 2) return { parts: [] };
      const { creates } = folder.part(ref.round, ref.part);
      if ((await creates.state()).kind !== 'none') {
        throw ApplicationFailure.nonRetryable(`Round ${ref.round}, part ${ref.part} may have a batch at the API: it is not split`, 'PartBegun');
      }
      const plan = await folder.readPlan(ref.round);
      const areFree = numbers.every((number) => partOf(plan, number) === undefined);
      const settled = areFree ? await folder.claimNumbers(ref.round, ref.part, numbers) : undefined;
      if (!settled) throw ApplicationFailure.nonRetryable(`Round ${ref.round} has a part ${numbers.join(' or ')} already`, 'NumberTaken');
      const into = await splitPart({ workFolder: outputFolder(ref.output).workFolder, round: ref.round, planned, numbers: settled });
      return { parts: (await folder.recordSplit(ref.round, { part: ref.part, into })).into };
    });
  };
}

function halvesOf(plan: RoundPlan | undefined, { splitInto = [] }: PlannedPart): PlannedPart[] {
  return splitInto.map((number) => partOf(plan, number)).filter((part) => part !== undefined);
}
