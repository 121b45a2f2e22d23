/**
 * Locks between the processes of a home. A lock is held for as long as its holder lives, so it survives neither
 * kill -9 nor a reboot, and a holder that is merely frozen keeps it.
 *
 * A lock is a row of files `NAME.1`, `NAME.2`, …; the highest tells who holds it. It is taken by creating the next one
 * exclusively, which is allowed only where the highest one's holder is dead or has let go. A dead holder's file is
 * therefore never removed to make way: between looking and removing, it could have become the file of a living one.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Home } from './home';
import { LocalError } from './local-error';
import type { ProcessIdentity } from './processes';
import { isRunning, thisProcess } from './processes';
import { createState, readState, removeState, replaceState } from './state-file';

/** What a lock's file says: who holds it, or nobody any more. */
type Holder = ProcessIdentity | { released: true };

interface Generation {
  number: number;
  holder: Holder | undefined;
}

export interface LockOptions {
  /** Gives up after this long. 0: at once where another process holds it. */
  timeoutMs: number;
  /** Told once if it takes longer than a moment. */
  onWait?: (holder: ProcessIdentity) => void;
  /** What the holder does, for the error's message: `process 12 …`. */
  doing?: string;
}

const POLL_MS = 50;

/** Waits shorter than this are nothing to talk about. */
const SILENT_WAIT_MS = 1_000;

/**
 * Runs `work` while no other process of this home runs any under the same lock; waits for its turn.
 * @throws LocalError `lock_timeout`
 */
export async function withLock<T>(home: Home, name: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const release = await acquire(home, name, options);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** Like `withLock`, but leaves the work undone where another process holds the lock. */
export async function ifUnlocked(home: Home, name: string, work: () => Promise<void>): Promise<void> {
  try {
    await withLock(home, name, { timeoutMs: 0 }, work);
  } catch (error) {
    if (!(error instanceof LocalError && error.code === 'lock_timeout')) throw error;
  }
}

async function acquire(home: Home, name: string, { timeoutMs, onWait, doing = 'holds it' }: LockOptions): Promise<() => Promise<void>> {
  const folder = join(home.run, 'locks');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const me = await thisProcess();
  const started = performance.now();
  let told = false;
  for (;;) {
    const newest = await newestGeneration(folder, name);
    const holder = newest && (await livingHolder(newest));
    if (!holder) {
      const number = (newest?.number ?? 0) + 1;
      if (await take(folder, name, number, me)) return () => replaceState(fileOf(folder, name, number), { released: true } satisfies Holder);
      continue;
    }
    const waited = performance.now() - started;
    // First, as who stood still past the time limit is to hear of the wait too.
    if (!told && timeoutMs > 0 && waited >= SILENT_WAIT_MS) {
      told = true;
      onWait?.(holder);
    }
    if (waited >= timeoutMs) {
      throw new LocalError(
        'lock_timeout',
        `Process ${holder.pid} ${doing}, and has not finished after ${Math.round(waited / 1000)} s.`,
        `See whether it still works: ps -p ${holder.pid}. If it hangs, end it (kill ${holder.pid}) and run the same command again.`,
      );
    }
    // Some waiting processes look a little earlier than others.
    await delay(POLL_MS * (0.5 + Math.random()));
  }
}

async function take(folder: string, name: string, number: number, me: ProcessIdentity): Promise<boolean> {
  const path = fileOf(folder, name, number);
  if (!(await createState(path, me))) return false;
  // If others have come and gone since the folder was read, this number may have been used and removed before.
  const numbers = await generationNumbers(folder, name);
  if (Math.max(...numbers) !== number) {
    await removeState(path);
    return false;
  }
  // The one before stays, so that a folder being read while files come and go never looks empty.
  await Promise.all(numbers.filter((old) => old < number - 1).map((old) => removeState(fileOf(folder, name, old))));
  return true;
}

async function newestGeneration(folder: string, name: string): Promise<Generation | undefined> {
  const numbers = await generationNumbers(folder, name);
  if (numbers.length === 0) return undefined;
  const number = Math.max(...numbers);
  return { number, holder: await readState<Holder>(fileOf(folder, name, number)) };
}

async function livingHolder({ holder }: Generation): Promise<ProcessIdentity | undefined> {
  return holder && 'pid' in holder && (await isRunning(holder)) ? holder : undefined;
}

async function generationNumbers(folder: string, name: string): Promise<number[]> {
  return (await readdir(folder)).flatMap((file) => {
    const number = file.startsWith(`${name}.`) ? file.slice(name.length + 1) : '';
    return /^\d+$/.test(number) ? [Number(number)] : [];
  });
}

function fileOf(folder: string, name: string, number: number): string {
  return join(folder, `${name}.${number}`);
}
