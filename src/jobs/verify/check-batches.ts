import type { JobReport } from '../../contract';
import type { JobFolder } from '../job-folder';
import { type Check, count, failed, ok, unchecked } from './check';

/** Holds the batches of the report against the records that were synced when each was made: none is left out, none stands twice. */
export async function checkBatches(report: JobReport, folder: JobFolder | undefined): Promise<Check> {
  const reported = report.batches.map(({ id }) => id);
  const hint = 'Look at each of them: message-batches api retrieve ID. A batch that the report does not know was paid without its results being kept.';
  const twice = reported.find((id, index) => reported.indexOf(id) !== index);
  if (twice !== undefined) return failed('batches', `the report has ${twice} twice`, hint);
  if (!folder || !(await folder.readPlan(1))) return unchecked('batches', `the records of the job are not in this home, so its ${count(reported.length)} batches are known by the report alone`);
  const recorded: string[] = [];
  for (let round = 1; ; round++) {
    const plan = await folder.readPlan(round);
    if (!plan) break;
    for (const { part } of plan.parts) {
      const state = await folder.part(round, part).creates.state();
      if (state.kind === 'accepted') recorded.push(state.batchId);
      if (state.kind === 'open') return failed('batches', `nobody knows what became of a create of round ${round}, part ${part}`, hint);
    }
  }
  const known = new Set(reported);
  const unreported = recorded.filter((id) => !known.delete(id));
  if (unreported.length > 0) return failed('batches', `${unreported.join(', ')} of the records ${unreported.length === 1 ? 'is' : 'are'} not in the report`, hint);
  if (known.size > 0) return failed('batches', `${[...known].join(', ')} of the report ${known.size === 1 ? 'is' : 'are'} not in the records`, hint);
  return ok('batches', `the ${count(reported.length)} batches that were paid are those of the report, each once`);
}
