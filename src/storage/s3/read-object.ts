import { setTimeout as sleep } from 'node:timers/promises';
import { missingError, StorageError } from '../storage-error';
import type { OpenFile, ReadRange } from '../store';
import { getObject, headObject } from './objects';
import { s3Error } from './s3-error';

/** One GET is for so many bytes, an object of segments mostly, which are taken at once: a slow reader keeps no connection waiting. */
const RANGE_BYTES = 9 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/** So many times in a row a dropped connection is taken up again where it has brought nothing since the last time. */
const TRIES_WITHOUT_BYTES = 5;
const FIRST_WAIT_MS = 200;

/**
 * The bytes of an object, in ranges of one entity: where a connection drops, it goes on at the next byte.
 * Each chunk is a buffer of its own.
 * @throws StorageError `changed` where there is no such object, or it was replaced while it was read; the signal's reason as it is.
 */
export async function* readObject(location: string, range: ReadRange = {}): AsyncGenerator<Buffer, void, undefined> {
  const { offset = 0, length = Infinity, signal } = range;
  const reader = new ObjectReader(location, signal);
  let end = offset + length;
  for (let at = offset; at < end; ) {
    const pieces = await reader.read(at, Math.min(end, at + RANGE_BYTES));
    end = Math.min(end, reader.size);
    while (pieces.length > 0) {
      signal?.throwIfAborted();
      const chunk = takeChunk(pieces);
      at += chunk.length;
      yield chunk;
    }
  }
}

/** All bytes of a small object. @returns undefined where there is none. */
export async function readWholeObject(location: string): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of readObject(location)) chunks.push(chunk);
  } catch (error) {
    if (error instanceof StorageError && error.missing) return undefined;
    throw error;
  }
  return Buffer.concat(chunks);
}

/** Every read is a call of the server. @throws StorageError `changed` where there is no such object */
export async function openObjectForReading(location: string): Promise<OpenFile> {
  const found = await headObject(location);
  if (!found) throw missingError(location);
  const { size } = found;
  const reader = new ObjectReader(location, undefined);
  return {
    path: location,
    size,
    read: async (offset, length) => Buffer.concat(offset < size && length > 0 ? await reader.read(offset, Math.min(size, offset + length)) : []),
    close: () => Promise.resolve(),
  };
}

/** Takes the first pieces together, some `CHUNK_BYTES` of them. */
function takeChunk(pieces: Buffer[]): Buffer {
  let bytes = 0;
  let count = 0;
  while (count < pieces.length && bytes < CHUNK_BYTES) bytes += pieces[count++]!.length;
  return Buffer.concat(pieces.splice(0, count), bytes);
}

class ObjectReader {
  /** Of the whole object, as the first answer has told; 0 before it. */
  size = 0;
  private entityTag: string | undefined;

  constructor(
    private readonly location: string,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** The bytes `[from, to)`, or as far as the object goes, in pieces as they came. */
  async read(from: number, to: number): Promise<Buffer[]> {
    const pieces: Buffer[] = [];
    let at = from;
    for (let tries = 1; ; tries++) {
      const before = at;
      try {
        for await (const piece of this.body(at, to)) {
          pieces.push(piece);
          at += piece.length;
        }
        if (at >= Math.min(to, this.size)) return pieces;
      } catch (error) {
        this.signal?.throwIfAborted();
        const known = s3Error(error, 'read', this.location);
        if (!(known instanceof StorageError) || !known.passing || tries >= TRIES_WITHOUT_BYTES) throw known;
      }
      if (at > before) tries = 1;
      else if (tries >= TRIES_WITHOUT_BYTES) throw shortError(this.location);
      await sleep(FIRST_WAIT_MS * 2 ** (tries - 1), undefined, { signal: this.signal }).catch(() => this.signal?.throwIfAborted());
    }
  }

  private async *body(from: number, to: number): AsyncGenerator<Buffer, void, undefined> {
    const answer = await getObject(this.location, `bytes=${from}-${to - 1}`, this.entityTag, this.signal);
    if (!answer) return;
    this.entityTag ??= answer.ETag;
    // A server that knows no ranges gives all of it.
    const total = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1];
    if (total === undefined && from > 0) throw rangeError(this.location);
    this.size = Number(total ?? answer.ContentLength ?? 0);
    let left = to - from;
    for await (const chunk of answer.Body as AsyncIterable<Buffer>) {
      this.signal?.throwIfAborted();
      yield chunk.subarray(0, left);
      left -= chunk.length;
      if (left <= 0) return;
    }
  }
}

function shortError(location: string): StorageError {
  const message = `Could not read ${location}: the S3 server keeps ending its answers early.`;
  return new StorageError('unavailable', location, message, 'Check the network. The same command goes on.', { passing: true });
}

function rangeError(location: string): StorageError {
  return new StorageError('unsupported', location, `Could not read ${location}: the S3 server does not know ranges.`, 'Use a server that answers GET with Range.');
}
