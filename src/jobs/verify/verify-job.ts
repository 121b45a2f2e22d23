/** Proves a job that has ended from its files alone: no server, no key, no worker, and nothing is changed. */
import { isDeepStrictEqual } from 'node:util';
import type { JobReport } from '../../contract';
import { look, readRecord, StorageError } from '../../storage';
import type { JobFolder } from '../job-folder';
import { outputFolder } from '../output-folder';
import type { PassOptions } from '../progress';
import { type Check, failed, ok, unchecked, type Verification } from './check';
import { checkBatches } from './check-batches';
import { checkInputAndIndex } from './check-input';
import { OutcomesCheck } from './check-outcomes';
import { checkFollowUpsFile } from './follow-ups-file';
import { OutcomeIds } from './outcome-ids';
import { checkResultsFile } from './results-file';

export interface VerifyOptions extends PassOptions {
  /** The job's records, where this home has them. */
  folder?: JobFolder;
  /** Where the input lies now, if not where the report says. */
  inputPath?: string;
}

/**
 * Holds the outputs of a job against each other, its report, its records and its input, as far as each is there. Reads the
 * results and the input once, and keeps about 28 bytes a request, 50 where some did not succeed.
 * @param report as the home has it, or, where it has none, as it lies in the outputs.
 * @throws StorageError where something cannot be read that is there; the signal's reason as it is.
 */
export async function verifyJob(report: JobReport, options: VerifyOptions = {}): Promise<Verification> {
  const { folder } = options;
  const checks: Check[] = [await checkReport(report, folder)];
  // Where others are in the folder, nothing of it is this job's.
  if (checks[0]!.state === 'ok') {
    checks.push(...(await checkOutputs(report, options)));
    const followUps = await checkFollowUpsFile(report, options);
    if (followUps) checks.push(followUps);
  }
  checks.push(await checkBatches(report, folder));
  return { jobId: report.job_id, output: report.output, proved: checks.every(({ state }) => state !== 'failed'), checks };
}

/**
 * The part of the proof that takes one read of the results: their bytes are those that were written, and every request has an
 * outcome. What must hold before anything is given up that the results could be had from again.
 * @returns why it does not hold, in words; undefined where it does.
 */
export async function whyNotProved(report: JobReport, options: PassOptions = {}): Promise<string | undefined> {
  const { outcomes, input, problems, results } = report;
  if (outcomes.missing > 0) return `${outcomes.missing} requests have no result that was found`;
  const sum = Object.values(outcomes).reduce((total, each) => total + each, 0);
  if (sum !== input.requests || problems.some(({ kind }) => kind === 'unproven')) return 'the outcomes do not add up to the input';
  if (!results) return 'the release that ended the job kept no hash of its results';
  const owner = await reportBeside(report);
  if (owner?.job_id !== report.job_id) return 'its outputs are gone';
  const { state, message } = await checkResultsFile(report, options);
  return state === 'ok' ? undefined : message;
}

async function checkReport(report: JobReport, folder: JobFolder | undefined): Promise<Check> {
  const path = outputFolder(report.output).report;
  const hint = 'Put the outputs back from a copy. The API keeps the results of a batch for 29 days after it was made.';
  let beside: JobReport | undefined;
  try {
    beside = await reportBeside(report);
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'damaged') throw error;
    return failed('report', `${path} is not JSON`, hint);
  }
  if (!beside) return failed('report', `${path} is not there any more`, hint);
  if (beside.job_id !== report.job_id) return failed('report', `${report.output} belongs to job ${beside.job_id} now`, hint);
  const copy = await folder?.readReport();
  if (!copy) return ok('report', 'report.json is whole; this home has no copy to hold it against');
  const differing = Object.keys({ ...copy, ...beside }).filter((key) => !isDeepStrictEqual(copy[key as keyof JobReport], beside[key as keyof JobReport]));
  if (differing.length > 0) return failed('report', `report.json and the copy in the home differ in ${differing.join(', ')}`, 'The copy is in jobs/JOB/report.json of the home folder: find out who changed which.');
  return ok('report', 'report.json is whole, and the same as the copy in the home');
}

function reportBeside({ output }: JobReport): Promise<JobReport | undefined> {
  return readRecord<JobReport>(outputFolder(output).report);
}

async function checkOutputs(report: JobReport, options: VerifyOptions): Promise<Check[]> {
  const { signal, onProgress, inputPath } = options;
  const ids = new OutcomeIds(report.input.requests);
  const outcomes = new OutcomesCheck(report, ids);
  const results = await checkResultsFile(report, { signal, onProgress }, (lines) => outcomes.takeResults(lines));
  const size = (await look(outputFolder(report.output).results))?.size;
  if (size === undefined) return [results, unchecked('outcomes', 'there is nothing to count')];
  const lines = outcomes.resultLines();
  const counted = await outcomes.outcomes();
  return [results, lines, counted, ...(await checkInputAndIndex(report, ids, { withoutId: outcomes.withoutId, inputPath, resultsBytes: size, signal, onProgress }))];
}
