import { createHash } from 'node:crypto';
import type { JobReport } from '../../contract';
import { readChunks, StorageError } from '../../storage';
import { outputFolder } from '../output-folder';
import type { PassOptions } from '../progress';
import { type Check, failed, sameBytes } from './check';

const HINT = 'Where message-batches retry-follow-ups was stopped in the middle, run it again: it brings file and report together. Otherwise put the file back from a copy. What the follow-ups have returned is also in their histories, as long as Temporal keeps these.';

/** Holds the bytes of follow-ups.jsonl against those that were written. @returns undefined where the report has no such file. */
export async function checkFollowUpsFile({ output, follow_ups: followUps }: JobReport, { signal }: PassOptions = {}): Promise<Check | undefined> {
  if (!followUps?.file) return undefined;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of readChunks(outputFolder(output).followUps, { length: Infinity, signal })) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'changed') throw error;
    return failed('follow_ups', 'follow-ups.jsonl is not there any more', HINT);
  }
  return sameBytes('follow_ups', 'follow-ups.jsonl', followUps.file, { bytes, sha256: hash.digest('hex') }, HINT);
}
