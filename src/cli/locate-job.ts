import type { ObservedJobStatus } from '../client';
import type { CommandContext } from './command';
import { findJob } from './find-job';
import type { KnownJob } from './known-jobs';
import { openRunningSession } from './session';

const MOST_IDS_COMPARED = 1000;

/** Finds the job that a person means, in this home or, by its full id, on the Temporal server. Starts nothing. */
export function locateJob(context: CommandContext, reference: string | undefined, { openOnly = true, simulate = false }: { openOnly?: boolean; simulate?: boolean } = {}): Promise<KnownJob> {
  return findJob(reference, {
    homeFolder: context.home.folder,
    cwd: process.cwd(),
    openOnly,
    simulatedOnly: simulate,
    elsewhere: (id) => jobOnServer(context, id),
    idsElsewhere: () => idsOnServer(context),
  });
}

/** The newest of the jobs that the server knows. */
async function idsOnServer(context: CommandContext): Promise<string[]> {
  const session = await openRunningSession(context);
  const ids: string[] = [];
  try {
    for await (const { jobId } of session?.batches.jobs() ?? []) if (ids.push(jobId) >= MOST_IDS_COMPARED) break;
  } finally {
    await session?.close();
  }
  return ids;
}

async function jobOnServer(context: CommandContext, id: string): Promise<KnownJob | undefined> {
  const session = await openRunningSession(context);
  if (!session) return undefined;
  try {
    return knownFromStatus(await session.batches.job(id).status());
  } catch (error) {
    if (error instanceof Error && error.name === 'JobNotFoundError') return undefined;
    throw error;
  } finally {
    await session.close();
  }
}

/** A job that a program has started has no folder here; its status tells the same. */
function knownFromStatus(status: ObservedJobStatus): KnownJob {
  return {
    id: status.jobId,
    account: status.account,
    simulated: status.simulated,
    input: status.report?.input.path ?? '',
    requests: status.requests ?? 0,
    output: status.output ?? '',
    createdAt: status.startedAt,
    report: status.report,
  };
}
