/** Reads at any place of a file, for those who know where what they need lies. */
import { open } from 'node:fs/promises';
import { storageError } from './storage-error';
import type { OpenFile } from './store';

/** @throws StorageError, `changed` where there is no such file. */
export async function openFileForReading(path: string): Promise<OpenFile> {
  try {
    const handle = await open(path, 'r');
    const { size } = await handle.stat();
    return {
      path,
      size,
      async read(offset, length) {
        const wanted = Math.max(0, Math.min(length, size - offset));
        const bytes = Buffer.allocUnsafeSlow(wanted);
        let done = 0;
        try {
          // A read may give fewer bytes than there are.
          while (done < wanted) {
            const { bytesRead } = await handle.read(bytes, done, wanted - done, offset + done);
            if (bytesRead === 0) break;
            done += bytesRead;
          }
        } catch (error) {
          throw storageError(error, 'read', path);
        }
        return bytes.subarray(0, done);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    throw storageError(error, 'read', path);
  }
}
