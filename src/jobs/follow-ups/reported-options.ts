/** The options of follow-ups as `report.json` has them, with keys like all others there. */
import type { FollowUpFilter, FollowUpOptions, ReportedFollowUpOptions, ReportedFollowUps } from '../../contract';

export function reportedOptions({ taskQueue, where, ...same }: FollowUpOptions): ReportedFollowUpOptions {
  return { ...same, ...(taskQueue !== undefined && { task_queue: taskQueue }), ...(where && { where: reportedFilter(where) }) };
}

/** @returns undefined where the report does not tell them: an older release has written it. */
export function optionsOfReport({ options }: Pick<ReportedFollowUps, 'options'>): FollowUpOptions | undefined {
  if (!options) return undefined;
  const { task_queue: taskQueue, where, ...same } = options;
  if (!where) return { ...same, ...(taskQueue !== undefined && { taskQueue }) };
  const { stop_reason: stopReason, ...filter } = where;
  return { ...same, ...(taskQueue !== undefined && { taskQueue }), where: { ...filter, ...(stopReason !== undefined && { stopReason }) } };
}

function reportedFilter({ stopReason, ...same }: FollowUpFilter): ReportedFollowUpOptions['where'] {
  return { ...same, ...(stopReason !== undefined && { stop_reason: stopReason }) };
}
