import type { BatchReport, Cost, FollowUpOptions, JobReport, OutcomeCounts, PriceTable, Problem, ReportedBatch, ReportedCost, ReportedFollowUps, TokenUsage } from '../contract';
import { addFollowUps, cacheHitShare, costOf, MAX_PROBLEM_EXAMPLES, noFollowUps, noOutcomes, noUsage, reportedStatus, totalOf } from '../contract';
import { reportedOptions } from './follow-ups/reported-options';
import type { WrittenFollowUps } from './follow-ups/write-follow-ups';
import type { JobRecord } from './job-folder';
import type { MergeSummary } from './merge';
import type { PlannedPart } from './round-plan';

export interface ReportFacts {
  job: JobRecord;
  /** Of all parts of all rounds, in order. */
  parts: BatchReport[];
  merged: MergeSummary;
  /** A cancel was asked for. */
  canceled: boolean;
  endedAt: Date;
  /** Default: no cost is reported. */
  prices?: PriceTable;
  /** What the job's follow-ups are, where it has some. */
  followUp?: FollowUpOptions;
  /** How many requests' outcomes were taken from another job. Default 0. */
  reused?: number;
}

/** The job's report. Where the outcomes do not add up to the input, a problem `unproven` says so. */
export function buildReport({ job, parts, merged, canceled, endedAt, prices, followUp, reused = 0 }: ReportFacts): JobReport {
  const { outcomes } = merged;
  const problems = mergeProblems([...merged.problems, ...unproven(outcomes, job.input.requests)]);
  const followUps = followUpsOf(parts, merged.followUps, followUp);
  const unsentReason = parts.find((part) => part.unsentReason !== undefined)?.unsentReason;
  return {
    job_id: job.job_id,
    simulated: job.simulated || parts.some((part) => part.simulated),
    account: job.account,
    status: reportedStatus(canceled, outcomes, followUps),
    input: inputOf(job),
    outcomes,
    usage: merged.usage,
    usage_by_model: merged.models,
    ...spent(merged.models, merged.longPrompts, prices),
    ...cacheHits(merged.usage),
    batches: parts.flatMap((part) => reportedBatch(part, prices) ?? []),
    results: merged.resultsFile,
    ...takenOver(job, reused),
    ...(followUps && { follow_ups: followUps }),
    problems,
    ...(outcomes.unsent > 0 && unsentReason !== undefined ? { unsent_reason: unsentReason } : {}),
    output: job.output,
    started_at: job.created_at,
    ended_at: endedAt.toISOString(),
  };
}

/** Usage and cost are what this job has paid, so those of reused results are not in them. */
function takenOver({ earlier }: JobRecord, reused: number): Pick<JobReport, 'reused' | 'attempts'> {
  if (!earlier) return {};
  const { job_id, output, attempts } = earlier;
  return { reused: { job_id, requests: reused, output }, ...(attempts && { attempts }) };
}

function inputOf({ input: { path, sha256, requests, generated_ids } }: JobRecord): JobReport['input'] {
  return { path, sha256, requests, ...(generated_ids !== undefined && { generated_ids }) };
}

function reportedBatch(part: BatchReport, prices: PriceTable | undefined): ReportedBatch | undefined {
  const { batchId, round, requests, createdAt = '', endedAt = '', outcomes, usage, usageByModel, longPrompts } = part;
  if (batchId === undefined) return undefined;
  // By the same prices as all others, whatever they were when it ended.
  const cost = usageByModel && prices && knownCost(costOf(usageByModel, prices, longPrompts));
  return { id: batchId, round, requests, created_at: createdAt, ended_at: endedAt, outcomes, usage, ...(cost && { cost: rounded(cost.total) }) };
}

function spent(usageByModel: Record<string, TokenUsage>, longPrompts: Record<string, TokenUsage>, prices: PriceTable | undefined): Pick<JobReport, 'cost'> {
  const cost = prices && knownCost(costOf(usageByModel, prices, longPrompts));
  if (!prices || !cost) return {};
  const reported: ReportedCost = {
    currency: prices.currency,
    total: rounded(cost.total),
    by_model: Object.fromEntries(Object.entries(cost.byModel).map(([model, each]) => [model, rounded(each)])),
    prices: { date: prices.date, source: prices.source },
    ...(cost.withoutPrice.length > 0 && { without_price: cost.withoutPrice }),
  };
  return { cost: reported };
}

/** @returns undefined where nothing of what was used has a price. */
function knownCost(cost: Cost): Cost | undefined {
  return cost.withoutPrice.length > 0 && Object.keys(cost.byModel).length === 0 ? undefined : cost;
}

function cacheHits(usage: TokenUsage): Pick<JobReport, 'cache_hit_share'> {
  const share = cacheHitShare(usage);
  return share === undefined ? {} : { cache_hit_share: rounded(share) };
}

/** Without what binary fractions add: to a millionth. */
function rounded(amount: number): number {
  return Number(amount.toFixed(6));
}

/** The report of a part that was never sent. */
export function unsentReport(job: JobRecord, round: number, planned: PlannedPart, unsentReason: string): BatchReport {
  return {
    jobId: job.job_id,
    round,
    part: planned.part,
    requests: planned.requests,
    outcomes: { ...noOutcomes(), unsent: planned.requests },
    retryable: 0,
    usage: noUsage(),
    problems: [],
    unsentReason,
    simulated: job.simulated,
  };
}

function unproven(outcomes: OutcomeCounts, requests: number): Problem[] {
  const sum = totalOf(outcomes);
  if (sum === requests) return [];
  return [{ kind: 'unproven', count: Math.abs(sum - requests), examples: [`${sum} outcomes for ${requests} requests; the working data is kept`] }];
}

function mergeProblems(problems: Problem[]): Problem[] {
  const byKind = new Map<string, Problem>();
  for (const { kind, count, examples } of problems) {
    const known = byKind.get(kind);
    byKind.set(kind, {
      kind,
      count: (known?.count ?? 0) + count,
      examples: [...(known?.examples ?? []), ...examples].slice(0, MAX_PROBLEM_EXAMPLES),
    });
  }
  return [...byKind.values()];
}

/** Counted by the lines that were written; of parts that an older release has run, as they were reported. Where all was taken over, or nothing sent, there are none. */
function followUpsOf(parts: BatchReport[], written: WrittenFollowUps | undefined, options: FollowUpOptions | undefined): ReportedFollowUps | undefined {
  const reported = parts.filter(({ round, part }) => !written?.parts.has(`${round}.${part}`)).flatMap((part) => part.followUps ?? []);
  const counts = [...(written ? [written.counts] : []), ...reported];
  if (counts.length === 0) return options && { ...noFollowUps(), options: reportedOptions(options) };
  const sum = noFollowUps();
  for (const each of counts) addFollowUps(sum, each);
  return { ...sum, ...(written?.answers && { answers: written.answers }), ...(written && options && { options: reportedOptions(options) }), ...(written && { file: written.file }) };
}
