import type { Command } from 'commander';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { addSettingsOptions, changedLine, typedSettings } from '../job-settings';
import type { SettingsOptions } from '../job-settings';
import { signalJob } from '../signal-job';

export function resumeCommand(): Command {
  const command = newCommand('resume', 'Go on with a job after `pause`, or try again what waited for a person.', ['message-batches resume job_4c1f', 'message-batches resume job_4c1f --max-cost 20']);
  return addSettingsOptions(addJobArgument(command), { changes: true }).action(action(resume));
}

async function resume(context: CommandContext, reference: string | undefined, options: JobOptions & SettingsOptions): Promise<ExitCode> {
  const settings = typedSettings(options);
  const known = await signalJob(context, reference, options, async (job) => {
    if (settings) await job.change(settings);
    await job.resume();
  });
  context.out.print(`Job ${known.id} may go on.${changedLine(settings)}\nStay with it, with a worker: message-batches wait ${known.id}`);
  context.out.document({ jobId: known.id, paused: false, ...(settings && { settings }) });
  return ExitCode.ok;
}
