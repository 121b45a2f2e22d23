import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import type { ObservedJobStatus } from '../../client';
import type { JobReport } from '../../contract';
import { printReport } from '../attach';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { endWithoutSentence, retryLine, retrySentence } from '../display/follow-ups';
import { renderJobTable, sortedByNeed } from '../display/job-table';
import { liveText } from '../display/live-text';
import { needOf } from '../display/needs';
import { renderPanel } from '../display/panel';
import { renderPartsTable } from '../display/parts-table';
import { progressDisplay } from '../display/progress-display';
import { counted, fit, wrap } from '../display/rendering';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { knownJob, knownJobs } from '../known-jobs';
import type { KnownJob } from '../known-jobs';
import { locateJob } from '../locate-job';
import { endedParts, observe, observeEnded } from '../observe';
import type { Output } from '../output';
import { pollAddress } from '../poll-address';
import { sessionForRetries } from '../running-retry';
import type { Session } from '../session';
import { openRunningSession } from '../session';
import { soonLost, soonLostSentence } from '../soon-lost';

interface StatusOptions extends JobOptions {
  watch?: boolean;
  all?: boolean;
}

const WATCH_EVERY_MS = 1000;
/** Ended jobs in the table for people, without --all; JSON has all. */
const MAX_ENDED_SHOWN = 20;
/** Jobs whose follow-ups run again that are named below the table. */
const MAX_RETRIES_SHOWN = 10;

export function statusCommand(): Command {
  const command = newCommand('status', 'Show one job in detail, or all: first those that need a person. Starts nothing, needs no key.', [
    'message-batches status',
    'message-batches status job_4c1f --watch',
    'message-batches status --json',
  ]);
  return addJobArgument(command, 'all jobs')
    .option('--watch', 'go on showing until the job has ended')
    .option('--all', `without JOB: all jobs that have ended, instead of the newest ${MAX_ENDED_SHOWN}`)
    .action(action(status));
}

async function status(context: CommandContext, reference: string | undefined, options: StatusOptions): Promise<ExitCode> {
  const { out } = context;
  const known = reference === undefined ? undefined : await locateJob(context, reference, options);
  const session = known?.report ? await sessionForRetries(context, known.report) : await openRunningSession(context);
  try {
    const seen = (jobs: ObservedJobStatus[]) => {
      if (!session && jobs.some((job) => job.phase !== 'ended')) out.say('No Temporal server of this home runs, so nothing goes on; this is what the records tell.');
    };
    if (known) {
      const look = async () => {
        const now = (await knownJob(context.home.folder, known.id)) ?? known;
        return now.report ? observeEnded(now.report, session) : observe(now, context.home.folder, session);
      };
      const first = await look();
      seen([first]);
      for (const batch of await soonLost([known], context.home.folder)) out.say(soonLostSentence(batch));
      for (const { id, report } of await attemptsAfter(context, known.id)) out.say(`Sent again as ${id}${report ? '' : ', which is open'}: message-batches status ${id}`);
      await (options.watch ? watchOne(out, look) : printOne(context, first, session));
    } else {
      const look = () => allJobs(context, session);
      const all = options.all ?? false;
      const first = await look();
      seen(first);
      await (options.watch ? watchAll(out, look, all) : printAll(out, first, all));
    }
    return ExitCode.ok;
  } finally {
    await session?.close();
  }
}

/** Jobs that have sent requests of a job again, newest first. */
async function attemptsAfter({ home }: CommandContext, id: string): Promise<KnownJob[]> {
  return (await knownJobs(home.folder)).filter(({ retryOf }) => retryOf === id);
}

/** What the folders of this home know, and what else the server knows. */
async function allJobs({ home, out }: CommandContext, session: Session | undefined): Promise<ObservedJobStatus[]> {
  const known = await knownJobs(home.folder);
  const statuses = await Promise.all(known.map((job) => observe(job, home.folder, session)));
  const ids = new Set(known.map((job) => job.id));
  for await (const job of session?.batches.jobs() ?? []) {
    if (!ids.has(job.jobId) && session) statuses.push(await session.batches.job(job.jobId).status());
  }
  return sortedByNeed(statuses, await out.rendering());
}

