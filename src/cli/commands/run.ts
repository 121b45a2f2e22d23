import type { Command } from 'commander';
import { withCallsPerMinute } from '../calls-per-minute';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { parseDuration } from '../durations';
import type { ExitCode } from '../exit-codes';
import { withPrices } from '../prices';
import { runJob } from '../run-job';
import type { RunOptions } from '../run-job';
import { addSubmissionOptions, prepareSubmission, printDryRun, showEnded } from '../submission';

export function runCommand(): Command {
  const command = newCommand('run', 'Submit the requests of INPUT, wait for all results, write the outputs. The same INPUT again goes on, or shows the finished report.', [
    'message-batches run requests.jsonl --simulate',
    'message-batches run requests.jsonl --output results --timeout 2h',
  ]);
  return addSubmissionOptions(command)
    .option('--timeout <duration>', 'stop waiting after this time (exit code 5); the job goes on in the background', parseDuration)
    .option('--foreground', 'at Ctrl-C stop, instead of handing over to a background worker')
    .action(action(run));
}

async function run(given: CommandContext, input: string, options: RunOptions): Promise<ExitCode> {
  const context = withCallsPerMinute(withPrices(given, options.prices), options);
  const submission = await prepareSubmission(context, input, options);
  if (submission.report) return showEnded(context, submission.report);
  if (options.dryRun) return printDryRun(context, submission, options);
  return runJob(context, submission, options);
}
