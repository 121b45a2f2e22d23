/**
 * The embedded Temporal server: one a home, shared by all commands, started by the first that needs it, and left
 * running in the background. Whatever is killed and whenever, its database is never opened by two servers at once.
 */
import type { ChildProcess } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { readDatabaseRecord, removeDatabase, writeDatabaseRecord } from './database-record';
import type { DatabaseRecord } from './database-record';
import type { Home } from './home';
import { LocalError } from './local-error';
import type { LockOptions } from './lock';
import { withLock } from './lock';
import type { LogFile } from './log-file';
import { lastLines, openLog } from './log-file';
import { choosePort, LOOPBACK } from './ports';
import type { ProcessIdentity } from './processes';
import { endProcess, identifyProcess, isRunning } from './processes';
import type { Say } from './say';
import type { FoundServer, ServerPorts } from './server-process';
import { CLAIMED_BY_ANOTHER, findServer, removeStaleClaim, spawnServer, whileNoServerStarts } from './server-process';
import { makeReady } from './server-readiness';
import { readState, removeState, replaceState } from './state-file';
import { findTemporalCli } from './temporal-cli';
import { compareVersions } from './versions';

export interface ServerInfo extends ProcessIdentity {
  address: string;
  webUiUrl: string;
  serverVersion: string;
  database: string;
}

/** `run/server.json` */
interface ServerRecord {
  pid: number;
  start_time: string;
  address: string;
  web_ui_url: string;
  server_version: string;
  database: string;
}

/** Temporal's own defaults, taken where they are free. */
const DEFAULT_PORT = 7233;
const DEFAULT_UI_PORT = 8233;

/** It takes half a second; on a machine under load, with the program not in the disk cache, a good deal more. */
const READY_TIMEOUT_MS = 60_000;

/** A server that was told to stop takes 2 to 3 s. */
const STOP_GRACE_MS = 15_000;

/** Others may take a port between the moment it was found free and the moment the server listens. */
const MAX_ATTEMPTS = 5;

/** The first command may be building the server program. */
const LOCK_TIMEOUT_MS = 60 * 60_000;

/** @returns the running server, by its record and by its process. */
export async function embeddedServer(home: Home): Promise<ServerInfo | undefined> {
  const record = await readState<ServerRecord>(recordOf(home));
  if (!record) return undefined;
  const server: ServerInfo = {
    pid: record.pid,
    startTime: record.start_time,
    address: record.address,
    webUiUrl: record.web_ui_url,
    serverVersion: record.server_version,
    database: record.database,
  };
  return (await isRunning(server)) ? server : undefined;
}

/**
 * Starts the server where none runs, waiting where another command is about to. Returns when it can be used.
 * @throws LocalError `temporal_start_failed`, `database_in_use`, and those of `findTemporalCli`
 */
export async function startEmbeddedServer(home: Home, env: NodeJS.ProcessEnv, say: Say): Promise<ServerInfo> {
  const running = await embeddedServer(home);
  if (running) return running;
  return withLock(home, 'server', waiting('starts the Temporal server', say), async () => (await embeddedServer(home)) ?? start(home, env, say));
}

/** Ends the server, if there is one. Its data stay. @returns whether there was one. */
export async function stopEmbeddedServer(home: Home, say: Say = () => undefined): Promise<boolean> {
  return withLock(home, 'server', waiting('starts or stops the Temporal server', say), async () => {
    const server = (await embeddedServer(home)) ?? (await findServer(home));
    if (server) await endProcess(server, STOP_GRACE_MS);
    await removeState(recordOf(home));
    await removeStaleClaim(home);
    return server !== undefined;
  });
}

/** For the holder of the lock. */
async function start(home: Home, env: NodeJS.ProcessEnv, say: Say): Promise<ServerInfo> {
  for (let attempt = 1; ; attempt++) {
    const found = await findServer(home);
    const server = found ? await adopt(home, found, say) : await launch(home, env, say, attempt);
    if (server) return server;
  }
}

/** Takes over a server whose starter died before it was on record, or whose record is lost. */
async function adopt(home: Home, found: FoundServer, say: Say): Promise<ServerInfo | undefined> {
  say(`Found the Temporal server of this home running (process ${found.pid}).`);
  const ready = await makeReady(found, found.port, AbortSignal.timeout(READY_TIMEOUT_MS));
  if (ready) return publish(home, found, found, ready);
  if (await isRunning(found)) say(`It does not answer: ending process ${found.pid}, and starting another.`);
  await endProcess(found, STOP_GRACE_MS);
  return undefined;
}

