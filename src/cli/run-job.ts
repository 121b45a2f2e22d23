/** Begins a job, or goes on with it, and stays with it to its end: what `run` does once it is settled what to send. */
import type { JobHandle } from '../client';
import type { Attention } from '../contract';
import { attach } from './attach';
import { CliError } from './cli-error';
import type { CommandContext } from './command';
import type { ExitCode } from './exit-codes';
import { startWorkerHere } from './job-worker';
import type { OwnWorker } from './own-worker';
import { pollAddress } from './poll-address';
import { resumeIfWaiting } from './resume-job';
import { openSession } from './session';
import type { Session } from './session';
import { exitCodeOf, StopSignals } from './signals';
import { announce, changeKnown, claimFolder, recordJob, releaseFolder, startOptions } from './submission';
import type { Submission, SubmissionOptions } from './submission';

export interface RunOptions extends SubmissionOptions {
  timeout?: number;
  foreground?: boolean;
}

export interface RunJobSteps {
  /** Says what will be sent. Default: `announce`. */
  announce?: () => Promise<void>;
  /** Puts on record what must be there before the job is known. */
  record?: () => Promise<void>;
}

/** @returns the exit code that tells of the job's end, or why it was left */
export async function runJob(context: CommandContext, submission: Submission, options: RunOptions, steps: RunJobSteps = {}): Promise<ExitCode> {
  using signals = new StopSignals(() => context.out.say(`Left at once. The job waits until \`message-batches wait ${submission.id}\` or the same command.`));
  const { session, worker, job, oldAttention } = await unlessStopped(signals, submission, begin(context, submission, options, steps)).catch(async (error: unknown) => {
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

async function begin(context: CommandContext, submission: Submission, options: RunOptions, steps: RunJobSteps): Promise<Begun> {
  await claimFolder(context, submission);
  await (steps.announce ?? (() => announce(context, submission, options)))();
  const session = await openSession(context);
  if (session.temporal.webUiUrl) context.out.say(`web UI   ${session.temporal.webUiUrl}`);
  if (submission.followUp?.taskQueue !== undefined) context.out.say(`poll at  ${pollAddress(session.temporal)} (the worker of your follow-ups)`);
  const worker = await startWorkerHere(context, session, submission.account);
  await steps.record?.();
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
