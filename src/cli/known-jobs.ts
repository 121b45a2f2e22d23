import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountReference, JobReport } from '../contract';
import type { JobRecord } from '../jobs';
import { JobFolder, jobFolderName } from '../jobs';
import { readRecord } from '../storage';

/** A job as its folder tells of it. */
export interface KnownJob {
  id: string;
  account: AccountReference;
  simulated: boolean;
  /** Absolute path of the input, where it was a file. */
  input: string;
  requests: number;
  output: string;
  createdAt: string;
  /** Id of the job whose requests it sends again. */
  retryOf?: string;
  /** Where the job has ended. */
  report?: JobReport;
}

/** All jobs that have a folder below this home, newest first. */
export async function knownJobs(homeFolder: string): Promise<KnownJob[]> {
  const jobsFolder = join(homeFolder, 'jobs');
  const names = await readdir(jobsFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const jobs = await Promise.all(
    names.map(async (name) => {
      const record = await readRecord<JobRecord>(join(jobsFolder, name, 'job.json'));
      // A copy that somebody made of a job's folder is no other job.
      return record && jobFolderName(record.job_id) === name ? known(homeFolder, record) : undefined;
    }),
  );
  return jobs.filter((job) => job !== undefined).sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}

/** @returns undefined where the home has no record of that job. */
export async function knownJob(homeFolder: string, id: string): Promise<KnownJob | undefined> {
  const record = await new JobFolder(homeFolder, id).readJob();
  return record && known(homeFolder, record);
}

async function known(homeFolder: string, record: JobRecord): Promise<KnownJob> {
  return { ...described(record), report: await new JobFolder(homeFolder, record.job_id).readReport() };
}

function described(record: JobRecord): Omit<KnownJob, 'report'> {
  return {
    id: record.job_id,
    account: { label: record.account.label, baseUrl: record.account.base_url },
    simulated: record.simulated,
    input: record.input.path,
    requests: record.input.requests,
    output: record.output,
    createdAt: record.created_at,
    ...(record.earlier?.only && { retryOf: record.earlier.job_id }),
  };
}
