import type { Command } from 'commander';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { signalJob } from '../signal-job';

export function pauseCommand(): Command {
  const command = newCommand('pause', 'Send no more requests of a job until `resume`. What the API has accepted is processed and stored all the same.', ['message-batches pause job_4c1f']);
  return addJobArgument(command).action(action(pause));
}

async function pause(context: CommandContext, reference: string | undefined, options: JobOptions): Promise<ExitCode> {
  const known = await signalJob(context, reference, options, (job) => job.pause());
  context.out.print(`Job ${known.id} sends nothing more.\nGo on: message-batches resume ${known.id}`);
  context.out.document({ jobId: known.id, paused: true });
  return ExitCode.ok;
}
