import type { Command } from 'commander';
import { leftOverOf, openRetry, removeLeftOver } from '../../jobs';
import type { LeftOver } from '../../jobs';
import { removeDurably } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { drawn, plainTable } from '../display/plain-table';
import { shownPath } from '../display/rendering';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { knownJobs } from '../known-jobs';
import type { KnownJob } from '../known-jobs';
import { locateJob } from '../locate-job';
import { idleInputs } from '../spooled-inputs';

interface CleanOptions extends JobOptions {
  all?: boolean;
  dryRun?: boolean;
}

/** Something that can be freed, and what that gives up. */
interface Freeable extends LeftOver {
  jobId?: string;
  givesUp: string;
  free: () => Promise<void>;
}

interface OpenRetry {
  jobId: string;
  attempt: number;
}

/** The document has all. */
const MAX_LEFT_ALONE_SHOWN = 10;

export function cleanCommand(): Command {
  const command = newCommand('clean', 'Free the disk space of working data that jobs which have ended left behind, and of inputs that were piped in. Outputs and the records of what was paid stay.', [
    'message-batches clean',
    'message-batches clean --all',
    'message-batches clean job_4c1f',
  ]);
  return addJobArgument(command, 'lists what can be freed of all jobs').option('--all', 'free what can be freed of all jobs that have ended').option('--dry-run', 'only say what would be freed').action(action(clean));
}

async function clean(context: CommandContext, reference: string | undefined, options: CleanOptions): Promise<ExitCode> {
  const { out, home } = context;
  if (reference !== undefined && options.all) throw new CliError('usage', 'JOB names one job, and --all means all of them.', { hint: 'Leave one of them out.' });
  const known = await knownJobs(home.folder);
  const jobs = reference === undefined ? known.filter((job) => job.simulated || !options.simulate) : [await endedJob(context, reference, options)];
  const rerunning = await jobsWithOpenRetry(jobs);
  const [first] = rerunning;
  if (reference !== undefined && first) throw needed(first);
  const freeable = (await Promise.all(jobs.filter(({ id }) => rerunning.every(({ jobId }) => jobId !== id)).map(ofJob))).flat();
  const spooled = await idleInputs(home.folder, known);
  const wanted = reference === undefined ? spooled : spooled.filter(({ path }) => jobs.some(({ input }) => input === path));
  freeable.push(...wanted.map(ofInput));

  const frees = options.dryRun !== true && (reference !== undefined || options.all === true);
  for (const { free } of frees ? freeable : []) await free();
  const rendering = await out.rendering();
  const bytes = freeable.reduce((sum, each) => sum + each.bytes, 0);
  const sum = rendering.formats.bytes(bytes);
  if (freeable.length === 0) {
    out.print('There is nothing to free.');
  } else {
    const table = plainTable();
    for (const { path, bytes: size, givesUp } of freeable) table.push([rendering.formats.bytes(size), shownPath(path, rendering), givesUp]);
    out.print(drawn(table));
    out.print(frees ? `Freed ${sum}.` : `${sum} can be freed${options.all || reference !== undefined ? '' : ': message-batches clean --all, or clean JOB'}.`);
  }
  for (const retry of rerunning.slice(0, MAX_LEFT_ALONE_SHOWN)) out.print(`Left alone: ${neededText(retry)} Stay with them: message-batches retry-follow-ups ${retry.jobId}`);
  if (rerunning.length > MAX_LEFT_ALONE_SHOWN) out.print(`and ${rerunning.length - MAX_LEFT_ALONE_SHOWN} more jobs whose follow-ups are run again`);
  out.document({ freed: frees, bytes, items: freeable.map(({ path, bytes: size, jobId }) => ({ path, bytes: size, jobId: jobId ?? null })), leftAlone: rerunning });
  return ExitCode.ok;
}

/** Of those that have ended, whose follow-ups are being run again: that needs the working data, also where it waits or was stopped. */
async function jobsWithOpenRetry(jobs: KnownJob[]): Promise<OpenRetry[]> {
  const found = await Promise.all(jobs.map(async ({ id, report }) => ({ jobId: id, attempt: report && (await openRetry(report)) })));
  return found.flatMap(({ jobId, attempt }) => (attempt === undefined ? [] : [{ jobId, attempt }]));
}

function needed(retry: OpenRetry): CliError {
  const { jobId } = retry;
  return new CliError('follow_ups_open', neededText(retry), {
    hint: `Nothing was freed. Stay with them: message-batches retry-follow-ups ${jobId}\nOr end that, and keep what is done: message-batches retry-follow-ups ${jobId} --cancel`,
    details: { jobId },
  });
}

function neededText({ jobId, attempt }: OpenRetry): string {
  return `Follow-ups of job ${jobId} are run again (attempt ${attempt}: it runs, waits for a person, or was stopped in the middle), which needs its working data.`;
}

async function endedJob(context: CommandContext, reference: string, options: CleanOptions): Promise<KnownJob> {
  const job = await locateJob(context, reference, { ...options, openOnly: false });
  if (job.report) return job;
  throw new CliError('job_unfinished', `Job ${job.id} is open, and needs all that it has.`, { hint: `Wait for it, or cancel it first: message-batches cancel ${job.id}`, details: { jobId: job.id } });
}

async function ofJob({ id, report }: KnownJob): Promise<Freeable[]> {
  if (!report) return [];
  const kept = report.outcomes.missing > 0 || report.problems.some(({ kind }) => kind === 'unproven');
  const givesUp = kept ? `working data of ${id}, kept because requests are missing or unproven` : `working data of ${id}`;
  const found = await leftOverOf(report);
  return found.map((each, index) => ({ ...each, jobId: id, givesUp, free: () => (index === 0 ? removeLeftOver(report) : Promise.resolve()) }));
}

function ofInput(input: LeftOver): Freeable {
  return { ...input, givesUp: 'an input that was piped in; results --join, verify --input and retry-follow-ups --input need a copy of it afterwards', free: () => removeDurably(input.path) };
}
