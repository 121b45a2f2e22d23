/** The process of the embedded server: how it is started, and how it is found again where nobody wrote down that it was. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { withoutSecrets } from './environment';
import type { Home } from './home';
import { LocalError } from './local-error';
import { openFiles } from './listening';
import type { LogFile } from './log-file';
import { LOOPBACK } from './ports';
import type { ListedProcess, ProcessIdentity } from './processes';
import { identifyProcess, listProcesses } from './processes';
import { createState, readState, removeState } from './state-file';

export interface ServerPorts {
  port: number;
  uiPort: number;
}

export interface FoundServer extends ProcessIdentity, ServerPorts {}

/**
 * `synchronous=1`: a power loss may take back the last moments, which the records in the job folders make good, and
 * nothing has to wait for the disk (docs/decisions/0002-sqlite-synchronous.md).
 */
const PRAGMAS = ['journal_mode=wal', 'synchronous=1'];

/**
 * Becomes the server, unless another process has become this home's server before: `$0` is the claim, a file with the
 * server's pid, which ln(1) creates at once and only where there is none. The process that is to be the server makes
 * it, so that there is no moment at which a server exists without a claim, whenever its starter is killed.
 */
const CLAIM_THEN_EXEC = 'echo $$ > "$0.$$" && ln "$0.$$" "$0" || { rm -f "$0.$$"; exit 75; }; rm -f "$0.$$"; exec "$@"';

/** The exit code of a process that found a claim (EX_TEMPFAIL). */
export const CLAIMED_BY_ANOTHER = 75;

/** Spawns the server in a session of its own, so that it outlives this process and hears no Ctrl-C of its terminal. */
export function spawnServer(home: Home, path: string, ports: ServerPorts, env: NodeJS.ProcessEnv, log: LogFile): ChildProcess {
  const args = [
    'server',
    'start-dev',
    ...databaseArguments(home),
    ...addressArguments(ports),
    ...PRAGMAS.flatMap((pragma) => ['--sqlite-pragma', pragma]),
    // It would ask a server of its makers whether there is a newer version.
    '--dynamic-config-value',
    'frontend.enableServerVersionCheck=false',
  ];
  return spawn('/bin/sh', ['-c', CLAIM_THEN_EXEC, claimOf(home), path, ...args], {
    detached: true,
    cwd: home.folder,
    // With the home folder as HOME, as settings of the user's own `temporal` would change flags that are not given here.
    env: { ...withoutSecrets(env), HOME: home.folder },
    stdio: ['ignore', log.handle.fd, log.handle.fd],
  });
}

/**
 * Looks through the processes for servers on this home's database.
 * @throws LocalError `database_in_use` where one has it open that was started by other means.
 */
export async function findServer(home: Home): Promise<FoundServer | undefined> {
  const candidates = (await listProcesses()).filter(({ commandLine }) => commandLine.includes('server start-dev '));
  for (const candidate of candidates) {
    const ports = portsOf(home, candidate.commandLine);
    const identity = ports && (await identifyProcess(candidate.pid));
    if (identity) return { ...identity, ...ports };
    if (await hasOpen(candidate, home.database)) {
      throw new LocalError(
        'database_in_use',
        `The database ${home.database} is in use by another Temporal server (process ${candidate.pid}): two at once would damage it.`,
        `End that one (kill ${candidate.pid}), or use it: set TEMPORAL_ADDRESS.`,
      );
    }
  }
  return undefined;
}

/** Removes the claim of a server that is gone. Only for the holder of the lock, and only where `findServer` found none. */
export async function removeStaleClaim(home: Home): Promise<void> {
  const pid = await readState<number>(claimOf(home));
  // One that appeared after the search: found by the next search.
  const claimant = pid === undefined ? undefined : (await listProcesses()).find((each) => each.pid === pid);
  if (claimant && portsOf(home, claimant.commandLine)) return;
  await removeState(claimOf(home));
}

/**
 * Does the work while no server of this home can come to life, not even one whose starter was killed a moment ago.
 * @returns false, with nothing done, where one just did. Only for the holder of the lock.
 */
export async function whileNoServerStarts(home: Home, work: () => Promise<void>): Promise<boolean> {
  if (!(await createState(claimOf(home), process.pid))) return false;
  try {
    await work();
    return true;
  } finally {
    await removeState(claimOf(home));
  }
}

function claimOf(home: Home): string {
  return join(home.run, 'server.pid');
}

function databaseArguments(home: Home): string[] {
  return ['--db-filename', home.database];
}

function addressArguments({ port, uiPort }: ServerPorts): string[] {
  return ['--ip', LOOPBACK, '--port', String(port), '--ui-ip', LOOPBACK, '--ui-port', String(uiPort)];
}

/** @returns the ports of a server that `spawnServer` started for this home. */
function portsOf(home: Home, commandLine: string): ServerPorts | undefined {
  const [, afterDatabase] = commandLine.split(` ${databaseArguments(home).join(' ')} `);
  const [, port, uiPort] = /^--ip \S+ --port (\d+) --ui-ip \S+ --ui-port (\d+) /.exec(afterDatabase ?? '') ?? [];
  return port !== undefined && uiPort !== undefined ? { port: Number(port), uiPort: Number(uiPort) } : undefined;
}

/** Where there is no /proc (macOS), only servers whose command line names the database are known. */
async function hasOpen({ pid, commandLine }: ListedProcess, path: string): Promise<boolean> {
  return `${commandLine} `.includes(` ${path} `) || (await openFiles(pid)).includes(path);
}
