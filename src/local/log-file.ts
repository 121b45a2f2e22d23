/** Logs of background processes: appended to, readable by the user only. */
import type { FileHandle } from 'node:fs/promises';
import { open, rename, stat } from 'node:fs/promises';

/** A log of this size is put aside as `.1` when its process starts anew, so that logs stay bounded. */
const MAX_LOG_BYTES = 20_000_000;

/** How much of a log's end is looked at for an error message. */
const TAIL_BYTES = 262_144;

export interface LogFile {
  handle: FileHandle;
  path: string;
  /** Where this process's part begins. */
  start: number;
}

export async function openLog(path: string): Promise<LogFile> {
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES) await rename(path, `${path}.1`);
  const handle = await open(path, 'a', 0o600);
  return { handle, path, start: (await handle.stat()).size };
}

/** @returns the last lines, with those before `start` left out. */
export async function lastLines({ path, start }: Pick<LogFile, 'path' | 'start'>, count: number): Promise<string[]> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const from = Math.max(start, size - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    await handle.read(buffer, 0, buffer.length, from);
    return buffer.toString('utf8').split('\n').filter((line) => line.trim() !== '').slice(-count);
  } finally {
    await handle.close();
  }
}
