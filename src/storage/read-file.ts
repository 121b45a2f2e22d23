import { open } from 'node:fs/promises';
import type { ReadRange } from './store';
import { storageError } from './storage-error';

/** One read call: large, because what follows it (a turn of the event loop) costs the same for few bytes; but whoever looks at each line of it lets nothing else run meanwhile. */
const CHUNK_BYTES = 512 * 1024;

/** The bytes of a local file. Each chunk is a buffer of its own. @throws StorageError */
export async function* readFileChunks(path: string, range: ReadRange = {}): AsyncGenerator<Buffer, void, undefined> {
  const { offset = 0, length = Infinity, signal } = range;
  let handle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw storageError(error, 'read', path);
  }
  try {
    for (let at = offset, left = length; left > 0; ) {
      signal?.throwIfAborted();
      const wanted = Math.min(CHUNK_BYTES, left);
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw storageError(error, 'read', path);
  } finally {
    await handle.close();
  }
}
