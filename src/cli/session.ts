import type { Client } from '@temporalio/client';
import type { MessageBatchesClient } from '../client';
import type { AccountReference } from '../contract';
import { workflowTaskQueue } from '../contract';
import type { Home, TemporalConnection } from '../local';
import { CliError } from './cli-error';
import type { Output } from './output';

/** How long a server is given to accept a connection, in ms. */
const CONNECT_TIMEOUT_MS = 10_000;

/** A connection to Temporal for the time of one command. */
export interface Session {
  temporal: TemporalConnection;
  client: Client;
  batches: MessageBatchesClient;
  /** Makes the server answer again after it stopped to: an embedded one is started again. */
  reconnect(): Promise<void>;
  close(): Promise<void>;
}

export interface SessionOptions {
  home: Home;
  env: NodeJS.ProcessEnv;
  out: Output;
}

/** Connects to the server that the environment names, or to the embedded one, which is started where it does not run. */
export async function openSession({ home, env, out }: SessionOptions): Promise<Session> {
  const { temporalConnection } = await import('../local/index.js');
  const temporal = await temporalConnection(home, env, out.say);
  return connect(temporal, async () => {
    const now = await temporalConnection(home, env, out.say);
    if (now.address === temporal.address) return;
    throw new CliError('temporal_moved', `The Temporal server now listens at ${now.address}.`, { hint: 'The same command goes on there; nothing is lost.' });
  });
}

/** Like `openSession`, but starts nothing: undefined where no server runs. For commands that only look. */
export async function openRunningSession({ home, env, out }: SessionOptions): Promise<Session | undefined> {
  const { embeddedServer, temporalConnection, usesEmbeddedServer } = await import('../local/index.js');
  if (usesEmbeddedServer(env) && !(await embeddedServer(home))) return undefined;
  return connect(await temporalConnection(home, env, out.say), async () => undefined);
}

async function connect(temporal: TemporalConnection, reconnect: () => Promise<void>): Promise<Session> {
  const [{ Client, Connection }, { MessageBatchesClient }, { channelArgs }] = await Promise.all([import('@temporalio/client'), import('../client/index.js'), import('../local/index.js')]);
  const options = { ...temporal.connectionOptions, channelArgs: channelArgs(temporal.address) };
  // One call without retries first: where nobody listens, the client would try again for as long as the timeout is.
  const probe = Connection.lazy({ ...options, interceptors: [] });
  const connected = probe
    .withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () => probe.workflowService.getSystemInfo({}))
    .finally(() => probe.close())
    .then(() => Connection.connect({ ...options, connectTimeout: CONNECT_TIMEOUT_MS }));
  const connection = await connected.catch((error: unknown) => {
    throw new CliError('temporal_unreachable', `The Temporal server at ${temporal.address} does not answer.`, {
      hint: temporal.embedded
        ? 'Look at its log below the logs folder that `message-batches doctor` names; `message-batches stop` and the same command start it afresh.'
        : 'Check TEMPORAL_ADDRESS and the other TEMPORAL_* settings. Without them, an embedded server is used.',
      cause: error,
    });
  });
  const client = new Client({ connection, namespace: temporal.namespace });
  return { temporal, client, batches: new MessageBatchesClient({ client }), reconnect, close: () => connection.close() };
}

/** How many jobs and batches of an account are open, by the server's own list. The account's own workflow has nothing to do without them. */
export async function openWorkflows(client: Client, account: AccountReference): Promise<number> {
  const { count } = await client.workflow.count(`TaskQueue = '${workflowTaskQueue(account)}' AND WorkflowType != 'accountWorkflow' AND ExecutionStatus = 'Running'`);
  return count;
}
