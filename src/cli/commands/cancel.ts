import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { JobHandle, ObservedJobStatus, ObservedPart } from '../../client';
import { activityTaskQueue } from '../../contract';
import type { BatchPhase } from '../../contract';
import { JobFolder } from '../../jobs';
import { openStorageRoot } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { startWorkerInBackground } from '../job-worker';
import type { KnownJob } from '../known-jobs';
import { locateJob } from '../locate-job';
import { runningRetry } from '../running-retry';
import type { Session } from '../session';
import { openSession } from '../session';
import { requireAccess } from '../settings';

const LOOK_EVERY_MS = 500;

/** How long what was asked of a person before the cancel may still show after it, in ms. */
const OLD_ATTENTION_MS = 20_000;

/** What a batch does once it has ended at the API. */
const PHASES_AFTER_END: BatchPhase[] = ['storing', 'following_up', 'ended'];

export function cancelCommand(): Command {
  const command = newCommand('cancel', 'Cancel a job, at the API and its follow-ups, and keep what is done. Returns when the API has answered.', ['message-batches cancel job_4c1f']);
  return addJobArgument(command).action(action(cancel));
}

async function cancel(context: CommandContext, reference: string | undefined, options: JobOptions): Promise<ExitCode> {
  const { out } = context;
  const known = await locateJob(context, reference, options);
  if (known.report) {
    const retry = await runningRetry(context, known.report);
    out.print(`Job ${known.id} has ended already: there is nothing to cancel${retry ? ` but the follow-ups that run again now: message-batches retry-follow-ups ${known.id} --cancel` : '.'}`);
    out.document({ jobId: known.id, ended: true, batchIds: [], ...(retry && { followUpRetry: retry }) });
    return ExitCode.ok;
  }
  const session = await openSession(context);
  try {
    const job = session.batches.job(known.id);
    const found = await statusOf(job);
    const served = found?.source === 'workflow';
    if (!served) requireAccess(context.env, known.account);
    if (!found || found.failure) await beginAgain(context, session, known);
    // Before the worker: it then begins with the cancel, and sends nothing.
    await job.cancel();
    if (!served) await startWorkerInBackground(context, known.account);
    const canceled = await acknowledged(job, out.say, found);
    out.print(`Job ${job.id} ${sentence(canceled)}. What is done is kept.\nWait for the outputs: message-batches wait ${job.id}`);
    out.document({ jobId: job.id, ...canceled });
    return ExitCode.ok;
  } finally {
    await session.close();
  }
}

async function statusOf(job: JobHandle): Promise<ObservedJobStatus | undefined> {
  return job.status().catch((error: Error) => {
    if (error.name === 'JobNotFoundError') return undefined;
    throw error;
  });
}

/** A job that the server has forgotten is begun again from its records: its batches at the API are still there. */
async function beginAgain({ home }: CommandContext, session: Session, known: KnownJob): Promise<void> {
  const [record, root] = await Promise.all([new JobFolder(home.folder, known.id).readJob(), openStorageRoot(home.folder)]);
  await session.batches.startJob({
    id: known.id,
    requests: known.input,
    output: known.output,
    account: known.account,
    simulated: known.simulated,
    betas: record?.betas ?? [],
    activityTaskQueue: activityTaskQueue(known.account, root.id),
  });
}

/** What a cancel has met. */
interface Canceled {
  /** The job has ended by now. */
  ended: boolean;
  /** Of the batches that were canceled at the API. */
  batchIds: string[];
  /** Follow-ups ran, of batches that had ended at the API. */
  followUpsCanceled: boolean;
}

function sentence({ ended, batchIds, followUpsCanceled }: Canceled): string {
  if (ended) return 'has ended';
  if (batchIds.length > 0) return `is canceled at the API (${batchIds.join(', ')})${followUpsCanceled ? '; its follow-ups are being canceled' : ''}`;
  return `is canceled. Nothing of it runs at the API${followUpsCanceled ? ' any more; its follow-ups are being canceled' : ''}`;
}

/** Waits until every batch that runs was canceled at the API, or has ended there, or the job has ended. @param found the job before the cancel */
async function acknowledged(job: JobHandle, say: (line: string) => void, found?: ObservedJobStatus): Promise<Canceled> {
  let said = false;
  const before = found?.attention;
  const batchIds = new Set<string>();
  let followUpsCanceled = found?.running.some(runsFollowUps) ?? false;
  const oldUntil = Date.now() + OLD_ATTENTION_MS;
  for (;;) {
    const status = await job.status();
    for (const part of status.running) if (part.status?.cancelSent && part.batchId !== undefined) batchIds.add(part.batchId);
    followUpsCanceled ||= status.running.some(runsFollowUps);
    const isOver = status.phase === 'ended' || status.phase === 'merging';
    if (isOver || (status.cancelRequested && status.running.length > 0 && status.running.every(isAnswered))) return { ended: status.phase === 'ended', batchIds: [...batchIds], followUpsCanceled };
    const isOld = status.attention?.since === before?.since && Date.now() < oldUntil;
    if (status.attention && !isOld) {
      throw new CliError(status.attention.code, `The cancel of job ${job.id} waits for a person: ${status.attention.message}`, {
        hint: status.attention.hint,
        exitCode: ExitCode.attention,
        details: { jobId: job.id },
      });
    }
    if (!said) say(`Canceling job ${job.id} …`);
    said = true;
    await sleep(LOOK_EVERY_MS);
  }
}

/** Whether the API has answered the cancel of a batch, or the batch has ended anyway. */
function isAnswered({ status, phase }: ObservedPart): boolean {
  return status?.cancelSent === true || (phase !== undefined && PHASES_AFTER_END.includes(phase));
}

function runsFollowUps({ phase }: ObservedPart): boolean {
  return phase === 'following_up';
}
