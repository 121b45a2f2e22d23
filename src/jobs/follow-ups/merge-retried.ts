/** Puts the ends of follow-ups that ran again in the place of the old ones: `follow-ups.jsonl`, then the two copies of the report. */
import { type FollowUpEndStatus, type FollowUpInput, type FollowUpLine, type FollowUpSliceInput, type JobReport, type ReportedFollowUps, type RetriedWith, reportedStatus, workflowIdOfFollowUp } from '../../contract';
import { joinLocation, look, namesIn, openReplacement, readLines, removeDurably } from '../../storage';
import { HashedSink } from '../hashed-sink';
import { InputError } from '../input-error';
import type { JobFolder } from '../job-folder';
import { outputFolder, idOfOwner, removeUnfinishedOutputs } from '../output-folder';
import type { PassOptions } from '../progress';
import { endFilesByShard, type FollowUpEnd, readEnds } from './ends';
import { followUpFiles } from './files';
import { readListRecord, shardsOf } from './list-record';
import { retryGone } from './open-retry';
import { RETRIES_FOLDER, retryFolder } from './select-failed';
import { FollowUpTally } from './tally';

export interface MergeRetriedOptions extends PassOptions {
  /** Where that is not what the job's own follow-ups were run with. */
  ranWith?: RetriedWith;
  /** It was canceled: where its working data is gone, all lines stay as they are. */
  isCanceled?: boolean;
}

/**
 * Each follow-up still has one line, in the same place. One that did not run, because of a cancel, keeps what was said of it. Killed at
 * any moment and called again it comes to the same: the file is made of itself and of the ends on record, and the job folder's
 * report, which counts the attempts, is the last that is written.
 * @throws InputError `outputs_changed` where the outputs are of another job; StorageError, `missing` where the working data of the attempt is gone
 */
export async function mergeRetriedFollowUps(folder: JobFolder, report: JobReport, attempt: number, options: MergeRetriedOptions = {}): Promise<ReportedFollowUps> {
  const done = await mergedBefore(folder, attempt);
  const followUps = done ?? (await merge(folder, report, attempt, options).catch((error: unknown) => unlessMerged(folder, attempt, error)));
  // Of a worker that was frozen, the outputs may belong to another job since.
  if ((await idOfOwner(folder.records, report.output)) !== report.job_id) return followUps;
  await removeUnfinishedOutputs(report.output);
  await removeWhereThere(retryFolder(report.output, attempt).output);
  await removeIfEmpty(report.output);
  return followUps;
}

async function merge(folder: JobFolder, report: JobReport, attempt: number, options: MergeRetriedOptions): Promise<ReportedFollowUps> {
  const output = outputFolder(report.output);
  await mustBeTheirs(folder, report);
  const tally = new FollowUpTally();
  const retried = retriedEnds(report, attempt, options);
  const replacement = await openReplacement(output.followUps);
  try {
    const file = new HashedSink(replacement.writer);
    let next = await retried.next();
    for await (const lines of readLines(output.followUps, options)) {
      for (const { bytes } of lines) {
        let line = lineOf(bytes, output.followUps);
        if (!next.done && next.value.workflowId === line.workflow_id) {
          line = replaced(line, next.value.end);
          next = await retried.next();
        }
        tally.add(line, line.custom_ids?.length);
        await file.append(Buffer.from(`${JSON.stringify(line)}\n`));
      }
    }
    if (!next.done) throw new InputError('outputs_changed', `${output.followUps} is not what this job wrote: ${next.value.workflowId} is not where it was.`, 'Put the file back from a copy.');
    const written = { bytes: file.bytes, sha256: file.sha256() };
    const { counts, answers } = tally;
    const selected = report.follow_ups?.selected ?? 0;
    if (counts.selected !== selected) throw new InputError('outputs_changed', `${output.followUps} is not what this job wrote: it has ${counts.selected} lines, not ${selected}.`, 'Put the file back from a copy.');
    const others = [...(report.follow_ups?.retried_with ?? []), ...(options.ranWith ? [options.ranWith] : [])];
    const followUps: ReportedFollowUps = { ...report.follow_ups, ...counts, canceled: counts.canceled, answers, file: written, retries: attempt, ...(others.length > 0 && { retried_with: others }) };
    const merged = { ...report, status: reportedStatus(report.status === 'canceled', report.outcomes, followUps), follow_ups: followUps };
    for (const write of [() => replacement.commit(), () => folder.records.replace(output.report, merged), () => folder.writeReport(merged)]) {
      // Of a worker that was frozen while another one has done it, and perhaps the next attempt too.
      const theirs = await mergedBefore(folder, attempt);
      if (theirs) return theirs;
      await mustBeTheirs(folder, report);
      await write();
    }
    return followUps;
  } finally {
    await retried.return();
    await replacement.discard();
  }
}

