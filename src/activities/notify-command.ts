import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Notice } from '../jobs';
import { NotifyFailure } from './notify-failure';

const TIMEOUT_MS = 60_000;

/** So many characters of what a command prints are kept. */
const MAX_OUTPUT = 2_000;

/** Exit codes of a shell that finds no program, or may not run it. */
const NO_PROGRAM = [126, 127];

/** What a command gets to see of this process's environment: no key, token or password. */
const ALLOWED = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'LC_ALL', 'LC_CTYPE'];

/** How long output is waited for when the command itself has ended: what it left running may hold it open. */
const OUTPUT_GRACE_MS = 500;

/**
 * Runs a shell command with a notice as JSON on its standard input. It and what it started are killed after `timeoutMs`.
 * @returns what it printed, shortened.
 * @throws NotifyFailure where it does not end with 0; the signal's reason as it is.
 */
export async function notifyCommand(command: string, notice: Notice, { signal, timeoutMs = TIMEOUT_MS }: { signal: AbortSignal; timeoutMs?: number }): Promise<string> {
  signal.throwIfAborted();
  const env = { ...allowed(process.env), MESSAGE_BATCHES_EVENT: notice.event, MESSAGE_BATCHES_JOB: notice.job_id, MESSAGE_BATCHES_NOTICE: notice.id };
  // A process group of its own, so that all of it can be killed.
  const child = spawn(command, { shell: true, detached: true, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error];
    throw new NotifyFailure('no shell could be started', true, { cause: error });
  }
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(0, MAX_OUTPUT)));
  // It need not read it.
  child.stdin.on('error', () => undefined).end(JSON.stringify(notice));
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  const killed = AbortSignal.any([signal, stop.signal]);
  const kill = () => killGroup(pid);
  killed.addEventListener('abort', kill);
  try {
    const closed = once(child, 'close').catch(() => undefined);
    const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, OUTPUT_GRACE_MS).unref())]);
    signal.throwIfAborted();
    if (stop.signal.aborted) throw new NotifyFailure(`it had not ended after ${timeoutMs} ms and was killed`, true, { output: output.trim() });
    if (code !== 0) throw failed(code ?? by, output);
    return output;
  } finally {
    clearTimeout(timer);
    killed.removeEventListener('abort', kill);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function allowed(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(ALLOWED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it is gone already.
  }
}

function failed(by: number | NodeJS.Signals | null, output: string): NotifyFailure {
  const isThere = typeof by !== 'number' || !NO_PROGRAM.includes(by);
  const what = isThere ? `it ended with ${by}` : `it ended with ${by}: there is no such program, or it may not be run`;
  const text = output.trim();
  return new NotifyFailure(text === '' ? what : `${what}; what it printed is in the log of the worker`, isThere, { output: text });
}
