import type { ObservedJobStatus, ObservedPart } from '../client';
// Not by the index: that would load the Temporal client, which takes longer than the rest of `status`.
import { statusOfReport } from '../client/observed-status';
import type { BatchReport, JobReport } from '../contract';
import { batchWorkflowId, noOutcomes, noUsage } from '../contract';
import type { PlannedPart, RoundPlan } from '../jobs';
import { batchesOf, JobFolder, openRetry } from '../jobs';
import type { KnownJob } from './known-jobs';
import type { Session } from './session';

/**
 * The best status there is of a job: its report, what the server and its worker say, or what its records tell
 * where no server runs or the server has forgotten it.
 */
export async function observe(known: KnownJob, homeFolder: string, session: Session | undefined): Promise<ObservedJobStatus> {
  if (known.report) {
    // Of many jobs, the server is asked of those alone whose files say so. Outputs that cannot be looked at say nothing.
    const attempt = session && (await openRetry(known.report).catch(() => undefined));
    return attempt === undefined ? statusOfReport(known.report) : observeEnded(known.report, session);
  }
  try {
    if (session) return await withRecordedParts(await session.batches.job(known.id).status(), homeFolder);
  } catch (error) {
    if (!(error instanceof Error && error.name === 'JobNotFoundError')) throw error;
  }
  return statusOfRecords(known, homeFolder);
}

/** The status of a job that has ended, and where a server runs, of follow-ups that run again now. */
export async function observeEnded(report: JobReport, session: Session | undefined): Promise<ObservedJobStatus> {
  if (!session) return statusOfReport(report);
  const { retriesOfJob } = await import('../client/retries-of-job.js');
  const { running } = await retriesOfJob(session.client, report);
  return statusOfReport(report, running);
}

/** How many parts there are, which the server does not know where no worker answers. */
async function withRecordedParts(status: ObservedJobStatus, homeFolder: string): Promise<ObservedJobStatus> {
  if (status.source !== 'memo' || status.phase === 'ended') return status;
  const folder = new JobFolder(homeFolder, status.jobId);
  const { round, batches } = await lastRound(folder);
  const reports = await Promise.all(batches.map(({ part }) => folder.part(round, part).readReport()));
  return { ...status, round, parts: { total: batches.length, ended: reports.filter(Boolean).length } };
}

async function lastRound(folder: JobFolder): Promise<{ round: number; plan?: RoundPlan; batches: PlannedPart[] }> {
  let round = 1;
  while (await folder.readPlan(round + 1)) round++;
  const plan = await folder.readPlan(round);
  return { round, plan, batches: plan ? batchesOf(plan) : [] };
}

async function statusOfRecords(known: KnownJob, homeFolder: string): Promise<ObservedJobStatus> {
  const folder = new JobFolder(homeFolder, known.id);
  const { round, plan, batches } = await lastRound(folder);
  const running: ObservedPart[] = [];
  let ended = 0;
  for (const { part } of batches) {
    const records = folder.part(round, part);
    const create = await records.creates.state();
    if (await records.readReport()) ended++;
    else if (create.kind === 'accepted') running.push({ round, part, workflowId: batchWorkflowId(known.id, round, part), phase: 'processing', batchId: create.batchId, createdAt: create.createdAt });
  }
  return {
    jobId: known.id,
    phase: plan ? 'running' : 'planning',
    simulated: known.simulated,
    account: known.account,
    output: known.output,
    requests: known.requests,
    round,
    parts: { total: batches.length, ended },
    outcomes: noOutcomes(),
    usage: noUsage(),
    running,
    cancelRequested: await folder.cancelRequested(),
    paused: false,
    problems: [],
    startedAt: known.createdAt,
    source: 'memo',
  };
}

/** Reports of the parts of a job that have ended, of all rounds, as its records tell; none where it has no records here. */
export async function endedParts(homeFolder: string, jobId: string): Promise<BatchReport[]> {
  const folder = new JobFolder(homeFolder, jobId);
  const reports: BatchReport[] = [];
  for (let round = 1; ; round++) {
    const plan = await folder.readPlan(round);
    if (!plan) return reports;
    const ofRound = await Promise.all(plan.parts.map(({ part }) => folder.part(round, part).readReport()));
    for (const report of ofRound) if (report) reports.push(report);
  }
}
