import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { BatchReport, JobReport } from '../contract';
import type { JobFolder, JobRecord, RoundPlan } from '../jobs';
import { batchesOf, buildReport, InputError, markUnsent, mergeJob, outputFolder, idOfOwner, partFolder, removeUnfinishedOutputs, removeWorkFolder, unsentReport } from '../jobs';
import { mustBeClosed, mustBeTakenOver } from './close-ledger';
import type { ActivityDependencies } from './dependencies';
import { jobFolder, recordStore } from './dependencies';
import { runActivity } from './failures';

/**
 * Merges all parts into the outputs, proves that every request has one outcome, and writes the report last.
 *
 * `unsentReason`: why parts that were never begun were not.
 */
export function finishJobActivity(deps: ActivityDependencies) {
  return async function finishJob(jobId: string, unsentReason = 'The job was canceled before this part was sent'): Promise<JobReport> {
    return runActivity(deps, () => finish(deps, jobId, unsentReason));
  };
}

async function finish(deps: ActivityDependencies, jobId: string, unsentReason: string): Promise<JobReport> {
  const folder = jobFolder(deps, jobId);
  const report = (await folder.readReport()) ?? (await mergeAndReport(deps, folder, unsentReason));
  await removeLeftOver(deps, report);
  return report;
}

async function mergeAndReport(deps: ActivityDependencies, folder: JobFolder, unsentReason: string): Promise<JobReport> {
  try {
    return await deliver(deps, folder, await merge(deps, folder, unsentReason));
  } catch (error) {
    // Another worker may have finished while this one was frozen, and has removed what is needed here.
    const theirs = await folder.readReport();
    if (theirs) return theirs;
    throw error;
  }
}

async function merge({ prices }: ActivityDependencies, folder: JobFolder, unsentReason: string): Promise<JobReport> {
  const job = await folder.readJob();
  if (!job) throw new Error(`Job ${folder.jobId} has no record of what it is`);
  const work = outputFolder(job.output).workFolder;
  const rounds: RoundPlan[] = [];
  const parts: BatchReport[] = [];
  for (let plan = await folder.readPlan(1); plan; plan = await folder.readPlan(plan.round + 1)) {
    const { round } = plan;
    rounds.push(plan);
    for (const planned of batchesOf(plan)) {
      const records = folder.part(round, planned.part);
      const known = await records.readReport();
      if (!known && (await records.creates.state()).kind !== 'none') {
        throw ApplicationFailure.nonRetryable(`Round ${round}, part ${planned.part} has a batch that was not waited for`, 'PartUnfinished', { code: 'part_failed' });
      }
      if (planned.reused) await mustBeTakenOver(partFolder(work, round, planned.part));
      else if (known) await mustBeClosed(partFolder(work, round, planned.part), known, await records.readEnded());
      // A part that was never begun, because of a cancel or of the cap: none of its requests was sent.
      if (!known) await markUnsent(partFolder(work, round, planned.part), planned.requests);
      parts.push(known ?? unsentReport(job, round, planned, unsentReason));
    }
  }
  const merged = await mergeJob({ jobId: folder.jobId, workFolder: work, rounds, output: job.output, signal: Context.current().cancellationSignal });
  const reused = (rounds[0]?.parts ?? []).reduce((sum, part) => sum + (part.reused ? part.requests : 0), 0);
  return buildReport({ job: withGeneratedIds(job, rounds[0]), parts, merged, canceled: await folder.cancelRequested(), endedAt: new Date(), prices, followUp: await folder.readFollowUps(), reused });
}

/** The command line puts a job on record before it is planned, so its plan knows more of the ids. */
function withGeneratedIds(job: JobRecord, round: RoundPlan | undefined): JobRecord {
  const generated = job.input.generated_ids ?? round?.generatedIds;
  return { ...job, input: { ...job.input, ...(generated !== undefined && { generated_ids: generated }) } };
}

/** The report in the outputs comes last of them; the copy in the job folder lets the job be recognised later. */
async function deliver(deps: ActivityDependencies, folder: JobFolder, report: JobReport): Promise<JobReport> {
  // Of a worker that was frozen and has been overtaken; the outputs may belong to another job since.
  for (const write of [() => recordStore(deps).replace(outputFolder(report.output).report, report), () => folder.writeReport(report)]) {
    const theirs = await folder.readReport();
    if (theirs) return theirs;
    const owner = await idOfOwner(recordStore(deps), report.output);
    if (owner !== undefined && owner !== report.job_id) throw new InputError('output_taken', `${report.output} belongs to job ${owner} by now.`, `Nothing of it was changed. Bring the working data of job ${report.job_id} back, then run the same command again.`);
    await write();
  }
  return report;
}

/**
 * What no longer counts: the work folder, and what dead workers left unfinished beside the outputs. A worker that dies before
 * this, or is frozen, comes back to it later; the outputs may belong to another job since.
 */
async function removeLeftOver(deps: ActivityDependencies, done: JobReport): Promise<void> {
  if ((await idOfOwner(recordStore(deps), done.output)) !== done.job_id) return;
  await removeUnfinishedOutputs(done.output);
  if (needsNoWorkFolder(done)) await removeWorkFolder(done.output);
}

/** What is missing may still be found, with the working data and the API's results. */
function needsNoWorkFolder({ outcomes, problems }: JobReport): boolean {
  return outcomes.missing === 0 && !problems.some((problem) => problem.kind === 'unproven');
}

/** Remembers a cancel in the job's folder, so that a later run does not send what was not sent yet. */
export function recordCancelActivity(deps: ActivityDependencies) {
  return async function recordCancel(jobId: string): Promise<void> {
    await runActivity(deps, () => jobFolder(deps, jobId).requestCancel(new Date()));
  };
}
