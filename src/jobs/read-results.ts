import type { Line } from '../jsonl';
import { readLines, StorageError } from '../storage';
import { InputError } from './input-error';
import { outputFolder } from './output-folder';

/**
 * The lines of the final results in a job's output folder, those of one chunk together.
 * @throws InputError `results_not_found`; StorageError.
 */
export async function* readResults(dir: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<Line[], void, undefined> {
  const { folder, results } = outputFolder(dir);
  try {
    yield* readLines(results, options);
  } catch (error) {
    throw resultsNotFound(error, folder);
  }
}

/** An error of reading results, in words; other errors as they are. */
export function resultsNotFound(error: unknown, folder: string): unknown {
  if (!(error instanceof StorageError) || error.code !== 'changed') return error;
  const hint = 'They appear when the job has ended: message-batches status tells how far it is.';
  return new InputError('results_not_found', `There are no results in ${folder}.`, hint, { cause: error });
}
