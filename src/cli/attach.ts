import { setTimeout as sleep } from 'node:timers/promises';
import type { JobHandle } from '../client';
import type { AccountReference, Attention, JobReport } from '../contract';
import { OUTCOMES } from '../contract';
import { CliError } from './cli-error';
import { sayDeleted } from './deleted-batches';
import { endWithoutSentence, retryLine } from './display/follow-ups';
import { progressDisplay } from './display/progress-display';
import { goneNote, renderReport } from './display/report-summary';
import { ExitCode } from './exit-codes';
import { followJob } from './follow-job';
import type { Followed } from './follow-job';
import { handOver } from './job-worker';
import type { WorkerContext } from './job-worker';
import type { Output } from './output';
import { pollAddress } from './poll-address';
import type { OwnWorker } from './own-worker';
import { reportFacts } from './report-facts';
import { runningRetry } from './running-retry';
import type { Session, SessionOptions } from './session';
import { exitCodeOf } from './signals';
import type { StopSignals } from './signals';

/** Time between two looks at a job in ms: at an embedded server, and at one that others use too. */
const LOOK_EVERY_MS = { embedded: 1000, shared: 5000 };

/** How long a job may take to show that it waits for a good key, in ms. */
const REFUSAL_SHOWS_MS = 10_000;

/** Node's longest timer: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface AttachOptions extends WorkerContext {
  session: Session;
  account: AccountReference;
  job: JobHandle;
  /** The worker in this process. Without one, a background worker serves the job already. */
  worker?: OwnWorker;
  /** Why the job waited for a person before it was told to try again. */
  oldAttention?: Attention;
  signals: StopSignals;
  /** Leave the job alone when stopped, instead of handing it over to a background worker. */
  foreground: boolean;
  /** In ms. */
  timeout?: number;
}

/** Stays with a job until it ends, a signal or the timeout detaches, or it needs a person. @returns the exit code */
export async function attach(options: AttachOptions): Promise<ExitCode> {
  const { out, job, worker, session, signals } = options;
  const display = await progressDisplay(out, options.foreground ? 'Ctrl-C stops here; `message-batches wait` goes on' : 'Ctrl-C hands over to the background; the job goes on');
  const detached = new AbortController();
  const timer = options.timeout === undefined ? undefined : setTimeout(() => detached.abort('timeout'), Math.min(options.timeout, MAX_TIMER_MS));
  void signals.received.then((signal) => detached.abort(signal));
  const end = new Promise<'detached'>((resolve) => detached.signal.addEventListener('abort', () => resolve('detached'), { once: true }));

  let followed: Followed | 'detached';
  try {
    followed = await Promise.race([
      followJob(job, {
        display,
        interactive: out.interactive,
        oldAttention: options.oldAttention,
        accessIsGood: async () => worker !== undefined && !(await refusalOf(worker)),
        intervalMs: session.temporal.embedded ? LOOK_EVERY_MS.embedded : LOOK_EVERY_MS.shared,
        signal: detached.signal,
        reconnect: session.reconnect,
      }),
      end,
      ...(worker ? [workerLost(worker, out, display.note)] : []),
    ]);
  } finally {
    clearTimeout(timer);
    display.close();
    detached.abort('over');
  }

  if (followed === 'detached') return detach(options, detached.signal.reason === 'timeout' ? 'timeout' : await signals.received);
  switch (followed.kind) {
    case 'ended':
      await showReport(out, followed.report);
      await sayDeleted(out, options.home, job.id);
      return exitCodeOfReport(followed.report);
    case 'failed':
      throw new CliError('job_failed', `Job ${job.id} stopped without a report (${followed.status.failure?.status})${followed.status.failure?.message ? `: ${followed.status.failure.message.replace(/\.$/, '')}` : ''}.`, {
        hint: `${followed.status.failure?.hint ? `${followed.status.failure.hint}\n` : ''}Once that is mended, \`message-batches run INPUT\` goes on from its records; nothing is paid twice.`,
        details: { jobId: job.id },
      });
    case 'attention':
      throw followed.attention.code === 'follow_up_unserved' ? await waitsForFollowUpWorker(options, followed.attention) : waitsForPerson(job.id, followed.attention);
  }
}

/** The worker that is started then needs nobody here, but one of this program that goes on with the job. */
async function waitsForFollowUpWorker(options: AttachOptions, attention: Attention): Promise<CliError> {
  const { job, worker, session, foreground } = options;
  const served = !worker || (!foreground && (await handOver(options, options.account, 'Handing the job over to a background worker, which goes on once the follow-ups are served.')));
  await worker?.stop();
  const { code, message, hint } = attention;
  return new CliError(code, `Job ${job.id} waits for a person: ${message}`, {
    hint: [
      hint,
      `Such a worker polls at ${pollAddress(session.temporal)}`,
      served ? `The job itself goes on in the background. Stay with it: message-batches wait ${job.id}` : `No worker of message-batches runs now. Then go on: message-batches wait ${job.id}`,
      endWithoutSentence(job.id),
      ...(served ? ['End what runs in the background: message-batches stop'] : []),
    ].join('\n'),
    exitCode: ExitCode.attention,
    details: { jobId: job.id },
  });
}

