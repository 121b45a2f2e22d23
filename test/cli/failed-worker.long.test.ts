/** A worker that Temporal's SDK has given up for good, over a task that it cannot decode, does not stay as one that serves nothing. */
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { openHome, temporalConnection } from '../../src/local';
import { CliWorld } from './support/cli-world';
import { until } from '../support/until';

let world: CliWorld;

beforeAll(async () => {
  world = await CliWorld.create();
});
afterAll(() => world.close());

interface Failure {
  message: string;
  applicationFailureInfo: { type: string };
  cause?: Failure;
}

test('run ends with an error', async () => {
  const env = { MESSAGE_BATCHES_HOME: world.home, TEMPORAL_CLI_PATH: process.env['TEMPORAL_CLI_PATH'] };
  const { address } = await temporalConnection(await openHome(env), env, () => undefined);
  const connection = await Connection.connect({ address });
  try {
    const ended = world.run(['run', await world.input('nested', 1), '--simulate', '--follow-up', 'failDeeply@deep', '--output', join(world.folder, 'nested')]);
    await failOne(connection);
    expect(await ended).toMatchObject({ code: 1, stderr: expect.stringContaining('Error: The worker has failed, for a reason that stands in its log.') });
  } finally {
    await connection.close();
  }
});

/** Serves one workflow of the queue `deep` as a worker in another language could: it fails with more causes in one another than the SDK decodes. */
async function failOne(connection: Connection): Promise<void> {
  let failure: Failure = { message: 'The first cause', applicationFailureInfo: { type: 'Nested' } };
  for (let causes = 0; causes < 95; causes++) failure = { message: `Cause ${causes}`, applicationFailureInfo: { type: 'Nested' }, cause: failure };
  const poll = () => connection.withDeadline(Date.now() + 90_000, () => connection.workflowService.pollWorkflowTaskQueue({ namespace: 'default', taskQueue: { name: 'deep', kind: 1 }, identity: 'test' }));
  // After a minute without a task the server answers with none.
  const task = await until(poll, ({ taskToken }) => taskToken.length > 0);
  await connection.workflowService.respondWorkflowTaskCompleted({ namespace: 'default', taskToken: task.taskToken, identity: 'test', commands: [{ commandType: 5, failWorkflowExecutionCommandAttributes: { failure } }] });
}
