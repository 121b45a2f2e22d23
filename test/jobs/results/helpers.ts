import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobReport } from '../../../src/contract';
import { buildReport, JobFolder, type JobRecord, mergeJob, type MergeSummary, outputFolder, type PlanOptions, planRetryRound, type RoundPlan } from '../../../src/jobs';
import { ResultsIndex } from '../../../src/jobs/results/index-reader';
import { closePart, plannedJob } from '../helpers';

/** A job that has ended: its outputs, and the report that says where they lie. */
export interface EndedJob {
  input: string;
  output: string;
  work: string;
  rounds: RoundPlan[];
  report: JobReport;
}

/**
 * Plans lines, takes what came for each part of each round, and merges.
 * @param rounds of each round, of each part: the lines of its results.
 */
export async function endedJob(folder: string, lines: readonly string[], rounds: readonly (readonly string[])[][], options: Partial<PlanOptions> = {}): Promise<EndedJob> {
  const { input, output, work, plan } = await plannedJob(folder, lines, options);
  const plans = [plan];
  for (const [index, parts] of rounds.entries()) {
    if (index > 0) plans.push(await planRetryRound({ workFolder: work, round: index + 1, ...options }));
    for (const [part, results] of parts.entries()) await closePart(work, plans[index]!, part + 1, results);
  }
  const merged = await mergeJob({ workFolder: work, rounds: plans, output });
  return { input, output, work, rounds: plans, report: reportOf(input, output, plan, merged) };
}

/** The report of a job, as far as its outputs hang on it. */
export function reportOf(input: string, output: string, plan: RoundPlan, merged: MergeSummary): JobReport {
  const job: JobRecord = {
    format: 1,
    job_id: 'job_ended',
    simulated: false,
    account: { label: 'default', base_url: 'https://api.anthropic.com' },
    input: { path: input, sha256: plan.sha256!, requests: plan.requests, bytes: plan.bytes!, generated_ids: plan.generatedIds },
    output,
    betas: [],
    created_at: '2026-11-27T10:00:00.000Z',
  };
  return buildReport({ job, parts: [], merged, canceled: false, endedAt: new Date('2026-11-27T11:00:00Z') });
}

/** The index of a job's outputs, which must be there and fit. */
export async function openIndex(output: string): Promise<ResultsIndex> {
  const { results, resultsIndex } = outputFolder(output);
  const index = await ResultsIndex.open(resultsIndex, statSync(results).size);
  if (typeof index === 'string') throw new Error(`${join(output, 'results.index')} ${index}`);
  return index;
}

/** Makes a home folder know the job, as it does after a run. */
export async function putInHome(home: string, { report }: EndedJob): Promise<void> {
  const folder = new JobFolder(home, report.job_id);
  const { job_id, simulated, account, input, output, started_at } = report;
  await folder.createJob({ format: 1, job_id, simulated, account, input: { ...input, bytes: 0 }, output, betas: [], created_at: started_at });
  await folder.writeReport(report);
  writeFileSync(outputFolder(output).report, JSON.stringify(report));
}
