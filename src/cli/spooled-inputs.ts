/** Inputs that were piped in, and are kept below the home so that their jobs can read them again. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LeftOver } from '../jobs';
import type { KnownJob } from './known-jobs';

/** One that is younger may belong to a command that has not put its job on record yet. */
const YOUNG_MS = 60 * 60 * 1000;

/** Where `-` is kept. */
export function spoolFolder(homeFolder: string): string {
  return join(homeFolder, 'inputs');
}

/** Those that no open job needs: of ended jobs, and what commands that died have left. */
export async function idleInputs(homeFolder: string, jobs: readonly KnownJob[], now = Date.now()): Promise<LeftOver[]> {
  const folder = spoolFolder(homeFolder);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const idle: LeftOver[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const owners = jobs.filter(({ input }) => input === path);
    if (owners.some(({ report }) => !report)) continue;
    const { size, mtimeMs } = await stat(path);
    if (owners.length > 0 || now - mtimeMs > YOUNG_MS) idle.push({ path, bytes: size });
  }
  return idle;
}
