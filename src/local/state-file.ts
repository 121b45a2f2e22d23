/**
 * State of this machine in small JSON files: which processes run, on which ports. Complete or absent after kill -9.
 * What they say is always checked against the processes themselves, so a file that somebody broke counts as lost.
 */
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** @returns undefined where there is none, or where it is not JSON. */
export async function readState<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes it in place of an earlier one; it survives a power loss. */
export async function replaceState(path: string, value: unknown): Promise<void> {
  await withTemporary(path, value, (temporary) => rename(temporary, path));
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

/** Writes it where there is none yet. @returns false if there was one. */
export async function createState(path: string, value: unknown): Promise<boolean> {
  return withTemporary(path, value, (temporary) =>
    link(temporary, path).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    ),
  );
}

export async function removeState(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function withTemporary<T>(path: string, value: unknown, use: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return await use(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
}
