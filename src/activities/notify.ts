import { Context, log } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { InvalidRequestError } from '../api';
import type { Notice } from '../jobs';
import { noticeOf, NoticeRecords } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';
import { notifyCommand } from './notify-command';
import { NotifyFailure } from './notify-failure';
import { notifyUrl } from './notify-url';
import type { NotifyInput, NotifyResult } from './payloads';

/** So often somebody is tried to be told; then it has failed for good. */
const ATTEMPTS = 5;

/** How much of what a command printed goes to the log. */
const MAX_LOGGED = 500;

/**
 * Tells URLs and commands of a job's end or pause. Each is told once, but for one that was told just before this worker died.
 * Throws for as long as another attempt may help those who could not be told; after five attempts, and of what no attempt helps,
 * it says in `failed` who was not told and why, so a job never waits for its notifications.
 */
export function notifyActivity(deps: ActivityDependencies) {
  return async function notify(input: NotifyInput): Promise<NotifyResult> {
    return runActivity(deps, () => notifyAll(deps, input));
  };
}

async function notifyAll(deps: ActivityDependencies, input: NotifyInput): Promise<NotifyResult> {
  const { jobId, event, attention } = input;
  const job = jobFolder(deps, jobId);
  const report = event === 'ended' ? await job.readReport() : undefined;
  if (event === 'ended' && !report) throw new Error(`Job ${jobId} has no report yet`);
  const notice = noticeOf(jobId, event, { since: input.since ?? attention?.since, attention, report });
  const records = new NoticeRecords(job);
  const failures = await Promise.all(input.targets.map((target) => tellOnce(deps, records, notice, target)));
  const failed = input.targets.flatMap((target, index) => (failures[index] ? [{ target: shownTarget(target), ...failures[index] }] : []));
  const again = failed.filter(({ passing }) => passing);
  if (again.length > 0 && Context.current().info.attempt < ATTEMPTS) {
    const message = again.map(({ target, reason }) => `${target}: ${reason}`).join('; ');
    throw ApplicationFailure.create({ type: 'NotifyFailed', message, nonRetryable: false, category: ApplicationFailureCategory.BENIGN });
  }
  for (const { target, reason } of failed) log.warn('Could not tell of a job', { jobId, event, target, reason });
  return { told: input.targets.length - failed.length, failed: failed.map(({ target, reason }) => ({ target, reason })) };
}

/** @returns why it could not be told; undefined where it was, now or before. */
async function tellOnce(deps: ActivityDependencies, records: NoticeRecords, notice: Notice, target: string): Promise<{ reason: string; passing: boolean } | undefined> {
  if (await records.told(notice, target)) return undefined;
  try {
    await tell(deps, notice, target);
  } catch (error) {
    if (error instanceof NotifyFailure) {
      const { message: reason, passing, output } = error;
      if (output) log.warn('A command was not told of a job', { jobId: notice.job_id, event: notice.event, target: shownTarget(target), reason, output: output.slice(0, MAX_LOGGED) });
      return { reason, passing };
    }
    // Of a proxy's settings.
    if (error instanceof InvalidRequestError) return { reason: error.message, passing: false };
    throw error;
  }
  await records.remember(notice, target, new Date());
  return undefined;
}

async function tell(deps: ActivityDependencies, notice: Notice, target: string): Promise<void> {
  const { cancellationSignal: signal } = Context.current();
  const timeoutMs = deps.notifyTimeoutMs;
  if (isUrl(target)) return notifyUrl(target, notice, { signal, timeoutMs });
  if (!deps.allowCommands) {
    throw new NotifyFailure('this worker runs no commands of jobs: start it with notifyCommands, or use a worker of the command line', false);
  }
  const output = await notifyCommand(target, notice, { signal, timeoutMs });
  log.info('Told of a job', { jobId: notice.job_id, event: notice.event, target: shownTarget(target), output: output.slice(0, MAX_LOGGED) });
}

function isUrl(target: string): boolean {
  return /^https?:\/\//i.test(target);
}

/** Whom a message names: of a URL the origin, of a command the program. The rest may be a secret. */
function shownTarget(target: string): string {
  if (isUrl(target)) return URL.canParse(target) ? `${new URL(target).origin}/…` : 'a URL';
  const program = target.trim().split(/\s+/)[0] ?? '';
  return program === '' || program.includes('=') ? 'a command' : `${program} …`;
}
