/** Results that the API will not keep much longer, and that are not on disk: found in the records, because nothing may run. */
import { areSoonLost } from '../contract';
import { JobFolder, unstoredBatches } from '../jobs';
import type { UnstoredBatch } from '../jobs';
import type { KnownJob } from './known-jobs';

export interface SoonLost extends UnstoredBatch {
  jobId: string;
  keptUntil: string;
}

/** Those of open jobs, the first to be lost first. */
export async function soonLost(jobs: readonly KnownJob[], homeFolder: string, now = Date.now()): Promise<SoonLost[]> {
  const found: SoonLost[] = [];
  for (const { id, report } of jobs) {
    if (report) continue;
    for (const batch of await unstoredBatches(new JobFolder(homeFolder, id))) {
      const { keptUntil } = batch;
      if (keptUntil !== undefined && areSoonLost(keptUntil, now)) found.push({ ...batch, keptUntil, jobId: id });
    }
  }
  return found.sort((a, b) => a.keptUntil.localeCompare(b.keptUntil));
}

/** What a person is told of one. */
export function soonLostSentence({ jobId, batchId, keptUntil }: SoonLost, now = Date.now()): string {
  const lost = Date.parse(keptUntil) <= now;
  const when = lost ? `has kept the results of ${batchId} until ${keptUntil.slice(0, 10)} only` : `keeps the results of ${batchId} until ${keptUntil.slice(0, 10)}`;
  return `The API ${when}, and they are not stored yet. Fetch them: message-batches wait ${jobId}`;
}
