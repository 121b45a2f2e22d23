import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';

/** @returns absolute path of the program that a shell would run. */
export async function findOnPath(env: NodeJS.ProcessEnv, name: string): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = resolve(folder, name);
    if (folder && (await isExecutable(path))) return path;
  }
  return undefined;
}

/** @returns true where it is a file that this user may run. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
