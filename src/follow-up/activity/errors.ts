import { StorageError, type StorageErrorCode } from '../../storage';

/**
 * A result or a request cannot be read. The message says what to do as well: of what an activity throws, Temporal shows nothing else.
 * Name `FollowUpDataError` in `nonRetryableErrorTypes` where an outage of the storage is not to be waited out.
 */
export class FollowUpDataError extends Error {
  override readonly name = 'FollowUpDataError';

  constructor(
    /** `changed`: it is gone. */
    readonly code: StorageErrorCode,
    message: string,
    /** The same may go well a moment later. */
    readonly passing: boolean,
    cause: StorageError,
  ) {
    super(message, { cause });
  }
}

/** @throws FollowUpDataError for what the storage says; all else as it is. */
export async function speaking<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof StorageError) throw new FollowUpDataError(error.code, `${error.message} ${error.hint}`, error.passing, error);
    throw error;
  }
}
