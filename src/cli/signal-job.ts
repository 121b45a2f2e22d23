import type { JobHandle } from '../client';
import { CliError } from './cli-error';
import type { CommandContext } from './command';
import type { JobOptions } from './job-argument';
import type { KnownJob } from './known-jobs';
import { locateJob } from './locate-job';
import { openSession } from './session';

/** Sends something to an open job. It stands in the job's history when this returns; a worker acts on it when it runs. */
export async function signalJob(context: CommandContext, reference: string | undefined, options: JobOptions, send: (job: JobHandle) => Promise<void>): Promise<KnownJob> {
  const known = await locateJob(context, reference, options);
  if (known.report) throw new CliError('job_ended', `Job ${known.id} has ended already.`, { hint: `See what became of it: message-batches status ${known.id}` });
  const session = await openSession(context);
  try {
    await send(session.batches.job(known.id));
    return known;
  } finally {
    await session.close();
  }
}
