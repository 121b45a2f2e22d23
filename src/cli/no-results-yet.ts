import type { ObservedJobStatus } from '../client';
import { SIMULATED_ACCOUNT } from '../contract';
import { CliError } from './cli-error';
import type { CommandContext } from './command';
import { followUpCounts } from './display/follow-ups';
import type { KnownJob } from './known-jobs';
import { observe } from './observe';
import { openRunningSession } from './session';

/** Why a job that is open has no results yet, and what can be done about it. Starts nothing. */
export async function noResultsYet(context: CommandContext, known: KnownJob): Promise<CliError> {
  const { id: jobId } = known;
  // Where the server cannot be asked, the records tell less.
  const session = await openRunningSession(context).catch(() => undefined);
  try {
    const status = await observe(known, context.home.folder, session);
    const batchIds = batchesOfFollowUps(status);
    const hint = `Wait for it: message-batches wait ${jobId}`;
    if (batchIds.length === 0) return new CliError('job_unfinished', `Job ${jobId} has not ended yet; its results are written at the end.`, { hint, details: { jobId } });
    const counts = status.followUps ? ` (${followUpCounts(status.followUps, await context.out.rendering())})` : '';
    const doing = status.attention ? `wait for a person: ${status.attention.message}${counts}` : `still run${counts}`;
    return new CliError('job_unfinished', `The batches of job ${jobId} have ended, and its follow-ups ${doing}; its results are written when these have ended too.`, {
      hint: `${hint}\nEnd it without those that have not run: message-batches cancel ${jobId}\nOf one batch, as the API gives them: message-batches api results ${batchIds[0]}${known.account.label === SIMULATED_ACCOUNT.label ? ' --simulate' : ''}`,
      details: { jobId, batchIds },
    });
  } finally {
    await session?.close();
  }
}

/** Ids of the batches whose follow-ups run; none where something else of the job runs as well, or is to come. */
function batchesOfFollowUps({ running, parts }: ObservedJobStatus): string[] {
  const following = running.filter(({ phase }) => phase === 'following_up');
  return following.length === running.length && parts.ended + running.length === parts.total ? following.flatMap(({ batchId }) => batchId ?? []) : [];
}
