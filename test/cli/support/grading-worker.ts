/** Serves `gradeAnswer` on the queue `grading`, as a user's own worker does. */
import { NativeConnection, Worker } from '@temporalio/worker';
import { openHome, temporalConnection } from '../../../src/local';
import type { CliWorld } from './cli-world';

/** Polls at the embedded server of the home while `during` runs. */
export async function whileGraded<T>(world: CliWorld, during: () => Promise<T>): Promise<T> {
  const env = { MESSAGE_BATCHES_HOME: world.home, TEMPORAL_CLI_PATH: process.env['TEMPORAL_CLI_PATH'] };
  const { connectionOptions, namespace } = await temporalConnection(await openHome(env), env, () => undefined);
  const connection = await NativeConnection.connect(connectionOptions);
  const worker = await Worker.create({ connection, namespace, taskQueue: 'grading', workflowsPath: require.resolve('./grading-workflows') });
  try {
    return await worker.runUntil(during);
  } finally {
    await connection.close();
  }
}
