import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time';
import type { ServerInfo } from '../../src/local';
import { embeddedServer, startEmbeddedServer, stopEmbeddedServer, temporalConnection } from '../../src/local';
import { choosePort } from '../../src/local/ports';
import { isRunning } from '../../src/local/processes';
import { whileNoServerStarts } from '../../src/local/server-process';
import type { TestHome } from './support';
import { temporalCliPath, testHome } from './support';
import { rowsOfThisForm } from '../support/long-form';

// A port that was free a moment ago can be taken by a test file that runs beside this one.
jest.retryTimes(3);

let home: TestHome;
beforeEach(async () => {
  temporalCliPath();
  home = await testHome();
});
afterEach(() => home.remove());

const start = (env: NodeJS.ProcessEnv = {}) => startEmbeddedServer(home, { ...home.env, ...env }, home.say);

async function withConnection<T>({ address }: ServerInfo, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

const startWorkflow = (server: ServerInfo, workflowId: string) =>
  withConnection(server, ({ workflowService }) =>
    workflowService.startWorkflowExecution({ namespace: 'default', workflowId, workflowType: { name: 'none' }, taskQueue: { name: 'none' }, requestId: workflowId }),
  );

const hasWorkflow = (server: ServerInfo, workflowId: string) =>
  withConnection(server, ({ workflowService }) => workflowService.describeWorkflowExecution({ namespace: 'default', execution: { workflowId } })).then(
    () => true,
    () => false,
  );

async function kill(server: ServerInfo): Promise<void> {
  process.kill(server.pid, 'SIGKILL');
  while (await isRunning(server)) await new Promise(setImmediate);
}

async function occupy(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const databaseRecord = async () => JSON.parse(await readFile(`${home.database}.json`, 'utf8')) as Record<string, unknown>;

test('is started once, used as it is, and stopped', async () => {
  const server = await start();
  expect(await isRunning(server)).toBe(true);
  expect(server.serverVersion).toMatch(/^\d+\.\d+\.\d+/);
  expect(home.said).toEqual([expect.stringMatching(/^Starting the Temporal server .* takes a second/), expect.stringMatching(/^The Temporal server runs at 127\.0\.0\.1:\d+, its web UI at http:\/\/127\.0\.0\.1:\d+\..*`message-batches stop`/)]);

  expect(await embeddedServer(home)).toEqual(server);
  // A running one is used, whatever program would be started now.
  expect(await start({ TEMPORAL_CLI_PATH: '/does/not/exist' })).toEqual(server);
  expect(await temporalConnection(home, home.env, home.say)).toEqual({
    address: server.address,
    connectionOptions: { address: server.address },
    namespace: 'default',
    embedded: true,
    webUiUrl: server.webUiUrl,
  });

  expect(await stopEmbeddedServer(home)).toBe(true);
  expect(await isRunning(server)).toBe(false);
  expect(await embeddedServer(home)).toBeUndefined();
  expect(await stopEmbeddedServer(home)).toBe(false);
});

test('keeps histories for 90 days, has a web UI, a write-ahead log, and private files', async () => {
  const server = await start();
  const { config } = await withConnection(server, ({ workflowService }) => workflowService.describeNamespace({ namespace: 'default' }));
  expect(optionalTsToMs(config?.workflowExecutionRetentionTtl)).toBe(90 * 24 * 60 * 60 * 1000);
  const page = await fetch(server.webUiUrl);
  expect(page.status).toBe(200);
  expect(await page.text()).toContain('<html');
  await expect(stat(`${home.database}-wal`)).resolves.toBeDefined();
  expect((await stat(join(home.logs, 'temporal-server.log'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(home.run, 'server.json'))).mode & 0o777).toBe(0o600);
});

test('listens at 127.0.0.1 only', async () => {
  const server = await start();
  const listening = execFileSync('lsof', ['-nP', '-a', '-p', String(server.pid), '-iTCP', '-sTCP:LISTEN', '-Fn'], { encoding: 'utf8' });
  const addresses = listening.split('\n').filter((line) => line.startsWith('n')).map((line) => line.slice(1));
  expect(addresses.length).toBeGreaterThanOrEqual(2);
  expect(addresses.filter((address) => !address.startsWith('127.0.0.1:'))).toEqual([]);
});

test('holds no secret, and reads no settings of the user', async () => {
  const server = await start({ ANTHROPIC_API_KEY: 'not-a-real-key', TEMPORAL_API_KEY: '', AWS_SECRET_ACCESS_KEY: 'nor-this', LANG: 'C' });
  const seen = execFileSync('ps', ['eww', '-o', 'command=', '-p', String(server.pid)], { encoding: 'utf8' });
  expect(seen).toContain(`HOME=${home.folder}`);
  expect(seen).not.toMatch(/ANTHROPIC|not-a-real-key|nor-this|TEMPORAL_/);
});

test('data survive a stop and kill -9, and the ports stay the same', async () => {
  const first = await start();
  await startWorkflow(first, 'before-kill');
  await kill(first);
  expect(await embeddedServer(home)).toBeUndefined();
  const second = await start();
  expect({ address: second.address, webUiUrl: second.webUiUrl }).toEqual({ address: first.address, webUiUrl: first.webUiUrl });
  expect(await hasWorkflow(second, 'before-kill')).toBe(true);
  await startWorkflow(second, 'before-stop');
  await stopEmbeddedServer(home);
  const third = await start();
  expect(await hasWorkflow(third, 'before-kill')).toBe(true);
  expect(await hasWorkflow(third, 'before-stop')).toBe(true);
});

test('takes other ports where those of before are taken', async () => {
  const first = await start();
  await stopEmbeddedServer(home);
  const ports = [first.address, first.webUiUrl].map((address) => Number(address.split(':').at(-1)));
  const others = await Promise.all(ports.map(occupy));
  try {
    const second = await start();
    expect(second.address).not.toBe(first.address);
    expect(second.webUiUrl).not.toBe(first.webUiUrl);
    expect((await fetch(second.webUiUrl)).status).toBe(200);
  } finally {
    for (const other of others) other.close();
  }
});

test('a server of another home that takes its port at the last moment is not taken for its own', async () => {
  const port = await choosePort([]);
  const asked = join(home.folder, 'asked');
  // As the real one does when its port is taken, but so late that the other server has long answered there.
  const program = join(home.folder, 'temporal');
  const script = `#!/bin/sh
case "$*" in
  *"--port ${port} "*) touch '${asked}'; sleep 2; echo "can't set frontend port: listen tcp 127.0.0.1:${port}: bind: address already in use" >&2; exit 1 ;;
  *) exec '${temporalCliPath()}' "$@" ;;
esac
`;
  await writeFile(program, script, { mode: 0o755 });
  const other = await testHome();
  try {
    for (const { database } of [home, other]) await writeFile(`${database}.json`, JSON.stringify({ initialised: true, port }));
    const starting = start({ TEMPORAL_CLI_PATH: program });
    while (!existsSync(asked)) await delay(10);
    const there = await startEmbeddedServer(other, other.env, other.say);
    expect(there.address).toBe(`127.0.0.1:${port}`);
    const here = await starting;
    expect(here.address).not.toBe(there.address);
    expect(await isRunning(here)).toBe(true);
  } finally {
    await other.remove();
  }
});

test('another home has a server of its own at the same time', async () => {
  const other = await testHome();
  try {
    const [here, there] = await Promise.all([start(), startEmbeddedServer(other, other.env, other.say)]);
    expect(here.address).not.toBe(there.address);
    await startWorkflow(here, 'only-here');
    expect(await hasWorkflow(here, 'only-here')).toBe(true);
    expect(await hasWorkflow(there, 'only-here')).toBe(false);
  } finally {
    await other.remove();
  }
});

describe.each(rowsOfThisForm(['removed'], ['broken']))('where its record is %s', (how) => {
  const lose = async () => (how === 'removed' ? rm(join(home.run, 'server.json')) : writeFile(join(home.run, 'server.json'), '{"pid": '));

  test('it is found by its process, and taken over', async () => {
    const server = await start();
    await lose();
    expect(await start()).toEqual(server);
    expect(home.said).toContain(`Found the Temporal server of this home running (process ${server.pid}).`);
  });

  test('it is stopped all the same', async () => {
    const server = await start();
    await lose();
    expect(await stopEmbeddedServer(home)).toBe(true);
    expect(await isRunning(server)).toBe(false);
  });
});

test('all that says who runs is lost: the database is still not opened twice', async () => {
  const server = await start();
  await rm(home.run, { recursive: true });
  await mkdir(home.run, { mode: 0o700 });
  expect(await start()).toEqual(server);
});

test('a server that somebody started by hand on the database is not joined by another', async () => {
  await start();
  await stopEmbeddedServer(home);
  const port = await choosePort([]);
  const byHand = spawn(temporalCliPath(), ['server', 'start-dev', '--headless', '--port', String(port), '-f', 'temporal.db'], { cwd: home.folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(byHand, 'exit');
  try {
    await Promise.race([once(byHand.stdout, 'data'), ended]);
    await expect(start()).rejects.toMatchObject({ code: 'database_in_use', message: expect.stringContaining(`process ${byHand.pid}`), hint: expect.stringContaining(`kill ${byHand.pid}`) });
  } finally {
    byHand.kill('SIGKILL');
    await ended;
  }
});

test('a program older than the database is refused before it opens it', async () => {
  await start();
  await stopEmbeddedServer(home);
  const { server_version } = await databaseRecord();
  await writeFile(`${home.database}.json`, JSON.stringify({ ...(await databaseRecord()), server_version: '99.0.0' }));
  await expect(start()).rejects.toMatchObject({ code: 'temporal_cli_too_old', message: expect.stringContaining(`written by Temporal server 99.0.0; ${temporalCliPath()} is the older ${String(server_version)}`) });
});

test('a database whose first server was killed while it made the tables is made anew', async () => {
  await writeFile(home.database, '');
  await writeFile(`${home.database}.json`, JSON.stringify({ initialised: false }));
  await start();
  expect(await databaseRecord()).toMatchObject({ initialised: true, server_version: expect.any(String) });
});

test('no database is removed in the moment in which an unseen server comes to life', async () => {
  await writeFile(join(home.run, 'server.pid'), '1\n');
  let removed = false;
  const remove = async () => {
    removed = true;
  };
  expect(await whileNoServerStarts(home, remove)).toBe(false);
  expect(removed).toBe(false);
  await rm(join(home.run, 'server.pid'));
  expect(await whileNoServerStarts(home, remove)).toBe(true);
  expect(removed).toBe(true);
});

test('a database that somebody put there is never removed; the failure shows the log', async () => {
  await writeFile(home.database, 'somebody wrote this');
  const error = (await start().catch((error: unknown) => error)) as { code: string; message: string; hint: string };
  expect(error.code).toBe('temporal_start_failed');
  expect(error.message).toMatch(/did not start: it ended with exit code 1\.\n.*file is not a database/s);
  expect(error.hint).toContain(join(home.logs, 'temporal-server.log'));
  expect(await readFile(home.database, 'utf8')).toBe('somebody wrote this');
});
