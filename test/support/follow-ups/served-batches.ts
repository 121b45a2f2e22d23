/** For each test of a file a batch of follow-ups and the worker that serves them, on one server. */
import { FollowUpBatch } from './batch';
import { followUpServer } from './follow-up-server';
import { FollowUpWorker } from './worker';
import type { Behaviour } from './workflows';

export interface ServedBatch {
  batch: FollowUpBatch;
  worker: FollowUpWorker;
}

/** Called once in a file: what a test begins is closed after it. */
export function servedBatches(): { begin(behaviours: Behaviour[], perShard?: number): Promise<ServedBatch> } {
  const temporal = followUpServer();
  let batch: FollowUpBatch;
  let worker: FollowUpWorker;

  afterEach(async () => {
    await worker.stop();
    await batch.close();
  });

  return {
    async begin(behaviours, perShard = behaviours.length) {
      batch = await FollowUpBatch.start({ address: temporal.address, behaviours, perShard });
      worker = await FollowUpWorker.start(temporal.address, batch.queue);
      return { batch, worker };
    },
  };
}
