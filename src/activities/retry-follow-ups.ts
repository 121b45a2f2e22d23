import { Context } from '@temporalio/activity';
import type { FollowUpOptions, FollowUpRetryInput, JobReport, ReportedFollowUps } from '../contract';
import { followUpFiles, InputError, mergeRetriedFollowUps as merge, optionsOfReport, retryFolder, selectFailedFollowUps as select } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';
import { mustBeFollowUp } from './follow-up-options';
import type { FailedFollowUps } from './payloads';

/** Writes the list of an ended job's follow-ups that did not complete, and cuts it into shards; none where this attempt was made before. */
export function selectFailedFollowUpsActivity(deps: ActivityDependencies) {
  return async function selectFailedFollowUps({ jobId, attempt, activityTaskQueue, followUp, inputPath }: FollowUpRetryInput): Promise<FailedFollowUps> {
    return runActivity(deps, async () => {
      const { report, followUps, started } = await ended(deps, jobId);
      if ((followUps.retries ?? 0) >= attempt) return { shards: [], options: started, followUps, superseded: true };
      // Null, from another language, is the same as nothing.
      const given = Object.entries(followUp ?? {}).filter(([, value]) => value !== null && value !== undefined);
      const options: FollowUpOptions = { ...started, ...Object.fromEntries(given) };
      mustBeFollowUp(options);
      const { output, part } = retryFolder(report.output, attempt);
      const slices = await select({ report, attempt, activityTaskQueue, args: options.args, inputPath, signal: Context.current().cancellationSignal });
      const { list } = followUpFiles(part);
      const ref = { jobId, round: 1, part: 1, output };
      return { shards: slices.map(({ offset, length, count }) => ({ ref, list: { uri: list, offset, length }, count })), options, followUps };
    });
  };
}

/** Puts what became of them in the place of the old lines of `follow-ups.jsonl` and of the counts in the report. */
export function mergeRetriedFollowUpsActivity(deps: ActivityDependencies) {
  return async function mergeRetriedFollowUps(jobId: string, attempt: number): Promise<ReportedFollowUps> {
    return runActivity(deps, async () => {
      const { report } = await ended(deps, jobId);
      return merge(jobFolder(deps, jobId), report, attempt, { signal: Context.current().cancellationSignal });
    });
  };
}

async function ended(deps: ActivityDependencies, jobId: string): Promise<{ report: JobReport; followUps: ReportedFollowUps; started: FollowUpOptions }> {
  const report = await jobFolder(deps, jobId).readReport();
  if (!report) throw new InputError('job_unfinished', `Job ${jobId} has not ended yet: its follow-ups may still run.`, `Wait for it: message-batches wait ${jobId}`);
  const { follow_ups: followUps } = report;
  const started = followUps && optionsOfReport(followUps);
  if (!started || !followUps.file) throw new InputError('no_follow_ups', `Job ${jobId} has no follow-ups on record.`, 'Follow-ups are asked for when a job is started: --follow-up TYPE.');
  return { report, followUps, started };
}
