/** A command of a cold home, reduced to what it needs: a server, and one workflow there. Prints where it found the server. */
import { Connection } from '@temporalio/client';
import { embeddedServer, openHome, temporalConnection } from '../../src/local';

async function main(): Promise<void> {
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
