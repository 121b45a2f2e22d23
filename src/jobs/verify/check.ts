/** One thing that was held against what a job's report says. */
export interface Check {
  name: 'report' | 'results' | 'lines' | 'outcomes' | 'index' | 'input' | 'follow_ups' | 'batches';
  /** `unchecked`: there was nothing to hold it against, which proves nothing and disproves nothing. */
  state: 'ok' | 'failed' | 'unchecked';
  /** What was found. */
  message: string;
  /** What to do about it. */
  hint?: string;
}

/** A file as the report has it. */
export interface WrittenFile {
  bytes: number;
  /** Hex. */
  sha256: string;
}

/** What a job that has ended could be proved to be. */
export interface Verification {
  jobId: string;
  output: string;
  /** Nothing was found that the report does not say. */
  proved: boolean;
  checks: Check[];
}

export function ok(name: Check['name'], message: string): Check {
  return { name, state: 'ok', message };
}

export function failed(name: Check['name'], message: string, hint: string): Check {
  return { name, state: 'failed', message, hint };
}

export function unchecked(name: Check['name'], message: string): Check {
  return { name, state: 'unchecked', message };
}

export function count(number: number): string {
  return number.toLocaleString('en-US');
}

/** Holds a file against what was written. */
export function sameBytes(name: Check['name'], file: string, written: WrittenFile, found: WrittenFile, hint: string): Check {
  if (found.bytes !== written.bytes) return failed(name, `${file} has ${count(found.bytes)} bytes, and ${count(written.bytes)} were written`, hint);
  if (found.sha256 !== written.sha256) return failed(name, `${file} is as long as it was, but holds other bytes`, hint);
  return ok(name, `${file} is the ${count(found.bytes)} bytes that were written, by their SHA-256`);
}

/** What to do where results are not those that were written. */
export const RESULTS_HINT = 'Put the file back from a copy. The API keeps the results of a batch for 29 days after it was made: message-batches api results ID --output FILE';
