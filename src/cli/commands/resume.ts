import type { Command } from 'commander';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { signalJob } from '../signal-job';

export function resumeCommand(): Command {
  const command = newCommand('resume', 'Go on with a job after `pause`, or try again what waited for a person.', ['message-batches resume job_4c1f']);
  return addJobArgument(command).action(action(resume));
}

async function resume(context: CommandContext, reference: string | undefined, options: JobOptions): Promise<ExitCode> {
  const known = await signalJob(context, reference, options, (job) => job.resume());
  context.out.print(`Job ${known.id} may go on.\nStay with it, with a worker: message-batches wait ${known.id}`);
  context.out.document({ jobId: known.id, paused: false });
  return ExitCode.ok;
}
