import type { DataReference } from '../contract';
import { readChunks, StorageError } from '../storage';

/** What `readReference` is asked for: a location as the storage takes it. */
export type StoredBytes = Pick<DataReference, 'uri' | 'offset' | 'length'>;

/**
 * The bytes that a reference says, into the working data of a job.
 * @throws StorageError `changed` where they are not there, with words for whoever asks late
 */
export async function readReference({ uri, ...range }: StoredBytes): Promise<Buffer> {
  // Other languages write null where nothing is given.
  const [offset, length] = [range.offset ?? undefined, range.length ?? undefined];
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of readChunks(uri, { offset, length })) chunks.push(chunk);
  } catch (error) {
    if (error instanceof StorageError && error.missing) throw goneError(uri, `Could not read ${uri}: it does not exist.`, { cause: error, missing: true });
    throw error;
  }
  const bytes = Buffer.concat(chunks);
  if (length !== undefined && bytes.length < length) throw goneError(uri, `${uri} has become shorter: ${length - bytes.length} of ${length} bytes from byte ${offset ?? 0} on are gone.`);
  return bytes;
}

/** What a reference points at is gone, or another. */
export function goneError(uri: string, message: string, options: { cause?: unknown; missing?: boolean } = {}): StorageError {
  return new StorageError('changed', uri, message, GONE_HINT, options);
}

const GONE_HINT = 'Working data is removed when its job has ended: the outputs of the job then hold its results. Where the job has not ended, somebody has moved or changed the file (put it back), or it lies on another machine than the one that asks.';
