import { ApiError } from '../api';
import type { ActivityApi } from '../activities';
import { accessRefusal, keyRefused } from '../activities';
import type { AccountReference, Attention } from '../contract';
import { AccountRecords } from '../jobs';

/** A batch that was just created can be unknown for a moment. */
const TRIES = 3;
const BETWEEN_TRIES_MS = 1_000;

/** Where the API is slow, or calls have to wait, a worker starts without the proof. */
const LONGEST_TRY_MS = 30_000;

/**
 * Looks at one batch of an open job with this worker's key. A key that cannot see it (revoked, or of another
 * workspace) must not serve: it would take work from a worker that can do it.
 *
 * @returns why the key, or the way to the API, is refused; undefined where both are good, where there is nothing to look at, or where the
 * API cannot be reached (then nothing is proved, and activities wait the outage out).
 */
export async function proveKey(api: Pick<ActivityApi, 'retrieve'>, storageFolder: string, account: AccountReference): Promise<Attention | undefined> {
  const batchId = await new AccountRecords(storageFolder, account).openBatch();
  if (batchId === undefined) return undefined;
  for (let tries = 1; ; tries++) {
    try {
      await api.retrieve(batchId, { signal: AbortSignal.timeout(LONGEST_TRY_MS) });
      return undefined;
    } catch (error) {
      const refusal = accessRefusal(error);
      if (refusal) return refusal;
      if (!(error instanceof ApiError) || error.status !== 404) return undefined;
      if (tries === TRIES) return keyRefused(`The key cannot see ${batchId}, which this account has made: it is of another workspace. ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES_MS));
    }
  }
}
