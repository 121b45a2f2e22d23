import { followUpRetryStatusQuery, followUpRetryWorkflowId } from '../contract';
import { attemptOfFolder, retryGone } from '../jobs';
import { StorageError } from '../storage';
import type { PartReference } from './payloads';
import { askTemporal } from './temporal-calls';

/**
 * Runs what needs the working data of follow-ups. Where these run again, and somebody has removed it, that is said in words for it;
 * where the attempt was canceled, nothing is left to do: it can end.
 *
 * @param canceled what is returned then.
 */
export async function unlessRetryGone<T>({ jobId, output }: Pick<PartReference, 'jobId' | 'output'>, body: () => Promise<T>, canceled: T): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const attempt = attemptOfFolder(output);
    if (attempt === undefined || !(error instanceof StorageError) || !error.missing) throw error;
    if (await isRetryCanceled(jobId, attempt)) return canceled;
    throw retryGone(jobId, error.path, error);
  }
}

/** Asks the attempt itself, which waits for this. */
export async function isRetryCanceled(jobId: string, attempt: number): Promise<boolean> {
  const { cancelRequested } = await askTemporal((client) => client.workflow.getHandle(followUpRetryWorkflowId(jobId, attempt)).query(followUpRetryStatusQuery));
  return cancelRequested;
}
