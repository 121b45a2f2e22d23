/** The follow-ups of a job are settled when it begins: typed again, they must be the same. */
import { isDeepStrictEqual } from 'node:util';
import type { FollowUpOptions, JobReport } from '../contract';
import type { JobFolder } from '../jobs';
import { completeFollowUp, optionsOfReport } from '../jobs';
import { CliError } from './cli-error';

/** What can differ, in words. */
const NAMES = { workflow: 'workflow', taskQueue: 'task queue', on: 'outcomes', where: 'filter', window: 'window', per: 'per', args: 'arguments' } as const;

export interface KnownFollowUp {
  /** Of the job. */
  id: string;
  /** What its records tell (`followUpOnRecord`). */
  onRecord?: FollowUpOptions | null;
  /** Where the job has ended. */
  report?: Pick<JobReport, 'follow_ups'>;
  /** What was typed now. */
  typed?: FollowUpOptions;
}

/**
 * The follow-ups that a job was begun with, for its next start. @returns undefined where there are none
 * @param say told where nobody can say what the job was begun with
 * @throws CliError `follow_up_ignored` where others were typed, which would have no effect
 */
export function keptFollowUp({ id, onRecord, report, typed }: KnownFollowUp, say: (line: string) => void): FollowUpOptions | undefined {
  const begun = begunWith(onRecord, report);
  if (begun === undefined) {
    if (typed) say(`Job ${id} is known already, and its record does not tell its follow-ups: those that were typed count only if it has to begin anew.`);
    return typed;
  }
  if (typed && !(begun && isDeepStrictEqual(completeFollowUp(begun), completeFollowUp(typed)))) throw ignored(id, begun, typed, report);
  return begun ?? undefined;
}

/** @returns null where the job has none, undefined where that is not known: it is not planned yet */
export async function followUpOnRecord(folder: JobFolder): Promise<FollowUpOptions | null | undefined> {
  return (await folder.readFollowUps()) ?? ((await folder.readPlan(1)) ? null : undefined);
}

/** @returns null where the job has none, undefined where that is not known */
function begunWith(onRecord: KnownFollowUp['onRecord'], report: KnownFollowUp['report']): FollowUpOptions | null | undefined {
  if (onRecord) return onRecord;
  // An older release has put none on record.
  if (report) return report.follow_ups ? optionsOfReport(report.follow_ups) : null;
  return onRecord;
}

/** `task queue grading instead of other, other args`: what the job was begun with, and what was typed. */
function differences(begun: FollowUpOptions, typed: FollowUpOptions): string {
  const [old, now] = [completeFollowUp(begun), completeFollowUp(typed)];
  const differ = (Object.keys(NAMES) as (keyof typeof NAMES)[]).filter((key) => !isDeepStrictEqual(old[key], now[key]));
  return differ.map((key) => (key === 'args' ? 'other arguments' : `${NAMES[key]} ${shown(old[key])} instead of ${shown(now[key])}`)).join(', ');
}

function shown(value: unknown): string {
  if (value === undefined) return "the job's own";
  if (Array.isArray(value)) return value.join(',');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === '{}' ? 'none' : text;
}

function ignored(jobId: string, begun: FollowUpOptions | null, typed: FollowUpOptions, report: KnownFollowUp['report']): CliError {
  const what = begun ? `with other follow-ups (${begun.workflow}: ${differences(begun, typed)})` : 'without follow-ups';
  const goesOn = report ? 'shows its report' : begun ? `goes on with it and with ${begun.workflow}` : 'goes on with it';
  const without = begun && !report ? `\nTo leave out those that have not run, cancel it once its batches have ended: message-batches cancel ${jobId}\nAll results are kept, and retry-follow-ups can still run them.` : '';
  const anew = report ? 'To submit the same input once more with these follow-ups, and pay for it again: add --new.' : 'To begin anew with these, cancel it, then add --new: that pays again.';
  const { selected = 0, succeeded = 0 } = report?.follow_ups ?? {};
  const again = succeeded < selected ? `Run those that did not complete again: message-batches retry-follow-ups ${jobId}\n` : '';
  return new CliError('follow_up_ignored', `Job ${jobId} ${report ? 'has ended' : 'is known already'}. It was begun ${what}, so what was typed of follow-ups would have no effect.`, {
    hint: `${again}The same command without these options ${goesOn}. ${anew}${without}`,
    details: { jobId },
  });
}
