import type { Command } from 'commander';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { addSettingsOptions, changedLine, typedSettings } from '../job-settings';
import type { SettingsOptions } from '../job-settings';
import { signalJob } from '../signal-job';

export function pauseCommand(): Command {
  const command = newCommand('pause', 'Send no more requests of a job until `resume`. What the API has accepted is processed and stored all the same.', ['message-batches pause job_4c1f']);
  return addSettingsOptions(addJobArgument(command), { changes: true }).action(action(pause));
}

async function pause(context: CommandContext, reference: string | undefined, options: JobOptions & SettingsOptions): Promise<ExitCode> {
  const settings = typedSettings(options);
  const known = await signalJob(context, reference, options, async (job) => {
    if (settings) await job.change(settings);
    await job.pause();
  });
  context.out.print(`Job ${known.id} sends nothing more.${changedLine(settings)}\nGo on: message-batches resume ${known.id}`);
  context.out.document({ jobId: known.id, paused: true, ...(settings && { settings }) });
  return ExitCode.ok;
}
