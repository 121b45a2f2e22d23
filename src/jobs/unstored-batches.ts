import { resultsKeptUntil } from '../contract';
import type { JobFolder } from './job-folder';

/** A batch whose results are not on disk yet. */
export interface UnstoredBatch {
  round: number;
  part: number;
  batchId: string;
  /** ISO. */
  createdAt: string;
  /** Whether the API has said that it has ended. */
  ended: boolean;
  /** ISO; until when the API keeps its results. */
  keptUntil?: string;
}

/** The batches of a job whose results are not stored, from its records alone: also where nothing of it runs. @throws StorageError */
export async function unstoredBatches(folder: JobFolder): Promise<UnstoredBatch[]> {
  const unstored: UnstoredBatch[] = [];
  for (let round = 1; ; round++) {
    const plan = await folder.readPlan(round);
    if (!plan) return unstored;
    for (const { part } of plan.parts) {
      const records = folder.part(round, part);
      if (await records.readReport()) continue;
      const state = await records.creates.state();
      if (state.kind !== 'accepted') continue;
      const { batchId, createdAt } = state;
      const ended = await records.readEnded();
      unstored.push({ round, part, batchId, createdAt, ended: ended?.batch_id === batchId, keptUntil: resultsKeptUntil(createdAt) });
    }
  }
}
