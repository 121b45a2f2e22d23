/** Parts whose results are stored while their follow-ups run: the job counts them when they end, and whoever looks on does so now. */
import type { JobCost, JobStatus, OutcomeCounts } from '../contract';
import { addUsage, finalOutcomes, noUsage, OUTCOMES } from '../contract';
import type { ObservedPart } from './observed-status';

/** What a job has come to, with the parts that run. @param job as its workflow tells it: of parts that have ended */
export function withStoredParts(job: JobStatus, running: readonly ObservedPart[]): Pick<JobStatus, 'outcomes' | 'usage' | 'cost' | 'problems'> {
  const stored = running.filter(({ status }) => status?.outcomes !== undefined);
  const sum: OutcomeCounts = { ...job.outcomes };
  const usage = noUsage();
  addUsage(usage, job.usage);
  for (const { status } of stored) {
    const final = finalOutcomes(status!.outcomes!, job.cancelRequested ? 0 : (status!.retryable ?? 0));
    for (const outcome of OUTCOMES) sum[outcome] += final[outcome];
    addUsage(usage, status!.usage);
  }
  return { outcomes: sum, usage, problems: [...job.problems, ...stored.flatMap(({ status }) => status!.problems)], ...(job.cost && { cost: costWith(job, job.cost, stored) }) };
}

/** What is known to be paid is no longer set aside. One with requests that are missing may have cost more: that is counted when it ends. */
function costWith({ parts }: JobStatus, cost: JobCost, stored: readonly ObservedPart[]): JobCost {
  const known = stored.filter(({ status, reserved }) => status!.cost !== undefined && reserved !== undefined && status!.outcomes!.missing === 0);
  if (known.length === 0) return cost;
  const spent = known.reduce((sum, { status }) => sum + status!.cost!, cost.spent);
  const reserved = Math.max(0, known.reduce((sum, part) => sum - part.reserved!, cost.reserved));
  const isAll = parts.ended + known.length === parts.total;
  const { low, high } = isAll ? { low: spent, high: spent } : { low: Math.max(spent, cost.estimated?.low ?? 0), high: Math.max(spent, cost.estimated?.high ?? 0) };
  return { ...cost, spent, reserved, ...(cost.estimated && { estimated: { low, high } }) };
}
