import { readdir } from 'node:fs/promises';
import { basename, isAbsolute, join, relative } from 'node:path';
import { accountKey } from '../contract';
import { AccountRecords, jobFolderName } from '../jobs';
import { absoluteLocation, isS3 } from '../storage';
import { CliError } from './cli-error';
import { knownJobs } from './known-jobs';
import type { KnownJob } from './known-jobs';
import { nearest } from './nearest';

/** Candidates that are listed where several jobs are meant. */
const MAX_CANDIDATES = 10;

export interface FindJobOptions {
  homeFolder: string;
  /** Against which paths are resolved. */
  cwd: string;
  /** Left out: only open jobs are looked at. False for commands that read outputs. */
  openOnly?: boolean;
  /** Of several jobs, only simulated ones are meant. */
  simulatedOnly?: boolean;
  /** Jobs that send requests of another one again are meant only by their own id or output folder. */
  originalsOnly?: boolean;
  /** Asked for an id that no folder knows, e.g. a job that a program started. */
  elsewhere?: (id: string) => Promise<KnownJob | undefined>;
  /** Ids of jobs there, to guess which one was meant. */
  idsElsewhere?: () => Promise<string[]>;
}

/**
 * Finds the job that a person means: by its id or a unique beginning of it, its input's path, its output
 * folder, or one of its batches; without any, the only open job.
 * @throws CliError no_job, job_not_found, ambiguous_job (with the candidates)
 */
export async function findJob(reference: string | undefined, options: FindJobOptions): Promise<KnownJob> {
  const jobs = (await knownJobs(options.homeFolder)).filter((job) => job.simulated || !options.simulatedOnly);
  const candidates = options.originalsOnly ? originals(jobs) : jobs;
  if (reference === undefined) return onlyJob(candidates, options.openOnly ?? true);

  const exact = jobs.find((job) => job.id === reference);
  if (exact) return exact;
  const found = reference.startsWith('msgbatch_') ? await ownerOf(reference, jobs, options.homeFolder) : undefined;
  if (found) return found;

  const path = absoluteLocation(reference, options.cwd);
  const byPath = jobs.filter((job) => job.output === path || (job.input === path && candidates.includes(job)));
  const matches = byPath.length > 0 ? byPath : candidates.filter((job) => job.id.startsWith(reference));
  const open = matches.filter((job) => !job.report);
  if (matches.length === 1 && matches[0]) return matches[0];
  if (byPath.length > 0 && open.length === 1 && open[0]) return open[0];
  if (matches.length > 1) throw ambiguous(`"${reference}" can mean ${matches.length} jobs.`, matches);

  const elsewhere = await options.elsewhere?.(reference);
  if (elsewhere) return elsewhere;
  const meant = nearest(reference, [...names(jobs, reference, options.cwd), ...((await options.idsElsewhere?.()) ?? [])]);
  const guess = meant.length > 0 ? `Did you mean ${listed(meant)}? ` : '';
  throw new CliError('job_not_found', `No job is known by "${reference}".`, {
    hint: `${guess}Give a job id or its beginning, the path of an input, an output folder, or a msgbatch_… id. See all jobs: message-batches status`,
    details: meant.length > 0 ? { candidates: meant } : undefined,
  });
}

/** Without those that send requests of another known one again. */
function originals(jobs: KnownJob[]): KnownJob[] {
  const ids = new Set(jobs.map(({ id }) => id));
  return jobs.filter(({ retryOf }) => retryOf === undefined || !ids.has(retryOf));
}

/** What each job can be called by: its id, and its paths, written as the reference is. */
function* names(jobs: KnownJob[], reference: string, cwd: string): Generator<string> {
  for (const { id, input, output } of jobs) {
    yield id;
    for (const path of [input, output]) yield isAbsolute(reference) || isS3(path) ? path : relative(cwd, path);
  }
}

/** `a`, `a or b`, `a, b or c`. */
function listed(candidates: string[]): string {
  return [candidates.slice(0, -1).join(', '), candidates.at(-1)].filter(Boolean).join(' or ');
}

function onlyJob(jobs: KnownJob[], openOnly: boolean): KnownJob {
  const open = jobs.filter((job) => !job.report);
  const candidates = openOnly || open.length > 0 ? open : jobs;
  if (candidates.length === 1 && candidates[0]) return candidates[0];
  if (candidates.length > 1) throw ambiguous(`${candidates.length} jobs are ${openOnly || open.length > 0 ? 'open' : 'known'}: say which one.`, candidates);
  throw new CliError('no_job', openOnly && jobs.length > 0 ? 'No job is open.' : 'There is no job yet.', {
    hint: jobs.length > 0 ? 'See all jobs: message-batches status' : 'Start one: message-batches run INPUT',
  });
}

function ambiguous(message: string, candidates: KnownJob[]): CliError {
  const lines = candidates.slice(0, MAX_CANDIDATES).map((job) => `  ${job.id}  ${job.report ? 'ended' : 'open'}  ${basename(job.input)}  ${job.createdAt}`);
  if (candidates.length > MAX_CANDIDATES) lines.push(`  and ${candidates.length - MAX_CANDIDATES} more`);
  return new CliError('ambiguous_job', message, {
    hint: ['Name one of them by its id:', ...lines].join('\n'),
    details: { candidates: candidates.map((job) => job.id) },
  });
}

async function ownerOf(batchId: string, jobs: KnownJob[], homeFolder: string): Promise<KnownJob | undefined> {
  const accounts = new Map(jobs.map((job) => [accountKey(job.account), job.account]));
  for (const account of accounts.values()) {
    const owner = await new AccountRecords(homeFolder, account).owner(batchId);
    if (owner) return jobs.find((job) => job.id === owner.job_id);
  }
  return undefined;
}

/** The id that `--new` gives: the job's own, with the first number that is free. */
export async function nextJobId(id: string, homeFolder: string): Promise<{ id: string; number: number }> {
  const taken = new Set(await readdir(join(homeFolder, 'jobs')).catch(() => [] as string[]));
  let number = 1;
  while (taken.has(jobFolderName(number === 1 ? id : `${id}-${number}`))) number++;
  return { id: number === 1 ? id : `${id}-${number}`, number };
}
