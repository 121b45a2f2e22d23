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
  const address = connectionOptions.address ?? '127.0.0.1:7233';
  const connection = await NativeConnection.connect(connectionOptions).catch((error: unknown) => {
    throw new Error(`No Temporal server answers at ${address}. Set TEMPORAL_ADDRESS to what \`message-batches run\` and \`status\` print as "poll at".`, { cause: error });
  });
  try {
    const worker = await createFollowUpWorker(connection, namespace);
    console.log(`Polls task queue ${worker.options.taskQueue} at ${address}, namespace ${worker.options.namespace}. Ctrl-C ends it.`);
    await worker.run();
  } finally {
    await connection.close();
  }
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
