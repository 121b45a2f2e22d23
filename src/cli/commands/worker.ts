import type { Command } from 'commander';
import { accountKey, workflowTaskQueue } from '../../contract';
import type { AccountReference, Attention } from '../../contract';
import { addCallsPerMinute, type CallsPerMinuteOptions, withCallsPerMinute } from '../calls-per-minute';
import { CliError } from '../cli-error';
import type { CommandContext, CommonOptions } from '../command';
import { action, newCommand } from '../command';
import { parseDuration } from '../durations';
import { ExitCode } from '../exit-codes';
import { whenIdle } from '../idle';
import { startWorkerHere, startWorkerInBackground } from '../job-worker';
import { openSession } from '../session';
import { accountOf, requireKey } from '../settings';
import { exitCodeOf, StopSignals } from '../signals';

interface WorkerOptions extends CommonOptions, CallsPerMinuteOptions {
  account: string;
  simulate?: boolean;
  background?: boolean;
  backgroundChild?: boolean;
  idleTimeout: number;
}

export function workerCommand(): Command {
  const command = newCommand('worker', 'Run a worker for the jobs of an account, in the foreground.', ['message-batches worker', 'message-batches worker --background'])
    .option('--account <name>', 'name of the account', 'default')
    .option('--simulate', 'serve simulated jobs')
    .option('--background', 'start it in the background and return; it ends when no job has been open for a minute');
  return addCallsPerMinute(command)
    .addOption(command.createOption('--background-child').hideHelp())
    .addOption(command.createOption('--idle-timeout <duration>').argParser(parseDuration).default(60_000).hideHelp())
    .action(action(worker));
}

async function worker(given: CommandContext, options: WorkerOptions): Promise<ExitCode> {
  const context = withCallsPerMinute(given, options);
  const { env, out } = context;
  const account = accountOf(env, { label: options.account, simulate: options.simulate });
  requireKey(env, account);
  if (options.background) {
    await startWorkerInBackground(context, account);
    out.print(`A worker for the account ${accountKey(account)} runs in the background.\nEnd it: message-batches stop`);
    out.document({ account, taskQueue: workflowTaskQueue(account), background: true });
    return ExitCode.ok;
  }
  return serve(context, account, options);
}

async function serve(context: CommandContext, account: AccountReference, options: WorkerOptions): Promise<ExitCode> {
  const { out } = context;
  const { announceReady } = await import('../../local/index.js');
  using signals = new StopSignals(() => out.say('Left at once. Open jobs wait until a worker runs again.'));
  const session = await openSession(context);
  const running = await startWorkerHere(context, session, account);
  try {
    if (running.refusedAtStart) throw accessRefused(running.refusedAtStart);
    out.print(`A worker serves the account ${accountKey(account)} on the task queue ${workflowTaskQueue(account)} at ${session.temporal.address}.\nCtrl-C ends it; open jobs then wait until a worker runs again.`);
    out.document({ account, taskQueue: workflowTaskQueue(account), temporal: session.temporal.address, background: false });
    if (options.backgroundChild) await announceReady();
    const idle = options.backgroundChild ? [whenIdle(session.client, account, options.idleTimeout)] : [];
    const end = await Promise.race([signals.received, running.refused, running.stopped, ...idle]);
    if (typeof end === 'string') return end === 'idle' ? ExitCode.ok : exitCodeOf(end);
    if (!end) return ExitCode.ok;
    throw accessRefused(end);
  } finally {
    await running.stop();
    await session.close();
  }
}

function accessRefused({ code, message, hint }: Attention): CliError {
  return new CliError(code, message, { hint, exitCode: ExitCode.attention });
}
