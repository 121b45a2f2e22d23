import { partOf } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { accountRecords, jobFolder } from './dependencies';
import { runActivity } from './failures';
import { betasOf, ownerOf } from './open-part';
import type { CreateClaim, PartReference } from './payloads';
import { lookUpCreate } from './reconcile-create';

/** How many of the newest batches are remembered: one may be deleted before it is looked for. */
const REMEMBERED = 5;

/** A create that nobody has decided for so long after its deadline is one that nobody goes on with, in ms. */
const ABANDONED_AFTER_MS = 15 * 60_000;

/**
 * Asks for the right to create a batch of this many requests (see `AccountRecords.claimCreate`). With it comes what
 * is newest in the API's list now: the place back to which an unanswered create is looked for, whatever the clocks say.
 */
export function claimCreateActivity(deps: ActivityDependencies) {
  return async function claimCreate(ref: PartReference, requests: number): Promise<CreateClaim> {
    return runActivity(deps, async () => {
      const holder = await accountRecords(deps).claimCreate(requests, ownerOf(ref), new Date());
      if (!holder) {
        const { data } = await deps.api.list({ limit: REMEMBERED }, { betas: ref.betas });
        return { granted: true, newestBefore: data.data.map((batch) => batch.id) };
      }
      await lookUpAbandoned(deps, holder.job_id, holder.round, holder.part);
      return { granted: false, heldBy: `${holder.job_id}, round ${holder.round}, part ${holder.part}` };
    });
  };
}

/** The holder's create may be one that nobody goes on with: then whoever waits for it looks it up. */
async function lookUpAbandoned(deps: ActivityDependencies, jobId: string, round: number, part: number): Promise<void> {
  const folder = jobFolder(deps, jobId);
  const { creates } = folder.part(round, part);
  const [state, job] = await Promise.all([creates.state(), folder.readJob()]);
  if (state.kind !== 'open' || !job) return;
  const intent = await creates.readIntent(state.attempt);
  if (!intent || Date.now() < Date.parse(intent.deadline) + intent.grace_ms + ABANDONED_AFTER_MS) return;
  const { betas } = betasOf(job, partOf(await folder.readPlan(round), part));
  await lookUpCreate(deps, { jobId, round, part, output: job.output, betas }, state.attempt, intent.grace_ms);
}
