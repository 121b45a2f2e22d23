/** What the follow-ups of a job are: put on record before anything is paid, and from then on the same. */
import { isDeepStrictEqual } from 'node:util';
import { checkFollowUpOptions, type FollowUpOptions } from '../contract';
import { completeFollowUp, InputError, type JobFolder, mustBeReadyMade } from '../jobs';

/** @throws InputError `bad_follow_up`, `bad_schema` */
export function mustBeFollowUp(options: FollowUpOptions | undefined, hint = 'Nothing was sent for it. Start the job again with other options.'): void {
  const problem = options && checkFollowUpOptions(options);
  if (problem !== undefined) throw new InputError('bad_follow_up', problem, hint);
  if (options) mustBeReadyMade(options);
}

/**
 * The options that the follow-ups of a job are run with. The first that it was given stand; where they are served and how many run at
 * once may be others in a later run.
 * @throws InputError `bad_follow_up`; `follow_up_changed` where the job has follow-ups of another kind
 */
export async function followUpsOnRecord(folder: JobFolder, given: FollowUpOptions): Promise<FollowUpOptions> {
  mustBeFollowUp(given);
  await folder.createFollowUps(given);
  const recorded = (await folder.readFollowUps()) ?? given;
  if (!isDeepStrictEqual(whatIsRun(recorded), whatIsRun(given))) {
    throw new InputError(
      'follow_up_changed',
      `Job ${folder.jobId} has follow-ups of the workflow ${recorded.workflow} on record, with other options than it is continued with now. The first stand, so that a job never mixes two kinds.`,
      'Start the job again with the same follow-up as at first, or without naming one; for others give the job another id.',
    );
  }
  return given;
}

/** Without what says only where and how fast. */
function whatIsRun(options: FollowUpOptions): unknown {
  const { workflow, on, where, per, args } = completeFollowUp(options);
  return { workflow, on, where, per, args };
}