/** @returns undefined where it has to be tried again, as another process was faster. */
async function launch(home: Home, env: NodeJS.ProcessEnv, say: Say, attempt: number): Promise<ServerInfo | undefined> {
  await removeStaleClaim(home);
  const database = await prepareDatabase(home);
  if (!database) return undefined;
  const cli = await findTemporalCli(home, env, say, { build: true, serverAtLeast: database.server_version });
  const ports = await choosePorts(database, attempt);
  if (attempt === 1) say(`Starting the Temporal server ${cli.serverVersion} (${cli.path}), which takes a second or so …`);
  const log = await openLog(join(home.logs, 'temporal-server.log'));
  try {
    const child = spawnServer(home, cli.path, ports, env, log);
    const ended = endOf(child);
    const identity = child.pid === undefined ? undefined : await identifyProcess(child.pid);
    const version = identity && (await makeReady(identity, ports.port, AbortSignal.timeout(READY_TIMEOUT_MS)));
    if (identity && version !== undefined) {
      child.unref();
      const server = await publish(home, identity, ports, version);
      say(`The Temporal server runs at ${server.address}, its web UI at ${server.webUiUrl}. It goes on in the background; \`message-batches stop\` ends it.`);
      return server;
    }
    const hangs = identity !== undefined && (await isRunning(identity));
    if (hangs) await endProcess(identity, STOP_GRACE_MS);
    const end = hangs ? { code: null, how: `it did not answer within ${READY_TIMEOUT_MS / 1000} s` } : await ended;
    if (attempt < MAX_ATTEMPTS && (await wasTooLate(end, log))) return undefined;
    throw await startFailed(end, log, cli.serverVersion, database);
  } finally {
    await log.handle.close();
  }
}

interface End {
  /** Why it ended, for a person. */
  how: string;
  code: number | null;
}

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, how: error.message }));
    child.once('exit', (code, signal) => resolve({ code, how: signal ? `it was ended by ${signal}` : `it ended with exit code ${code}` }));
  });
}

/** The server panics where a port of its is taken, and tells of the stack after it tells why. */
const PANIC_LINES = 300;

/** Whether another server of this home, or another listener at its ports, was faster. */
async function wasTooLate(end: End, log: LogFile): Promise<boolean> {
  return end.code === CLAIMED_BY_ANOTHER || (await lastLines(log, PANIC_LINES)).some((line) => line.includes('address already in use'));
}

async function startFailed(end: End, log: LogFile, version: string, database: DatabaseRecord): Promise<LocalError> {
  const lines = (await lastLines(log, 5)).map((line) => `\n  ${line}`).join('');
  const written = database.server_version;
  const upgraded = written !== undefined && compareVersions(written, version) < 0;
  return new LocalError(
    'temporal_start_failed',
    `The Temporal server did not start: ${end.how}.${lines}`,
    upgraded
      ? `The database was written by Temporal server ${written}, this is ${version}: set TEMPORAL_CLI_PATH to a \`temporal\` program with server ${written}. The whole log: ${log.path}`
      : `The whole log: ${log.path}. Another server can be named with TEMPORAL_CLI_PATH (a \`temporal\` program) or TEMPORAL_ADDRESS (one that runs).`,
  );
}

/**
 * Removes a database that was never finished, as no server could use it.
 * @returns what is known of the database; undefined where a server has just come to life on it.
 */
async function prepareDatabase(home: Home): Promise<DatabaseRecord | undefined> {
  const record = await readDatabaseRecord(home);
  if (record?.initialised) return record;
  const fresh: DatabaseRecord = { initialised: false };
  // A database without a record was put there by somebody: it may hold anything, and is left as it is.
  if (!record && (await exists(home.database))) return fresh;
  const removed = await whileNoServerStarts(home, () => removeDatabase(home));
  if (!removed) return undefined;
  await writeDatabaseRecord(home, fresh);
  return fresh;
}

async function choosePorts({ port, ui_port }: DatabaseRecord, attempt: number): Promise<ServerPorts> {
  if (attempt > 1) return { port: await choosePort([]), uiPort: await choosePort([]) };
  return { port: await choosePort([port ?? DEFAULT_PORT, DEFAULT_PORT]), uiPort: await choosePort([ui_port ?? DEFAULT_UI_PORT, DEFAULT_UI_PORT]) };
}

/** Puts the server on record. From here on, other commands use it. */
async function publish(home: Home, { pid, startTime }: ProcessIdentity, { port, uiPort }: ServerPorts, serverVersion: string): Promise<ServerInfo> {
  await writeDatabaseRecord(home, { initialised: true, server_version: serverVersion, port, ui_port: uiPort });
  const server: ServerInfo = { pid, startTime, address: `${LOOPBACK}:${port}`, webUiUrl: `http://${LOOPBACK}:${uiPort}`, serverVersion, database: home.database };
  const record: ServerRecord = { pid, start_time: startTime, address: server.address, web_ui_url: server.webUiUrl, server_version: serverVersion, database: home.database };
  await replaceState(recordOf(home), record);
  return server;
}

function waiting(doing: string, say: Say): LockOptions {
  return { timeoutMs: LOCK_TIMEOUT_MS, doing, onWait: ({ pid }) => say(`Waiting for process ${pid}, which ${doing} (a few seconds; up to 10 minutes where it has to be built first).`) };
}

function recordOf(home: Home): string {
  return join(home.run, 'server.json');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
