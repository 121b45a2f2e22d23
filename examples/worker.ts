/** Your own worker, with the activities by plugin and the workflows re-exported from your own. */
import type { NativeConnection } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { MessageBatchesPlugin } from 'temporal-message-batches/worker';
import { createActivities } from './activities';

export function createWorker(connection: NativeConnection, storage: string): Promise<Worker> {
  return Worker.create({
    connection,
    taskQueue: 'message-batches',
    workflowsPath: require.resolve('./workflows'),
    activities: createActivities(`${storage}/requests`),
    plugins: [new MessageBatchesPlugin({ storage })],
  });
}