/** @throws InputError `outputs_changed` where the outputs are of another job, or gone */
async function mustBeTheirs(folder: JobFolder, report: JobReport): Promise<void> {
  const output = outputFolder(report.output);
  const inOutput = await folder.records.read<JobReport>(output.report);
  if (inOutput?.job_id !== report.job_id) throw new InputError('outputs_changed', `${output.folder} does not hold the outputs of job ${report.job_id} any more.`, 'Bring them back, then run the same command again.');
}

const STATUSES: ReadonlySet<string> = new Set(['completed', 'failed', 'canceled', 'terminated', 'timed_out', 'not_started'] satisfies FollowUpEndStatus[]);

/** @throws InputError `outputs_changed` */
function lineOf(bytes: Buffer, path: string): FollowUpLine {
  const line = jsonIn(bytes) as FollowUpLine | null | undefined;
  if (typeof line?.workflow_id === 'string' && STATUSES.has(line.status)) return line;
  throw new InputError('outputs_changed', `${path} is not what this job wrote: it has a line that says nothing of a follow-up.`, 'Put the file back from a copy.');
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function mergedBefore(folder: JobFolder, attempt: number): Promise<ReportedFollowUps | undefined> {
  const followUps = (await folder.readReport())?.follow_ups;
  return followUps && (followUps.retries ?? 0) >= attempt ? followUps : undefined;
}

/** Another worker that has done it meanwhile has removed what was being read. */
async function unlessMerged(folder: JobFolder, attempt: number, error: unknown): Promise<ReportedFollowUps> {
  const theirs = await mergedBefore(folder, attempt);
  if (theirs) return theirs;
  throw error;
}

/** In the order of the list, which is that of `follow-ups.jsonl`; the ends of one shard at a time. */
async function* retriedEnds({ job_id: jobId, output }: JobReport, attempt: number, { signal, isCanceled = false }: MergeRetriedOptions): AsyncGenerator<{ workflowId: string; end?: FollowUpEnd }, void, undefined> {
  const files = followUpFiles(retryFolder(output, attempt).part);
  const record = await readListRecord(files);
  if (!record && !isCanceled) throw retryGone(jobId, files.list);
  const endFiles = await endFilesByShard(files);
  for (const [index, { offset, length }] of (record ? shardsOf(record) : []).entries()) {
    const ends = await readEnds(files, endFiles.get(index + 1) ?? [], (end) => end);
    for await (const lines of readLines(files.list, { offset, length, signal })) {
      for (const { bytes } of lines) {
        const workflowId = workflowIdOfFollowUp(JSON.parse(bytes.toString('utf8')) as FollowUpInput | FollowUpSliceInput);
        yield { workflowId, end: ends.get(workflowId) };
      }
    }
  }
}

function replaced(line: FollowUpLine, end: FollowUpEnd | undefined): FollowUpLine {
  if (!end || end.status === 'not_started') return line;
  const { workflowId, ...became } = end;
  const { custom_id, slice, custom_ids, outcome, part } = line;
  return JSON.parse(JSON.stringify({ custom_id, slice, custom_ids, outcome, part: became.status === 'completed' ? undefined : part, ...became, workflow_id: workflowId })) as FollowUpLine;
}

/** Working data that was kept for another reason stays. */
async function removeIfEmpty(output: string): Promise<void> {
  const { workFolder } = outputFolder(output);
  const retries = joinLocation(workFolder, RETRIES_FOLDER);
  if ((await namesIn(retries)).length > 0) return;
  await removeWhereThere(retries);
  if ((await namesIn(workFolder)).length === 0) await removeWhereThere(workFolder);
}

/** One that died after it had removed this may have left the rest. */
async function removeWhereThere(path: string): Promise<void> {
  if (await look(path)) await removeDurably(path);
}