async function printOne({ out, home }: CommandContext, status: ObservedJobStatus, session: Session | undefined): Promise<void> {
  if (status.report) {
    await printEnded(out, status, status.report);
  } else {
    const rendering = await out.rendering();
    const several = status.parts.total > 1 || status.round > 1;
    // The table below has all parts.
    out.print(renderPanel(several ? { ...status, running: [] } : status, rendering));
    if (several) out.print(renderPartsTable(status, await endedParts(home.folder, status.jobId), rendering));
    if (session?.temporal.webUiUrl) out.print(`web UI    ${session.temporal.webUiUrl}`);
    const isUnserved = status.attention?.code === 'follow_up_unserved' || status.attention?.code === 'cancel_unserved';
    if (session && (isUnserved || status.followUps)) out.print(`poll at   ${pollAddress(session.temporal)} (a worker of your follow-ups)`);
    const need = needOf(status, rendering);
    // What waits for a person stands in the picture above.
    if (need && !status.attention) out.print([need.what, need.hint].filter(Boolean).join('\n'));
    out.print(need ? `Go on: ${need.command}` : `Stay with it: message-batches wait ${status.jobId}`);
    if (status.attention?.code === 'follow_up_unserved') out.print(endWithoutSentence(status.jobId));
  }
  out.document(status);
}

async function printEnded(out: Output, { followUpRetry }: ObservedJobStatus, report: JobReport): Promise<void> {
  await printReport(out, report, followUpRetry !== undefined);
  if (followUpRetry) out.print(retrySentence(followUpRetry, report.job_id, await out.rendering()));
}

async function printAll(out: Output, jobs: ObservedJobStatus[], all: boolean): Promise<void> {
  out.print(await tableOf(out, jobs, all));
  out.document({ jobs });
}

async function tableOf(out: Output, jobs: ObservedJobStatus[], all: boolean): Promise<string> {
  if (jobs.length === 0) return 'There is no job yet. Start one: message-batches run INPUT';
  const rendering = await out.rendering();
  const ended = jobs.filter((job) => job.phase === 'ended' && !job.failure);
  const hidden = new Set(all ? [] : ended.slice(MAX_ENDED_SHOWN));
  const lines = [renderJobTable(jobs.filter((job) => !hidden.has(job)), rendering)];
  if (hidden.size > 0) lines.push(fit(`and ${counted(hidden.size, 'more job', rendering)} that ended earlier: message-batches status --all`, rendering.width));
  // Also of those that are hidden.
  const again = jobs.flatMap(({ jobId, followUpRetry }) => (followUpRetry ? [retryLine(followUpRetry, jobId)] : []));
  for (const line of again.slice(0, MAX_RETRIES_SHOWN)) lines.push(...wrap(line, rendering.width));
  if (again.length > MAX_RETRIES_SHOWN) lines.push(fit(`and follow-ups of ${again.length - MAX_RETRIES_SHOWN} more jobs`, rendering.width));
  return [...lines, fit('One in detail: message-batches status JOB', rendering.width)].join('\n');
}

async function watchOne(out: Output, look: () => Promise<ObservedJobStatus>): Promise<void> {
  const display = out.json ? undefined : await progressDisplay(out, 'Ctrl-C leaves; it changes nothing');
  try {
    let last: ObservedJobStatus | undefined;
    for (;;) {
      const now = await look();
      display?.update(now);
      if (!isDeepStrictEqual(now, last)) out.document(now);
      if (now.phase === 'ended') {
        display?.close();
        if (now.report) await printEnded(out, now, now.report);
        return;
      }
      last = now;
      await sleep(WATCH_EVERY_MS);
    }
  } finally {
    display?.close();
  }
}

async function watchAll(out: Output, look: () => Promise<ObservedJobStatus[]>, all: boolean): Promise<void> {
  const panel = out.redrawsStdout && !out.json ? await liveText(process.stdout) : undefined;
  let last: ObservedJobStatus[] | undefined;
  for (;;) {
    const now = await look();
    const changed = !isDeepStrictEqual(now, last);
    if (panel) panel.draw(out.forStdout(await tableOf(out, now, all)));
    else if (changed && !out.json) out.print(await tableOf(out, now, all));
    if (changed) out.document({ jobs: now });
    if (now.every((job) => job.phase === 'ended')) return;
    last = now;
    await sleep(WATCH_EVERY_MS);
  }
}
