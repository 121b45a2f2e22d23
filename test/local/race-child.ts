/** A command of a cold home, reduced to what it needs: a server, and one workflow there. Prints where it found the server. */
import { Connection } from '@temporalio/client';
import { stopAtStep } from '../support/steps-that-stop';

async function main(): Promise<void> {
  const { STOP_AT_STEP } = process.env;
  if (STOP_AT_STEP) await stopAtStep(JSON.parse(STOP_AT_STEP) as Parameters<typeof stopAtStep>[0]);
  // After the step is prepared.
  const { embeddedServer, openHome, temporalConnection } = require('../../src/local') as typeof import('../../src/local/index.js');
  const home = await openHome(process.env);
  const { connectionOptions, address, namespace } = await temporalConnection(home, process.env, (line) => process.stderr.write(`${line}\n`));
  const server = await embeddedServer(home);
  const connection = await Connection.connect(connectionOptions);
  const workflowId = `job-of-${process.pid}`;
  await connection.workflowService.startWorkflowExecution({ namespace, workflowId, workflowType: { name: 'none' }, taskQueue: { name: 'none' }, requestId: workflowId });
  await connection.close();
  process.stdout.write(`${JSON.stringify({ address, pid: server?.pid, workflowId })}\n`);
}

void main();
