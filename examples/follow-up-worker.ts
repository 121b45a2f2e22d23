/** A worker for follow-ups alone, on a task queue of its own: it needs no plugin, no storage and no key. */
import type { NativeConnection } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { countWords } from './slice-activities';

export function createFollowUpWorker(connection: NativeConnection): Promise<Worker> {
  return Worker.create({ connection, taskQueue: 'grading', workflowsPath: require.resolve('./follow-up'), activities: { countWords } });
}
