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
  const file = handle;
  const read = (at: number, wanted: number) => {
    const reading = file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, at);
    // Its error comes out where it is waited for, if it is.
    reading.catch(() => undefined);
    return reading;
  };
  let next: ReturnType<typeof read> | undefined;
  try {
    let left = length;
    let at = offset;
    next = left > 0 ? read(at, Math.min(CHUNK_BYTES, left)) : undefined;
    while (next) {
      signal?.throwIfAborted();
      const { buffer, bytesRead } = await next;
      if (bytesRead === 0) return;
      at += bytesRead;
      left -= bytesRead;
      // The next one is read while the caller looks at this one.
      next = left > 0 ? read(at, Math.min(CHUNK_BYTES, left)) : undefined;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw storageError(error, 'read', path);
  } finally {
    await next?.catch(() => undefined);
    await handle.close();
  }
}
