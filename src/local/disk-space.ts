import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** @returns bytes that this user may still write in the folder; of the nearest folder above where it does not exist yet. */
export async function freeBytes(folder: string): Promise<number> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) throw error;
    }
  }
}
