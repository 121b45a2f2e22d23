/** Closes the ledger of a part from what is stored of its results, or without any. */
import { noOutcomes, noUsage } from '../contract';
import type { Segments } from '../storage';
import { type ApiCounts, LedgerBuilder } from './ledger-builder';
import { changedResults, Ledger, type LedgerRecord } from './ledger-file';
import type { PartFolder } from './part-folder';
import type { PassOptions } from './progress';

export interface CloseLedgerOptions extends PassOptions {
  partFolder: PartFolder;
  /** How many requests the plan says that the part has. */
  requests: number;
  batchId: string;
  segments: Segments;
  apiCounts?: ApiCounts;
  /** More missing requests than so many are a StorageError `changed`: results that were counted before are gone. */
  mostMissing?: number;
}

/**
 * Closes the ledger from the stored results, each line read once. Can be run again at any time; what is written takes
 * the place of the earlier.
 * @throws StorageError; the signal's reason as it is.
 */
export async function closeLedger(options: CloseLedgerOptions): Promise<LedgerRecord> {
  const { segments, signal, onProgress } = options;
  const noLineYet = () => onProgress?.({ lines: 0, bytes: 0 });
  const builder = await LedgerBuilder.open({ ...options, generation: segments.generation, onProgress: noLineYet });
  try {
    await builder.takeStored(segments, undefined, onProgress);
    signal?.throwIfAborted();
    const missing = options.requests - builder.matched;
    if (missing > (options.mostMissing ?? missing)) {
      const { partFolder, batchId } = options;
      throw changedResults(partFolder, batchId, `Results stored in ${partFolder.segments} are gone: ${missing} of ${options.requests} requests have none any more.`);
    }
    return await builder.close(() => Promise.resolve(segments), options.apiCounts);
  } finally {
    await builder.discard();
  }
}

/** Closes the ledger of a part that the API certainly never accepted: all its requests are `unsent`. */
export async function markUnsent(folder: PartFolder, requests: number): Promise<LedgerRecord> {
  const record: LedgerRecord = {
    format: 2,
    generation: 0,
    lines: 0,
    bytes: 0,
    crc32: 0,
    requests,
    outcomes: { ...noOutcomes(), unsent: requests },
    retryable: 0,
    usage: noUsage(),
    models: {},
    problems: [],
    unknown_ids: 0,
    quarantined: 0,
  };
  await Ledger.blank(requests, 'unsent').save(folder, record);
  return record;
}