function waitsForPerson(jobId: string, { code, message, hint }: Attention): CliError {
  return new CliError(code, `Job ${jobId} waits for a person: ${message}`, {
    hint: `${hint}\nThen go on: message-batches wait ${jobId}`,
    exitCode: ExitCode.attention,
    details: { jobId },
  });
}

/** Prints what became of a job, for people or as the report itself. */
export async function showReport(out: Output, report: JobReport): Promise<void> {
  await printReport(out, report);
  out.document(report);
}

/** Shows the report of a job that has ended before, and says where its follow-ups run again now. @returns the exit code */
export async function showEndedReport(options: SessionOptions, report: JobReport): Promise<ExitCode> {
  const { out } = options;
  const retry = await runningRetry(options, report);
  await printReport(out, report, retry !== undefined);
  out.document(report);
  if (retry) out.say(retryLine(retry, report.job_id));
  return exitCodeOfReport(report);
}

/** The same for people alone; with `--json`, only what the report does not know. */
export async function printReport(out: Output, report: JobReport, followUpsRunAgain = false): Promise<void> {
  const facts = await reportFacts(report);
  out.print(renderReport(report, await out.rendering(), { ...facts, followUpsRunAgain }));
  if (out.json && facts.outputs.state !== 'there') out.say(goneNote(report, facts.outputs, { cwd: process.cwd() }));
}

export function exitCodeOfReport(report: JobReport): ExitCode {
  if (report.status === 'canceled') return ExitCode.canceled;
  // A request with two different results has succeeded by the first of them: a person should look.
  const inDoubt = report.problems.some(({ kind }) => kind === 'conflicting_result');
  const all = OUTCOMES.every((outcome) => outcome === 'succeeded' || report.outcomes[outcome] === 0);
  const followUpsDone = !report.follow_ups || report.follow_ups.succeeded >= report.follow_ups.selected;
  const answersValid = (report.follow_ups?.answers?.invalid ?? 0) === 0;
  return all && followUpsDone && answersValid && !inDoubt ? ExitCode.ok : ExitCode.incomplete;
}

/** Resolves only where the loss of the worker ends the stay: a refused key or way to the API, and nobody there to mend it. */
async function workerLost(worker: OwnWorker, out: Output, note: (line: string) => void): Promise<Followed> {
  const attention = await Promise.race([worker.refused, worker.stopped.then(() => undefined)]);
  if (!attention) return new Promise(() => undefined);
  if (!out.interactive) {
    // The job is given time to say so itself: whoever comes with a good key then finds what waits for it.
    await Promise.race([sleep(REFUSAL_SHOWS_MS), worker.stopped]);
    return { kind: 'attention', attention };
  }
  note(`${attention.message}\n${attention.hint}\nStill attached: a worker that is not refused (message-batches worker, in another terminal) goes on.`);
  return new Promise(() => undefined);
}

async function detach(options: AttachOptions, why: 'timeout' | Parameters<typeof exitCodeOf>[0]): Promise<ExitCode> {
  const { job, worker, foreground } = options;
  const exitCode = why === 'timeout' ? ExitCode.timeout : exitCodeOf(why);
  // At a timeout the job goes on, whatever was asked about Ctrl-C. What was refused here is refused there too.
  const refusal = await refusalOf(worker);
  if (why === 'timeout' && refusal) {
    await worker?.stop();
    throw waitsForPerson(job.id, refusal);
  }
  const handsOver = (!foreground || why === 'timeout') && !refusal;
  let served = !worker;
  if (handsOver && worker) {
    served = await handOver(options, options.account, why === 'timeout' ? 'The time is over: handing the job over to a background worker.' : 'Handing the job over to a background worker. Ctrl-C again leaves at once.');
  }
  await worker?.stop();
  // Where the server does not answer any more, the job's last word is not waited for.
  const paused = (await job.status().catch(() => undefined))?.paused ?? false;
  const what = paused ? 'is paused, and sends nothing until it is resumed' : served ? 'goes on in the background' : 'is kept, and stands still until a worker runs';
  const message = why === 'timeout' ? `The timeout was reached; job ${job.id} ${what}.` : `Detached; job ${job.id} ${what}.`;
  throw new CliError(why === 'timeout' ? 'timeout' : 'detached', message, {
    hint: [
      ...(paused ? [`Resume it:  message-batches resume ${job.id}`] : []),
      served ? `Watch it:   message-batches wait ${job.id}` : `Go on:      message-batches wait ${job.id}`,
      `Cancel it:  message-batches cancel ${job.id}`,
      ...(served ? ['End what runs in the background:  message-batches stop'] : []),
    ].join('\n'),
    exitCode,
    details: { jobId: job.id },
  });
}

/** Why the worker was refused, where it was. */
async function refusalOf(worker: OwnWorker | undefined): Promise<Attention | undefined> {
  return Promise.race([worker?.refused, undefined]);
}
