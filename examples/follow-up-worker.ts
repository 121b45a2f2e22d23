/**
 * A worker for follow-ups alone, on a task queue of its own: it needs no plugin, no storage and no key. `npx tsx follow-up-worker.ts` serves
 * them until Ctrl-C. Where Temporal is, TEMPORAL_ADDRESS and the other variables of Temporal's own programs say; else it is this machine.
 */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, Worker } from '@temporalio/worker';
import { countWords } from './slice-activities';

export function createFollowUpWorker(connection: NativeConnection, namespace?: string): Promise<Worker> {
  return Worker.create({ connection, namespace, taskQueue: 'grading', workflowsPath: require.resolve('./follow-up'), activities: { countWords } });
}

async function main(): Promise<void> {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  try {
    const worker = await createFollowUpWorker(connection, namespace);
    await worker.run();
  } finally {
    await connection.close();
  }
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
