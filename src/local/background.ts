/** Processes of this product that go on when the command that started them has ended: workers, the simulator. */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from './home';
import { LocalError } from './local-error';
import { ifUnlocked, withLock } from './lock';
import type { LogFile } from './log-file';
import { lastLines, openLog } from './log-file';
import type { ProcessIdentity } from './processes';
import { endProcess, identifyProcess, isRunning } from './processes';
import { productVersion } from './product-version';
import { whenReady } from './readiness-handshake';
import { readState, removeState, replaceState } from './state-file';

export interface BackgroundProcess extends ProcessIdentity {
  name: string;
  /** Version of this product that it runs. */
  version: string;
  /** Arguments of the command line, below the program. */
  argv: string[];
  startedAt: Date;
  /** What it told of itself when it was ready, e.g. its URL. */
  info: Record<string, unknown>;
}

/** `run/NAME.json` */
interface BackgroundRecord {
  name: string;
  pid: number;
  start_time: string;
  version: string;
  argv: string[];
  started_at: string;
  info: Record<string, unknown>;
}

export interface StartBackgroundOptions {
  /** What Node runs; the product's command line, unless a test says otherwise. */
  entry?: string[];
  readyTimeoutMs?: number;
}

/** The command line as it is built, beside this room. */
export const CLI_ENTRY = [join(__dirname, '..', 'cli', 'main.js')];

/** A worker loads its workflow bundle and connects first; machines may be busy. */
const READY_TIMEOUT_MS = 60_000;

/** A worker that is told to stop lets its activities come to a good point. */
const STOP_GRACE_MS = 20_000;

/** `server.json` in the same folder is the embedded server's. */
const NAME = /^(?!server$)[a-z0-9][a-z0-9._-]*$/i;

/**
 * Starts a process of this product in the background, and returns when it says that it is ready (`announceReady`).
 * There is one of a name at a time: where one runs, it is left alone and returned. It is started in the home folder,
 * so paths in `argv` must be absolute.
 * @param argv arguments of the command line, e.g. `['worker', '--background-child']`. They go on record: no secrets.
 * @param env the process's whole environment.
 * @throws LocalError `background_start_failed` with the last lines of its log
 */
export async function startBackground(home: Home, name: string, argv: string[], env: NodeJS.ProcessEnv, options: StartBackgroundOptions = {}): Promise<BackgroundProcess> {
  return withNameLock(home, name, async () => (await running(home, name)) ?? start(home, name, argv, env, options));
}

/** @returns the background processes that run, and forgets those that do not any more. */
export async function runningBackground(home: Home): Promise<BackgroundProcess[]> {
  const names = (await readdir(home.run)).flatMap((file) => (file.endsWith('.json') && NAME.test(file.slice(0, -5)) ? [file.slice(0, -5)] : []));
  const all = await Promise.all(
    names.map(async (name) => {
      const process = await running(home, name);
      // Where one is just being started or stopped, its record is being taken care of.
      if (!process) await ifUnlocked(home, lockOf(name), () => forgetIfDead(home, name));
      return process ? [process] : [];
    }),
  );
  return all.flat();
}

/** Ends it: SIGTERM, and SIGKILL after a while. @returns whether one was running. */
export async function stopBackground(home: Home, name: string, graceMs = STOP_GRACE_MS): Promise<boolean> {
  return withNameLock(home, name, async () => {
    const process = await running(home, name);
    if (process) await endProcess(process, graceMs);
    await removeState(recordOf(home, name));
    return process !== undefined;
  });
}

async function start(home: Home, name: string, argv: string[], env: NodeJS.ProcessEnv, { entry = CLI_ENTRY, readyTimeoutMs = READY_TIMEOUT_MS }: StartBackgroundOptions): Promise<BackgroundProcess> {
  const log = await openLog(join(home.logs, `${name}.log`));
  try {
    const child = spawn(process.execPath, [...entry, ...argv], { detached: true, cwd: home.folder, env, stdio: ['ignore', log.handle.fd, log.handle.fd, 'ipc'] });
    const ready = whenReady(child, AbortSignal.timeout(readyTimeoutMs));
    const identity = child.pid === undefined ? undefined : await identifyProcess(child.pid);
    const answer = await ready;
    if ('failed' in answer || !identity) {
      if (identity) await endProcess(identity, 0);
      throw await startFailed(name, 'failed' in answer ? answer.failed : 'it ended at once', log);
    }
    const started: BackgroundProcess = { name, ...identity, version: productVersion(), argv, startedAt: new Date(), info: answer.info };
    await replaceState(recordOf(home, name), toRecord(started));
    answer.letGo();
    child.unref();
    return started;
  } finally {
    await log.handle.close();
  }
}

async function startFailed(name: string, why: string, log: LogFile): Promise<LocalError> {
  const lines = (await lastLines(log, 5)).map((line) => `\n  ${line}`).join('');
  return new LocalError('background_start_failed', `The background process ${name} did not start: ${why}.${lines}`, `The whole log: ${log.path}`);
}

async function running(home: Home, name: string): Promise<BackgroundProcess | undefined> {
  const record = await readState<BackgroundRecord>(recordOf(home, name));
  const process = record && fromRecord(record);
  return process && (await isRunning(process)) ? process : undefined;
}

async function forgetIfDead(home: Home, name: string): Promise<void> {
  if (!(await running(home, name))) await removeState(recordOf(home, name));
}

function withNameLock<T>(home: Home, name: string, work: () => Promise<T>): Promise<T> {
  if (!NAME.test(name)) throw new TypeError(`${JSON.stringify(name)} cannot be the name of a background process`);
  return withLock(home, lockOf(name), { timeoutMs: READY_TIMEOUT_MS + STOP_GRACE_MS, doing: `starts or stops the background process ${name}` }, work);
}

function lockOf(name: string): string {
  return `background-${name}`;
}

function recordOf(home: Home, name: string): string {
  return join(home.run, `${name}.json`);
}

function toRecord({ name, pid, startTime, version, argv, startedAt, info }: BackgroundProcess): BackgroundRecord {
  return { name, pid, start_time: startTime, version, argv, started_at: startedAt.toISOString(), info };
}

function fromRecord({ name, pid, start_time, version, argv, started_at, info }: BackgroundRecord): BackgroundProcess {
  return { name, pid, startTime: start_time, version, argv, startedAt: new Date(started_at), info };
}
