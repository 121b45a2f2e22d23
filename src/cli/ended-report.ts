import type { JobReport } from '../contract';
import { CliError } from './cli-error';
import type { CommandContext } from './command';
import { goneNote } from './display/report-summary';
import { findJob } from './find-job';
import { outputsOf } from './report-facts';

/** The report of a job of this home that has ended, and whose outputs are there. @throws CliError `job_unfinished`, `outputs_gone`, and what `findJob` throws */
export async function endedReport({ home }: CommandContext, reference: string | undefined, { simulate = false, originalsOnly = false }: { simulate?: boolean; originalsOnly?: boolean }): Promise<JobReport> {
  const { id: jobId, report } = await findJob(reference, { homeFolder: home.folder, cwd: process.cwd(), openOnly: false, simulatedOnly: simulate, originalsOnly });
  if (!report) throw new CliError('job_unfinished', `Job ${jobId} has not ended yet.`, { hint: `Wait for it: message-batches wait ${jobId}`, details: { jobId } });
  const outputs = await outputsOf(report);
  if (outputs.state === 'there') return report;
  throw new CliError('outputs_gone', goneNote(report, outputs, { cwd: process.cwd() }), { hint: `Its batches: message-batches status ${jobId}`, details: { jobId } });
}
