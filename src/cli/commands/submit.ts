import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { JobHandle } from '../../client';
import { JobFolder } from '../../jobs';
import { withCallsPerMinute } from '../calls-per-minute';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { ExitCode } from '../exit-codes';
import { startWorkerInBackground } from '../job-worker';
import { withPrices } from '../prices';
import { resumeIfWaiting } from '../resume-job';
import { openSession } from '../session';
import type { Session } from '../session';
import { addSubmissionOptions, announce, changeKnown, claimFolder, prepareSubmission, printDryRun, recordJob, releaseFolder, showEnded, startOptions } from '../submission';
import type { Submission, SubmissionOptions } from '../submission';

const LOOK_EVERY_MS = 300;

export function submitCommand(): Command {
  const command = newCommand('submit', 'Submit the requests of INPUT and return as soon as the first batch exists; a background worker goes on.', [
    'message-batches submit requests.jsonl --simulate',
    'message-batches submit requests.jsonl --json | jq -r .job_id',
  ]);
  return addSubmissionOptions(command).action(action(submit));
}

async function submit(given: CommandContext, input: string, options: SubmissionOptions): Promise<ExitCode> {
  const context = withCallsPerMinute(withPrices(given, options.prices), options);
  const { out } = context;
  const submission = await prepareSubmission(context, input, options);
  if (submission.report) return showEnded(context, submission.report);
  if (options.dryRun) return printDryRun(context, submission, options);

  const { session, job } = await begin(context, submission, options).catch(async (error: unknown) => {
    await releaseFolder(context, submission);
    throw error;
  });
  try {
    const batchId = await firstBatch(context, submission, job);
    out.print(`job    ${job.id}\nbatch  ${batchId}\nWait for it: message-batches wait ${job.id}`);
    out.document({ jobId: job.id, batchId, output: submission.output });
    return ExitCode.ok;
  } finally {
    await session.close();
  }
}

async function begin(context: CommandContext, submission: Submission, options: SubmissionOptions): Promise<{ session: Session; job: JobHandle }> {
  await claimFolder(context, submission);
  await announce(context, submission, options);
  const session = await openSession(context);
  await startWorkerInBackground(context, submission.account);
  await recordJob(context, submission);
  const job = await session.batches.startJob(await startOptions(context, submission, options));
  await changeKnown(context, submission, job, options);
  if (submission.known) await resumeIfWaiting(job, { pausedToo: true });
  return { session, job };
}

/** Waits until the first batch's id is on record. */
async function firstBatch({ home }: CommandContext, submission: Submission, job: JobHandle): Promise<string> {
  const part = new JobFolder(home.folder, submission.id).part(1, 1);
  for (;;) {
    const create = await part.creates.state();
    if (create.kind === 'accepted') return create.batchId;
    const { attention, failure, report } = await job.status();
    if (attention) {
      throw new CliError(attention.code, `Job ${job.id} waits for a person: ${attention.message}`, {
        hint: `${attention.hint}\nThen go on: message-batches wait ${job.id}`,
        exitCode: ExitCode.attention,
        details: { jobId: job.id },
      });
    }
    if (failure || report) {
      throw new CliError('job_failed', `Job ${job.id} ended before a batch existed: ${failure?.message ?? report?.unsent_reason ?? 'the API accepted none of its requests'}`, {
        hint: `See what is known: message-batches status ${job.id}`,
        details: { jobId: job.id },
      });
    }
    await sleep(LOOK_EVERY_MS);
  }
}
