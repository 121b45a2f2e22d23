import type { Simulator } from '../../src/simulator';

/** Ends all batches that were accepted, and each of those to come after so long. */
export function endBatches({ simulator }: { simulator: Simulator }, processingMs = 0): void {
  simulator.setOptions({ processingMs });
  for (const { id, deletedAt } of simulator.stats().accepted) if (deletedAt === undefined) simulator.endBatch(id);
}
