import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { FollowUpRetry, FollowUpRetryConflictError } from '../../client';
import { activityTaskQueue, type Attention, type FollowUpCounts, type FollowUpOptions, type FollowUpOverride, type FollowUpRetryResult, type JobReport, type ReportedFollowUps, workflowTaskQueue } from '../../contract';
import { openRetry, optionsOfReport } from '../../jobs';
import { absoluteLocation, openStorageRoot } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { answerCounts, endRetrySentence, invalidAnswersSentence } from '../display/follow-ups';
import { ExitCode } from '../exit-codes';
import { addFollowUpOverride, type FollowUpFlags, typedOverride } from '../follow-up-options';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { handOver, hasBackgroundWorker, startWorkerHere } from '../job-worker';
import type { KnownJob } from '../known-jobs';
import { locateJob } from '../locate-job';
import type { Output } from '../output';
import type { OwnWorker } from '../own-worker';
import { openSession } from '../session';
import type { Session } from '../session';
import { hasKey, requireAccess } from '../settings';
import { exitCodeOf, StopSignals } from '../signals';

interface RetryFollowUpsOptions extends JobOptions, Pick<FollowUpFlags, 'followUp' | 'followUpArgs' | 'checkSchema'> {
  input?: string;
  foreground?: boolean;
  cancel?: boolean;
}

type EndedJob = KnownJob & { report: JobReport };

interface RetryStart extends Pick<RetryFollowUpsOptions, 'input' | 'cancel'> {
  attempt: number;
  followUp?: FollowUpOverride;
}

const LOOK_EVERY_MS = 1_000;

/** How long what was asked of a person before may still show after it was told to look again, in ms. */
const OLD_ATTENTION_MS = 20_000;

export function retryFollowUpsCommand(): Command {
  const command = newCommand('retry-follow-ups', 'Run follow-ups of a job that has ended again: those that did not complete. Nothing is sent to the API, and those that have completed do not run again.', [
    'message-batches retry-follow-ups job_4c1f',
    'message-batches retry-follow-ups job_4c1f --follow-up gradeAnswer@graders-2',
    'message-batches retry-follow-ups job_4c1f --cancel',
  ]);
  return addFollowUpOverride(addJobArgument(command, 'the only job'))
    .option('--input <file>', 'where the job\'s input lies now, if not where it was')
    .option('--cancel', 'cancel those that run again now, and keep what has ended')
    .option('--foreground', 'at Ctrl-C stop, instead of handing over to a background worker')
    .action(action(retryFollowUps));
}

async function retryFollowUps(context: CommandContext, reference: string | undefined, options: RetryFollowUpsOptions): Promise<ExitCode> {
  const { out } = context;
  mustFit(options);
  const known = mustHaveEnded(await locateJob(context, reference, { ...options, openOnly: false }));
  const { attempt, followUps, own } = failedOf(known);
  const followUp = await typedOverride(options, own, workflowTaskQueue(known.account));
  if (followUps.succeeded === followUps.selected) {
    out.print([`All ${followUps.selected} follow-ups of job ${known.id} have completed: there is nothing to run again.`, ...(await answersOf(out, followUps, `Checks that have completed do not run again, also not with another schema; any other checker gets the answers by: message-batches results ${known.id}`))].join('\n'));
    out.document({ jobId: known.id, selected: 0, followUps });
    return exitCodeOfAnswers(followUps);
  }
  // Somebody without a key may look on while another worker does the work.
  const servedAlready = !known.simulated && !hasKey(context.env) && (await hasBackgroundWorker(context.home, known.account));
  if (!servedAlready) requireAccess(context.env, known.account);
  using signals = new StopSignals(() => out.say(`Left at once. What was begun waits for the same command: message-batches retry-follow-ups ${known.id}`));
  const session = await openSession(context);
  const worker = servedAlready ? undefined : await startWorkerHere(context, session, known.account);
  try {
    const retry = await begin(context, session, known, { ...options, attempt, followUp });
    if (!retry) {
      out.print(`No follow-ups of job ${known.id} run again now: there is nothing to cancel.`);
      out.document({ jobId: known.id, selected: 0, followUps });
      return ExitCode.ok;
    }
    const stopped = signals.received.then((signal) => ({ signal }));
    const over = new AbortController();
    const ended = await Promise.race([retry.result().catch(failure), follow(context, retry, over.signal), stopped]).finally(() => over.abort());
    const leaving = { context, known, worker, foreground: options.foreground ?? false };
    if ('signal' in ended) throw await detached(leaving, exitCodeOf(ended.signal));
    if ('attention' in ended) throw await waitsForPerson(leaving, ended.attention);
    return await show(context, ended);
  } finally {
    await worker?.stop();
    await session.close();
  }
}

