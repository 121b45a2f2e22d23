/** Whether results.jsonl is as long as when it was written: a look that costs nothing, before anything is read of it. */
import type { JobReport } from '../../contract';
import { look, StorageError } from '../../storage';
import { outputFolder } from '../output-folder';

/** @throws StorageError `changed` where results.jsonl of a job is there and has another size than its report says. */
export async function mustBeUnchanged(report: JobReport): Promise<void> {
  const { results } = outputFolder(report.output);
  const found = report.results && (await look(results));
  if (found) mustHaveSize(results, found.size, report);
}

/** The same, where the size is known. A report of an older release says nothing of it. */
export function mustHaveSize(path: string, bytes: number, { results }: JobReport): void {
  if (!results || results.bytes === bytes) return;
  throw resultsChanged(path, `it has ${bytes.toLocaleString('en-US')} bytes, and ${results.bytes.toLocaleString('en-US')} were written`);
}

export function resultsChanged(path: string, what: string): StorageError {
  const hint = 'Put the file back from a copy. What can still be proved: message-batches verify JOB. The API keeps the results of a batch for 29 days: message-batches api results ID';
  return new StorageError('changed', path, `${path} was changed since the job ended: ${what}.`, hint);
}
