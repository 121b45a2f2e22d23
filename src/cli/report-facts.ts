/** What a report does not say itself: whether its outputs are still there, and why requests ended as `errored`. */
import type { JobReport } from '../contract';
import { outputFolder, readResults } from '../jobs';
import { isS3, readRecord } from '../storage';

export interface ErroredReason {
  /** The API's own, e.g. `invalid_request_error`. */
  type: string;
  /** Its beginning. */
  message: string;
  count: number;
}

export interface ReportFacts {
  /** `other`: the folder was removed, and belongs to another job now. */
  outputs: { state: 'there' } | { state: 'gone' } | { state: 'other'; jobId: string };
  /** The most frequent first. */
  reasons: ErroredReason[];
  /** Those that failed need nobody to run them again: they do so now. */
  followUpsRunAgain?: boolean;
}

const MAX_MESSAGE_LENGTH = 120;
/** Messages that name a line or a time are all different: so many are told apart. */
const MAX_REASONS = 1000;
const ERRORED = Buffer.from('"errored"');

export async function reportFacts(report: JobReport): Promise<ReportFacts> {
  const outputs = await outputsOf(report);
  return { outputs, reasons: outputs.state === 'there' && report.outcomes.errored > 0 ? await erroredReasons(report.output) : [] };
}

/** Whether a job's outputs still lie in its folder, which may have been removed, and made again by another job. */
export async function outputsOf({ job_id: jobId, output }: JobReport): Promise<ReportFacts['outputs']> {
  const { report, claim } = outputFolder(output);
  for (const path of [claim, report]) {
    const owner = (await readRecord<{ job_id?: unknown }>(path).catch((error: unknown) => unlessAway(output, error)))?.job_id;
    if (owner === jobId) return { state: 'there' };
    if (typeof owner === 'string') return { state: 'other', jobId: owner };
  }
  return { state: 'gone' };
}

/** A store that cannot be asked does not say that the outputs are gone. */
function unlessAway(output: string, error: unknown): undefined {
  if (isS3(output)) throw error;
}

/** In one pass over the results. Where they cannot be read, the report stands without. */
async function erroredReasons(folder: string): Promise<ErroredReason[]> {
  const reasons = new Map<string, ErroredReason>();
  try {
    for await (const lines of readResults(folder)) {
      for (const { bytes } of lines) {
        const found = bytes.includes(ERRORED) ? reasonOf(bytes) : undefined;
        if (!found) continue;
        const key = JSON.stringify(found);
        const known = reasons.get(key);
        if (known) known.count++;
        else if (reasons.size < MAX_REASONS) reasons.set(key, { ...found, count: 1 });
      }
    }
  } catch {
    return [];
  }
  return [...reasons.values()].sort((a, b) => b.count - a.count);
}

function reasonOf(line: Buffer): Omit<ErroredReason, 'count'> | undefined {
  const { result } = JSON.parse(line.toString()) as { result?: { type?: string; error?: { error?: { type?: string; message?: string } } } };
  if (result?.type !== 'errored') return undefined;
  const { type = 'error', message = '' } = result.error?.error ?? {};
  return { type, message: message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : message };
}
