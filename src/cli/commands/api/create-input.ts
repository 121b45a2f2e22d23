/** What a create sends: a file that stays open for as long as the call takes, looked at before anything is sent. */
import { randomBytes } from 'node:crypto';
import { open, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';
import { MAX_BATCH_BODY_BYTES, MAX_REQUESTS_PER_BATCH } from '../../../contract/limits';
import { isBlankLine } from '../../../jsonl';
import { linesOf } from '../../../storage';
import { CliError } from '../../cli-error';
import { shownPath } from '../../display/rendering';

export interface CreateInput extends AsyncDisposable {
  /** As a person knows it. */
  name: string;
  /** Of the content, decompressed. */
  bytes: number;
  /** It is the whole body of a create, to be sent as it is; else JSONL, a request a line. */
  isBody: boolean;
  /** How many requests the JSONL has. */
  requests?: number;
  /** The content from its beginning; may be read again. */
  chunks(): AsyncIterable<Buffer>;
}

const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
/** What the whole body of a create begins with. */
const BODY_BEGINNING = /^(\uFEFF)?\s*\{\s*"requests"\s*:/;
const BEGINNING_BYTES = 4096;
const TOO_LARGE_HINT = 'Nothing was sent. `message-batches run INPUT` cuts an input into batches that fit.';

/**
 * Opens FILE or standard input (`-`), plain or gzip. What cannot be read twice (a pipe, gzip) is copied into a file below
 * `folder` that has no name, so that nothing of it stays, however this process ends.
 * @throws CliError where it is certain that no batch can be made of it. The requests themselves are the client's to check.
 */
export async function openCreateInput(file: string, folder: string): Promise<CreateInput> {
  const name = file === '-' ? 'Standard input' : shownPath(resolve(file), { cwd: process.cwd() });
  let handle = file === '-' ? await copyOf(standardInput(), folder) : await openFile(resolve(file), folder);
  try {
    if ((await beginningOf(handle, GZIP_MAGIC.length)).equals(GZIP_MAGIC)) {
      const packed = handle;
      handle = await copyOf(unpacked(packed, name), folder);
      await packed.close();
    }
    const { size: bytes } = await handle.stat();
    const input: CreateInput = {
      name,
      bytes,
      isBody: BODY_BEGINNING.test((await beginningOf(handle, BEGINNING_BYTES)).toString('utf8')),
      chunks: () => handle.createReadStream({ start: 0, autoClose: false, highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>,
      [Symbol.asyncDispose]: () => handle.close(),
    };
    if (bytes > MAX_BATCH_BODY_BYTES) throw tooLarge(`more than the ${MAX_BATCH_BODY_BYTES} bytes`);
    if (!input.isBody) input.requests = await countRequests(input);
    return input;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** @throws CliError where a line is made for `run`, or where there are too many */
async function countRequests(input: CreateInput): Promise<number> {
  let count = 0;
  let line = 0;
  for await (const lines of linesOf(input.name, input.chunks())) {
    for (const { bytes } of lines) {
      line++;
      if (isBlankLine(bytes)) continue;
      count++;
      if (hasMetadata(bytes)) {
        throw new CliError('has_metadata', `Line ${line} of ${input.name} has "metadata", which the API does not take.`, {
          hint: 'Nothing was sent. `message-batches run INPUT` takes such lines, and keeps their metadata to itself.',
        });
      }
    }
  }
  if (count > MAX_REQUESTS_PER_BATCH) throw tooLarge(`${count} requests, more than the ${MAX_REQUESTS_PER_BATCH}`);
  return count;
}

function tooLarge(what: string): CliError {
  return new CliError('too_large', `The input has ${what} that one batch may have.`, { hint: TOO_LARGE_HINT });
}

/** `metadata` beside `params`: inside them it is the API's own. */
function hasMetadata(line: Buffer): boolean {
  if (!line.includes('"metadata"')) return false;
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return typeof value === 'object' && value !== null && Object.hasOwn(value, 'metadata');
  } catch {
    return false;
  }
}

function standardInput(): AsyncIterable<Buffer> {
  if (process.stdin.isTTY) throw new CliError('no_input', 'FILE is "-", but nothing is piped in.', { hint: 'For example: make-requests | message-batches api create -' });
  return process.stdin as AsyncIterable<Buffer>;
}

/** A file that can be read again and again, or a copy of it: a named pipe cannot. */
async function openFile(path: string, folder: string): Promise<FileHandle> {
  const handle = await open(path, 'r');
  try {
    const found = await handle.stat();
    if (found.isDirectory()) throw new CliError('file_problem', `${shownPath(path, { cwd: process.cwd() })} is a folder, not a file.`);
    if (found.isFile()) return handle;
    const copy = await copyOf(handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>, folder);
    await handle.close();
    return copy;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function copyOf(source: AsyncIterable<Buffer>, folder: string): Promise<FileHandle> {
  const path = join(folder, `.create-${randomBytes(6).toString('hex')}.tmp`);
  const handle = await open(path, 'wx+', 0o600);
  try {
    await rm(path);
    await writeFile(handle, bounded(source));
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Stops at what no batch can hold, before the disk is full of it. */
async function* bounded(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > MAX_BATCH_BODY_BYTES) throw tooLarge(`more than the ${MAX_BATCH_BODY_BYTES} bytes`);
    yield chunk;
  }
}

async function* unpacked(packed: FileHandle, name: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // The errors of both come out of the iteration of the last one.
  pipeline(packed.createReadStream({ start: 0, autoClose: false, highWaterMark: CHUNK_BYTES }), gunzip, () => undefined);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    if (!String((error as NodeJS.ErrnoException).code).startsWith('Z_')) throw error;
    throw new CliError('file_problem', `${name} is not a whole gzip file: ${(error as Error).message}.`, { hint: 'Nothing was sent. Compress or copy it again: it seems to be cut.', cause: error });
  }
}

async function beginningOf(handle: FileHandle, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
  return buffer.subarray(0, bytesRead);
}
