import type { JobReport, OldOutcome } from '../../contract';
import type { EarlierJob } from '../job-folder';

/** What a job's record says of the one whose outcomes it takes over. @param only of a retry: which are sent again */
export function earlierJob({ job_id, output, outcomes, ended_at, attempts = [] }: JobReport, only?: readonly OldOutcome[]): EarlierJob {
  return { job_id, output, ...(only && { only: [...only], attempts: [...attempts, { job_id, output, outcomes, ended_at }] }) };
}
