/** Reads files and objects as chunks and as lines, plain or gzip, in memory that does not grow with the file. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Line, LineSplitter } from '../jsonl';
import { StorageError, storageError } from './storage-error';
import type { ReadRange, Store } from './store';
import { storeOf } from './stores';

/** What a gzip file decompresses to comes in chunks of so many bytes. */
const CHUNK_BYTES = 1024 * 1024;

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** An offset other than 0, or a length, is for plain files only. */
export type ReadOptions = ReadRange;

export interface ReadLinesOptions extends ReadOptions {
  /** A longer line is a StorageError `line_too_long`, not a lot of memory. Default 1 GiB. */
  maxLineBytes?: number;
}

const DEFAULT_MAX_LINE_BYTES = 2 ** 30;

/**
 * The bytes of a file, decompressed where it begins as gzip does. Each chunk is a buffer of its own.
 * @throws StorageError, `damaged` where a gzip file is cut or broken.
 */
export async function* readChunks(path: string, options: ReadOptions = {}): AsyncGenerator<Buffer, void, undefined> {
  const { offset = 0, length, signal } = options;
  const store = storeOf(path);
  if (offset === 0 && length === undefined && (await beginsAsGzip(store, path))) yield* readGzip(store, path, signal);
  else yield* store.read(path, options);
}

/**
 * The lines of a file, those of one chunk together. A byte order mark at the start of the file is left out;
 * offsets count from the first byte of the (decompressed) file.
 * @throws StorageError as `readChunks`, and `line_too_long`.
 */
export async function* readLines(path: string, options: ReadLinesOptions = {}): AsyncGenerator<Line[], void, undefined> {
  yield* linesOf(path, readChunks(path, options), options);
}

/** As `readLines`, for a caller that looks at the chunks of the file too. */
export async function* linesOf(
  path: string,
  chunks: AsyncIterable<Buffer>,
  options: { offset?: number; maxLineBytes?: number } = {},
): AsyncGenerator<Line[], void, undefined> {
  const { offset = 0, maxLineBytes = DEFAULT_MAX_LINE_BYTES } = options;
  const splitter = new LineSplitter(offset);
  const tooLong = (at: number) => {
    const message = `A line of ${path} is longer than ${maxLineBytes} bytes (it begins at byte ${at}).`;
    return new StorageError('line_too_long', path, message, 'Write one JSON object on each line.');
  };
  let atStart = offset === 0;
  let end = offset;
  for await (const chunk of chunks) {
    const lines = splitter.push(chunk);
    end += chunk.length;
    if (lines.length > 0) {
      const first = lines[0]!;
      if (first.bytes.length > maxLineBytes) throw tooLong(first.offset);
      if (atStart) lines[0] = withoutByteOrderMark(first);
      atStart = false;
      yield lines;
    }
    if (splitter.heldBytes > maxLineBytes) throw tooLong(end - splitter.heldBytes);
  }
  const last = splitter.end();
  if (last) yield [atStart ? withoutByteOrderMark(last) : last];
}

function withoutByteOrderMark(line: Line): Line {
  if (!line.bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) return line;
  return { ...line, bytes: line.bytes.subarray(BYTE_ORDER_MARK.length), offset: line.offset + BYTE_ORDER_MARK.length };
}

async function beginsAsGzip(store: Store, path: string): Promise<boolean> {
  const first: Buffer[] = [];
  for await (const chunk of store.read(path, { length: GZIP_MAGIC.length })) first.push(chunk);
  return Buffer.concat(first).equals(GZIP_MAGIC);
}

async function* readGzip(store: Store, path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void, undefined> {
  const compressed = Readable.from(store.read(path, { signal }));
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // The errors of both come out of the iteration of the last one.
  pipeline(compressed, gunzip, () => {});
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    if (String((error as NodeJS.ErrnoException).code).startsWith('Z_')) {
      const message = `${path} is not a whole gzip file: ${(error as Error).message}.`;
      throw new StorageError('damaged', path, message, 'Compress or copy the file again: it seems to be cut.', { cause: error });
    }
    throw storageError(error, 'read', path);
  } finally {
    compressed.destroy();
    gunzip.destroy();
  }
}
