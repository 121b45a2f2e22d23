import { isDeepStrictEqual } from 'node:util';
import { Context } from '@temporalio/activity';
import type { FollowUpOptions, FollowUpOverride, JobReport, ReportedFollowUps, RetriedWith } from '../contract';
import { completeFollowUp, followUpFiles, InputError, mergeRetriedFollowUps as merge, optionsOfReport, retryFolder, selectFailedFollowUps as select } from '../jobs';
import { StorageError } from '../storage';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';
import { mustBeFollowUp } from './follow-up-options';
import { isRetryCanceled } from './gone-retry';
import type { FailedFollowUps, FailedFollowUpsInput } from './payloads';
import { shardsAs } from './sharded-list';

/** Writes the list of an ended job's follow-ups that did not complete, and cuts it into shards; none where this attempt was made before. */
export function selectFailedFollowUpsActivity(deps: ActivityDependencies) {
  return async function selectFailedFollowUps({ jobId, attempt, activityTaskQueue, followUp, inputPath, mayBeCuts = false }: FailedFollowUpsInput): Promise<FailedFollowUps> {
    return runActivity(deps, async () => {
      const { report, followUps, started } = await ended(deps, jobId);
      const options = overridden(started, followUp);
      if ((followUps.retries ?? 0) >= attempt) return { shards: [], options: started, followUps, superseded: true };
      const { output, part } = retryFolder(report.output, attempt);
      const folder = jobFolder(deps, jobId);
      const batchIdOf = async (round: number, number: number): Promise<string | undefined> => (await folder.part(round, number).readReport())?.batchId;
      const { shards, isKnown } = await select({ report, attempt, activityTaskQueue, args: options.args, inputPath, batchIdOf, signal: Context.current().cancellationSignal });
      const ref = { jobId, round: 1, part: 1, output };
      return { shards: shardsAs(mayBeCuts, ref, followUpFiles(part).list, shards), options, followUps, ranWith: ranWith(started, options, attempt), jobStartedAt: report.started_at, ...(isKnown && { begunBefore: true }) };
    });
  };
}

/** Puts what became of them in the place of the old lines of `follow-ups.jsonl` and of the counts in the report. */
export function mergeRetriedFollowUpsActivity(deps: ActivityDependencies) {
  return async function mergeRetriedFollowUps(jobId: string, attempt: number, others?: RetriedWith): Promise<ReportedFollowUps> {
    return runActivity(deps, async () => {
      const { report } = await ended(deps, jobId);
      const merged = (isCanceled = false): Promise<ReportedFollowUps> => merge(jobFolder(deps, jobId), report, attempt, { signal: Context.current().cancellationSignal, ranWith: others, isCanceled });
      return merged().catch(async (error: unknown) => {
        if (error instanceof StorageError && error.missing && (await isRetryCanceled(jobId, attempt))) return merged(true);
        throw error;
      });
    });
  };
}

/** @throws InputError `bad_follow_up`, `bad_schema` */
function overridden(options: FollowUpOptions, override: FollowUpOverride = {}): FollowUpOptions {
  // Null, from another language, is the same as nothing.
  const given = Object.entries(override).filter(([, value]: [string, unknown]) => value !== null && value !== undefined);
  const merged: FollowUpOptions = { ...options, ...Object.fromEntries(given) };
  mustBeFollowUp(merged, 'Nothing was run. Run them again with other options.');
  return merged;
}

/** @returns undefined where it is the job's own */
function ranWith(own: FollowUpOptions, options: FollowUpOptions, attempt: number): RetriedWith | undefined {
  const before = completeFollowUp(own);
  const { workflow, taskQueue, args } = completeFollowUp(options);
  const hasOtherArgs = !isDeepStrictEqual(before.args, args);
  if (workflow === before.workflow && taskQueue === before.taskQueue && !hasOtherArgs) return undefined;
  return { attempt, workflow, task_queue: taskQueue, ...(hasOtherArgs && { other_args: true }) };
}

async function ended(deps: ActivityDependencies, jobId: string): Promise<{ report: JobReport; followUps: ReportedFollowUps; started: FollowUpOptions }> {
  const report = await jobFolder(deps, jobId).readReport();
  if (!report) throw new InputError('job_unfinished', `Job ${jobId} has not ended yet: its follow-ups may still run.`, `Wait for it: message-batches wait ${jobId}`);
  const { follow_ups: followUps } = report;
  const started = followUps && optionsOfReport(followUps);
  if (!started || !followUps.file) throw new InputError('no_follow_ups', `Job ${jobId} has no follow-ups on record.`, 'Follow-ups are asked for when a job is started: --follow-up TYPE.');
  return { report, followUps, started };
}