/** What is canceled runs with its own options. @throws CliError `usage` */
function mustFit({ cancel, followUp, followUpArgs, checkSchema, input }: RetryFollowUpsOptions): void {
  const typed = Object.entries({ '--follow-up': followUp, '--follow-up-args': followUpArgs, '--check-schema': checkSchema, '--input': input }).find(([, value]) => value !== undefined && value !== false);
  if (!cancel || !typed) return;
  throw new CliError('usage', `--cancel ends the follow-ups that run again now, whatever they run with: ${typed[0]} would have no effect.`, { hint: 'Nothing was canceled. Leave one of the two out.' });
}

/** @throws CliError `job_unfinished` */
function mustHaveEnded(known: KnownJob): EndedJob {
  const { id, report } = known;
  if (report) return { ...known, report };
  throw new CliError('job_unfinished', `Job ${id} has not ended yet: its follow-ups may still run.`, { hint: `Wait for it: message-batches wait ${id}`, details: { jobId: id } });
}

/** @throws CliError `no_follow_ups` */
function failedOf({ id, report }: EndedJob): { attempt: number; followUps: ReportedFollowUps; own: FollowUpOptions } {
  const followUps = report.follow_ups;
  const own = followUps && optionsOfReport(followUps);
  if (!own) throw new CliError('no_follow_ups', `Job ${id} has no follow-ups on record.`, { hint: 'They are asked for when a job is started: message-batches run INPUT --follow-up TYPE', details: { jobId: id } });
  return { attempt: (followUps.retries ?? 0) + 1, followUps, own };
}

async function begin({ home }: CommandContext, session: Session, { id, account, report }: EndedJob, { attempt, followUp, input, cancel = false }: RetryStart): Promise<FollowUpRetry | undefined> {
  const root = await openStorageRoot(home.folder);
  const start = {
    attempt,
    followUp,
    ...(input !== undefined && { inputPath: absoluteLocation(input, process.cwd()) }),
    taskQueue: workflowTaskQueue(account),
    activityTaskQueue: activityTaskQueue(account, root.id),
    jobStartedAt: report.started_at,
  };
  const job = session.batches.job(id);
  if (cancel) {
    const running = await job.followUpRetry(start);
    await running?.cancel();
    // One that was stopped in the middle ends with what is on record of it.
    const stopped = running ? undefined : await openRetry(report);
    return stopped === undefined ? running : job.retryFollowUps({ ...start, attempt: stopped, canceled: true });
  }
  return job.retryFollowUps(start).catch((error: Error) => {
    if (error.name !== 'FollowUpRetryConflictError') throw error;
    const { code, message, hint } = error as FollowUpRetryConflictError;
    throw new CliError(code, `${message}.`, { hint, details: { jobId: id } });
  });
}

