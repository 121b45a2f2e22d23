/** Processes of this machine, told apart by pid and start time together: a pid alone is soon another process's. */
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LocalError } from './local-error';

export interface ProcessIdentity {
  pid: number;
  /** When it started, in the words of the operating system; only good for comparing. */
  startTime: string;
}

export interface ListedProcess {
  pid: number;
  /** The command line, arguments separated by one space. */
  commandLine: string;
}

const HAS_PROC = process.platform === 'linux';

/** How often a process that is not a child is looked at while its end is awaited: no event tells of it. */
const POLL_MS = 25;

/** How long the kernel may take to end a process after SIGKILL (it may be inside a slow disk call). */
const KILL_TIMEOUT_MS = 10_000;

/** @returns undefined where there is no such process, or only its remains that nobody has waited for (a zombie). */
export function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  return HAS_PROC ? identifyByProc(pid) : identifyByPs(pid);
}

export async function isRunning({ pid, startTime }: ProcessIdentity): Promise<boolean> {
  return (await identifyProcess(pid))?.startTime === startTime;
}

/** This process. */
export async function thisProcess(): Promise<ProcessIdentity> {
  self ??= identifyProcess(process.pid);
  const identity = await self;
  if (!identity) throw new Error(`The operating system does not list this process (${process.pid})`);
  return identity;
}
let self: Promise<ProcessIdentity | undefined> | undefined;

/**
 * Ends a process: SIGTERM, and SIGKILL where it has not ended within `graceMs`. Resolves when it is gone,
 * at once where it was gone already or its pid is another process's by now.
 * @throws LocalError `process_will_not_end`
 */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  if (await endsAfter(identity, 'SIGTERM', graceMs)) return;
  if (await endsAfter(identity, 'SIGKILL', KILL_TIMEOUT_MS)) return;
  throw new LocalError('process_will_not_end', `Process ${identity.pid} does not end, even by SIGKILL.`, `See what it hangs on: ps -o pid,stat,wchan,command -p ${identity.pid}`);
}

async function endsAfter(identity: ProcessIdentity, signal: NodeJS.Signals, withinMs: number): Promise<boolean> {
  if (!(await isRunning(identity))) return true;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
    throw error;
  }
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    if (!(await isRunning(identity))) return true;
    await delay(POLL_MS);
  }
  return !(await isRunning(identity));
}

/** All processes whose command line this user may see. */
export function listProcesses(): Promise<ListedProcess[]> {
  return HAS_PROC ? listByProc() : listByPs();
}

/** From /proc/PID/stat, proc(5): the state is field 3, the start time in clock ticks since boot field 22. */
export async function identifyByProc(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(undefinedIfGone);
  if (stat === undefined) return undefined;
  // Field 2 is the name in parentheses, which may hold blanks and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTime = fields[19];
  if (startTime === undefined || state === 'Z' || state === 'X') return undefined;
  // With the boot's id, as ticks begin anew at each boot.
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'boot without an id');
  return { pid, startTime: `${(await bootId).trim()} ${startTime}` };
}
let bootId: Promise<string> | undefined;

export async function identifyByPs(pid: number): Promise<ProcessIdentity | undefined> {
  const line = await ps(['-o', 'stat=,lstart=', '-p', String(pid)]);
  const [, state, startTime] = /^\s*(\S+)\s+(.+?)\s*$/m.exec(line) ?? [];
  if (startTime === undefined || state?.startsWith('Z')) return undefined;
  return { pid, startTime };
}

async function listByProc(): Promise<ListedProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const listed = await Promise.all(
    pids.map(async (pid) => {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(undefinedIfGone);
      return commandLine ? [{ pid: Number(pid), commandLine: commandLine.replace(/\0$/, '').replaceAll('\0', ' ') }] : [];
    }),
  );
  return listed.flat();
}

export async function listByPs(): Promise<ListedProcess[]> {
  const lines = (await ps(['-axww', '-o', 'pid=,command='])).split('\n');
  return lines.flatMap((line) => {
    const [, pid, commandLine] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid !== undefined && commandLine !== undefined ? [{ pid: Number(pid), commandLine }] : [];
  });
}

/** @returns what it prints; nothing where no process matches. */
async function ps(args: string[]): Promise<string> {
  // Dates in one language and one time zone, whatever those of the caller are.
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
  try {
    return (await promisify(execFile)('ps', args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    if ((error as { code?: unknown }).code === 1) return '';
    throw error;
  }
}

/** A process may go away (ENOENT, ESRCH) or be another user's (EACCES, EPERM) while it is looked at. */
function undefinedIfGone(error: NodeJS.ErrnoException): undefined {
  if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code ?? '')) return undefined;
  throw error;
}
