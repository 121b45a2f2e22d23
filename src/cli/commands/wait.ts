import type { Command } from 'commander';
import { attach, showEndedReport } from '../attach';
import { addCallsPerMinute, type CallsPerMinuteOptions, withCallsPerMinute } from '../calls-per-minute';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { parseDuration } from '../durations';
import type { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { hasBackgroundWorker, startWorkerHere } from '../job-worker';
import type { KnownJob } from '../known-jobs';
import { locateJob } from '../locate-job';
import { resumeIfWaiting } from '../resume-job';
import { openSession } from '../session';
import { hasKey, requireAccess } from '../settings';
import { StopSignals } from '../signals';

interface WaitOptions extends JobOptions, CallsPerMinuteOptions {
  timeout?: number;
  foreground?: boolean;
}

export function waitCommand(): Command {
  const command = newCommand('wait', 'Stay with a job until it has ended, with progress. Brings a worker.', ['message-batches wait', 'message-batches wait job_4c1f --timeout 2h']);
  return addCallsPerMinute(addJobArgument(command))
    .option('--timeout <duration>', 'stop waiting after this time (exit code 5); the job goes on in the background', parseDuration)
    .option('--foreground', 'at Ctrl-C stop, instead of handing over to a background worker')
    .action(action(wait));
}

async function wait(given: CommandContext, reference: string | undefined, options: WaitOptions): Promise<ExitCode> {
  const context = withCallsPerMinute(given, options);
  const { account, ...known } = await locateJob(context, reference, options);
  if (known.report) return showEndedReport(context, known.report);
  // Somebody without a key may look on while another worker does the work.
  const servedAlready = !known.simulated && !hasKey(context.env) && (await hasBackgroundWorker(context.home, account));
  if (!servedAlready) requireAccess(context.env, account);
  using signals = new StopSignals(() => context.out.say(`Left at once. The job waits until \`message-batches wait ${known.id}\`.`));
  const session = await openSession(context);
  const worker = servedAlready ? undefined : await startWorkerHere(context, session, account);
  try {
    const job = session.batches.job(known.id);
    const oldAttention = await resumeIfWaiting(job, { pausedToo: false }).catch((error: unknown) => {
      throw error instanceof Error && error.name === 'JobNotFoundError' ? notRunning(known) : error;
    });
    return await attach({ ...context, session, account, job, worker, oldAttention, signals, foreground: options.foreground ?? false, timeout: options.timeout });
  } finally {
    await worker?.stop();
    await session.close();
  }
}

/** Its history was deleted, or the server was set back: the input's options are needed to begin it again. */
function notRunning(known: Pick<KnownJob, 'id' | 'input' | 'simulated'>): CliError {
  return new CliError('job_not_running', `The Temporal server does not know job ${known.id} any more.`, {
    hint: `Go on from its records; nothing is paid twice: message-batches run ${known.input}${known.simulated ? ' --simulate' : ''}`,
    details: { jobId: known.id },
  });
}