/** Tells how far it is. @returns what it waits for a person for, where none looks on; never otherwise. */
async function follow({ out }: CommandContext, retry: FollowUpRetry, signal: AbortSignal): Promise<{ attention: Attention }> {
  const old = await retry.attention();
  if (old) await retry.resume().catch(() => undefined);
  const oldUntil = Date.now() + OLD_ATTENTION_MS;
  let said = '';
  for (;;) {
    const status = await retry.status();
    signal.throwIfAborted();
    if (status) {
      const { attention, followUps, phase } = status;
      const line = attention ? `${attention.message}\n${attention.hint}` : progressOf(followUps, phase === 'selecting');
      if (line !== said) out.say(line);
      said = line;
      const isOld = attention?.since === old?.since && Date.now() < oldUntil;
      if (attention && !isOld && !out.interactive) return { attention };
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

function progressOf({ selected, started, succeeded, failed }: FollowUpCounts, selecting: boolean): string {
  if (selecting) return 'Looking for the follow-ups that did not complete …';
  return `Follow-ups: ${succeeded + failed} of ${selected} done${failed > 0 ? `, ${failed} failed` : ''}, ${started - succeeded - failed} running`;
}

async function failure(error: unknown): Promise<never> {
  const { reasonOf } = await import('../../client/status.js');
  if (!(error instanceof Error) || error.name !== 'WorkflowFailedError') throw error;
  const { message, hint } = reasonOf(error);
  throw new CliError('follow_ups_failed', `The follow-ups could not be run again: ${message ?? error.message}.`.replace(/\.\.$/, '.'), { hint: hint ?? 'The same command goes on from what is on record.', cause: error });
}

/** The command ends, and what runs again does not. */
interface Leaving {
  context: CommandContext;
  known: KnownJob;
  worker: OwnWorker | undefined;
  foreground: boolean;
}

async function detached(leaving: Leaving, exitCode: ExitCode): Promise<CliError> {
  const { id } = leaving.known;
  const served = await isLeftServed(leaving, 'Handing over to a background worker. Ctrl-C again leaves at once.');
  return new CliError('detached', `Detached; the follow-ups of job ${id} ${served ? 'go on in the background' : 'stand still until a worker runs'}.`, {
    hint: `Stay with them: message-batches retry-follow-ups ${id}`,
    exitCode,
    details: { jobId: id },
  });
}

/** The worker of the follow-ups that is started then needs nobody here, but one of this program that goes on with them. */
async function waitsForPerson(leaving: Leaving, { code, message, hint }: Attention): Promise<CliError> {
  const { id } = leaving.known;
  const isUnserved = code === 'follow_up_unserved';
  const served = isUnserved && (await isLeftServed(leaving, 'Handing over to a background worker, which goes on once the follow-ups are served.'));
  const then = `message-batches retry-follow-ups ${id}`;
  return new CliError(code, `The follow-ups wait for a person: ${message}`, {
    hint: [
      hint,
      served ? `They go on in the background. Stay with them: ${then}` : `Then go on: ${then}`,
      ...(isUnserved ? [endRetrySentence(id)] : []),
      ...(served ? ['End what runs in the background: message-batches stop'] : []),
    ].join('\n'),
    exitCode: ExitCode.attention,
    details: { jobId: id },
  });
}

/** @returns whether a worker of this program goes on */
async function isLeftServed({ context, known, worker, foreground }: Leaving, saying: string): Promise<boolean> {
  return !worker || (!foreground && (await handOver(context, known.account, saying)));
}

async function show({ out }: CommandContext, result: FollowUpRetryResult): Promise<ExitCode> {
  const { jobId, selected, followUps, canceled } = result;
  const left = followUps.selected - followUps.succeeded;
  const now = left === 0 ? `All ${followUps.selected} have completed.` : `${followUps.succeeded} of ${followUps.selected} have completed; those that did not stand in follow-ups.jsonl with the reason.`;
  out.print(`${selected} follow-ups of job ${jobId} were run again${canceled ? ', until that was canceled' : ''}. ${now}`);
  for (const line of await answersOf(out, followUps)) out.print(line);
  out.document(result);
  if (canceled) return ExitCode.canceled;
  return left === 0 ? exitCodeOfAnswers(followUps) : ExitCode.incomplete;
}

/** What the summary of the job says of answers that were checked, and where some are invalid, where to look. @param note of what can not be done about these */
async function answersOf(out: Output, { answers, options }: ReportedFollowUps, note?: string): Promise<string[]> {
  if (!answers) return [];
  const lines = [`answers     ${answerCounts(answers, await out.rendering())}`];
  if (answers.invalid > 0) lines.push(invalidAnswersSentence(options), ...(note === undefined ? [] : [note]));
  return lines;
}

function exitCodeOfAnswers({ answers }: ReportedFollowUps): ExitCode {
  return (answers?.invalid ?? 0) > 0 ? ExitCode.incomplete : ExitCode.ok;
}
