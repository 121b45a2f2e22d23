import type { Command } from 'commander';
import type { JobHandle } from '../../client';
import type { Attention } from '../../contract';
import { attach } from '../attach';
import { withCallsPerMinute } from '../calls-per-minute';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { parseDuration } from '../durations';
import type { ExitCode } from '../exit-codes';
import { startWorkerHere } from '../job-worker';
import type { OwnWorker } from '../own-worker';
import { withPrices } from '../prices';
import { resumeIfWaiting } from '../resume-job';
import { openSession } from '../session';
import type { Session } from '../session';
import { exitCodeOf, StopSignals } from '../signals';
import { addSubmissionOptions, announce, changeKnown, claimFolder, prepareSubmission, printDryRun, recordJob, releaseFolder, showEnded, startOptions } from '../submission';
import type { Submission, SubmissionOptions } from '../submission';

interface RunOptions extends SubmissionOptions {
  timeout?: number;
  foreground?: boolean;
}

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

  using signals = new StopSignals(() => context.out.say(`Left at once. The job waits until \`message-batches wait ${submission.id}\` or the same \`run\`.`));
  const { session, worker, job, oldAttention } = await unlessStopped(signals, submission, begin(context, submission, options)).catch(async (error: unknown) => {
    await releaseFolder(context, submission);
    throw error;
  });
  try {
    return await attach({ ...context, session, account: submission.account, job, worker, oldAttention, signals, foreground: options.foreground ?? false, timeout: options.timeout });
  } finally {
    await worker.stop();
    await session.close();
  }
}

interface Begun {
  session: Session;
  worker: OwnWorker;
  job: JobHandle;
  oldAttention?: Attention;
}

async function begin(context: CommandContext, submission: Submission, options: RunOptions): Promise<Begun> {
  await claimFolder(context, submission);
  await announce(context, submission, options);
  const session = await openSession(context);
  if (session.temporal.webUiUrl) context.out.say(`web UI   ${session.temporal.webUiUrl}`);
  const worker = await startWorkerHere(context, session, submission.account);
  await recordJob(context, submission);
  const job = await session.batches.startJob(await startOptions(context, submission, options));
  await changeKnown(context, submission, job, options);
  const oldAttention = submission.known ? await resumeIfWaiting(job, { pausedToo: true }) : undefined;
  return { session, worker, job, oldAttention };
}

/** Until the job runs, a signal just ends the command. */
function unlessStopped(signals: StopSignals, { id }: Submission, begun: Promise<Begun>): Promise<Begun> {
  const stopped = signals.received.then((signal): never => {
    throw new CliError('stopped', `Stopped before job ${id} had begun.`, { hint: 'The same command begins again.', exitCode: exitCodeOf(signal) });
  });
  // Later, the signal is for whoever stays with the job.
  stopped.catch(() => undefined);
  return Promise.race([begun, stopped]);
}
