/** What tests need installed or built, once a machine: in a folder of the system's temporary one that stays there. */
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Has it made where this machine has not got it yet. @param name says which version it is. @returns the folder. */
export function madeOnce(name: string, make: (folder: string) => void): string {
  const folder = join(tmpdir(), `message-batches-${name.replaceAll(/[^\w.]+/g, '-')}`);
  if (existsSync(folder)) return folder;
  const unfinished = mkdtempSync(`${folder}.`);
  try {
    make(unfinished);
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Or another test was faster.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
