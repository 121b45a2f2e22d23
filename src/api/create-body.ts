/** The body of a create in its three forms, measured in bytes before anything is sent. */
import { Readable } from 'node:stream';
import type { BatchCreateParams } from '@anthropic-ai/sdk/resources/messages/batches';
import { MAX_BATCH_BODY_BYTES } from '../contract/limits';
import { jsonMembers, type BodyFields } from './body-fields';
import { BlockMemory, SourceBlocks } from './body-blocks';
import { isAsyncIterable, type BodyReader, type ByteSource } from './body-source';
import { InvalidRequestError } from './errors';
import { FileBlocks } from './file-blocks';
import { BODY_START, JsonlBody } from './jsonl-body';
import { pathOf } from './jsonl-file';
import { measureJsonl } from './measure-jsonl';
import { PiecesReader, serializeRequests } from './requests-body';
import { WholeBodyReader } from './whole-body';

/**
 * Bytes of JSONL in chunks of any size. A function is called once for each time it is read, and gives it from its beginning.
 * Chunks are not written to.
 */
export type JsonlSource = ByteSource;

/** Requests as objects. */
export interface ListBody {
  /** Each is checked, and all are serialized, before any HTTP. */
  requests: BatchCreateParams.Request[];
}

/**
 * Requests that are already serialized: one, `{"custom_id":"…","params":{…}}`, a line, in UTF-8. Blank lines, CRLF and a byte order mark
 * do no harm. They become `{"requests":[…]}` on their way and are never held in memory. See `jsonlFile` for a file.
 *
 * Checked while they are sent: there is at least one, not more than 100,000, and each has a `custom_id` of its own and params. The last
 * byte of the body is sent only when all of it was found right: or else the call rejects with an InvalidRequestError that names the
 * line, and no batch was made. A line of the usual form, with `custom_id` or `params` first, is not parsed, but followed from the
 * beginning of its params to their end: it cannot hold a second request or a field of another kind. Where its params are not valid
 * JSON, it is left to the API to refuse the body. The first line, and lines of another form, are parsed, up to 16 MB each.
 */
export interface LinesBody {
  jsonl: JsonlSource;
  /**
   * Bytes of the JSONL, so that it is read once. Without them `jsonl` must be a function: it is read twice, and the first time,
   * before any HTTP, every line up to 16 MB is parsed; longer ones have to be of the usual form.
   */
  bytes?: number;
}

/** The whole body as it is. */
export interface WholeBody {
  /** Bytes of the whole body. */
  contentLength: number;
  /**
   * The body; read with backpressure, only after the connection stands. A function is called once for each time it is read, so that
   * the body can be sent again where that is safe (409, 429, a token that was refused); anything else is read at most once.
   * Chunks are not copied: what was yielded must not be written to again. Not more than 16 KB of white space may come in a row.
   */
  chunks: ByteSource;
}

export type CreateBody = ListBody | LinesBody | WholeBody;

export interface MeasuredBody {
  contentLength: number;
  /**
   * The body's bytes for one attempt.
   * @param mayReuseMemory whether what was given may be written to again after the two that follow it
   */
  open(mayReuseMemory: boolean): BodyReader;
  /** False where the source is used up by the first attempt that reads it. */
  reusable: boolean;
}

/**
 * @param bodyFields further fields of the body, beside `requests`
 * @param signal ends the reading of JSONL that has to be measured first
 * @throws InvalidRequestError where the API is certain to refuse the body; the message names the index or line of the request.
 *   RequestBodyError, or the signal's reason, of JSONL that has to be measured first
 */
export async function measureBody(body: CreateBody, bodyFields: BodyFields | undefined, signal: AbortSignal): Promise<MeasuredBody> {
  const given: { requests?: unknown; jsonl?: unknown; chunks?: unknown } = Object(body);
  if ([given.requests, given.jsonl, given.chunks].filter((form) => form !== undefined).length !== 1) {
    throw new InvalidRequestError('create: the body is one of { requests }, { jsonl, bytes } and { contentLength, chunks }.');
  }
  if (given.chunks !== undefined) return measureChunks(body as WholeBody, bodyFields);
  const members = jsonMembers(bodyFields, ['requests']);
  const bodyEnd = members === '' ? ']}' : `],${members}}`;
  if (given.jsonl !== undefined) return measureLines(body as LinesBody, bodyEnd, signal);
  const pieces = serializeRequests((body as ListBody).requests, bodyEnd);
  const contentLength = pieces.reduce((bytes, piece) => bytes + piece.length, 0);
  checkLength(contentLength);
  return { contentLength, open: () => new PiecesReader(pieces), reusable: true };
}

function measureChunks({ contentLength, chunks }: WholeBody, bodyFields: BodyFields | undefined): MeasuredBody {
  if (jsonMembers(bodyFields) !== '') {
    throw new InvalidRequestError('create: bodyFields cannot be added to chunks, which are the whole body. Write the fields into it, or hand over { requests } or { jsonl }.');
  }
  const reusable = typeof chunks === 'function';
  if (!reusable && !isAsyncIterable(chunks)) throw new InvalidRequestError('create: chunks must be an async iterable of bytes, or a function that gives one.');
  if (!Number.isSafeInteger(contentLength) || contentLength <= 0) throw new InvalidRequestError('create: contentLength must be the whole number of bytes of the body.');
  checkLength(contentLength);
  return { contentLength, open: () => new WholeBodyReader(chunks), reusable };
}

async function measureLines({ jsonl, bytes }: LinesBody, bodyEnd: string, signal: AbortSignal): Promise<MeasuredBody> {
  const reusable = typeof jsonl === 'function';
  if (!reusable && !isAsyncIterable(jsonl)) {
    throw new InvalidRequestError('create: jsonl must be an async iterable of bytes, or a function that gives one; for a file there is jsonlFile(path).');
  }
  if (bytes === undefined && !reusable) {
    throw new InvalidRequestError('create: without bytes, jsonl is read twice, so it must be a function that gives an async iterable of bytes each time it is called.');
  }
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) throw new InvalidRequestError('create: bytes must be the whole number of bytes of jsonl.');
  if (bytes === 0) throw new InvalidRequestError('create: jsonl is empty, but a batch holds at least one request.');
  const measured = bytes ?? (await measureJsonl(blocksOf(jsonl, true), signal));
  const contentLength = Buffer.byteLength(BODY_START) + measured + Buffer.byteLength(bodyEnd);
  checkLength(contentLength);
  return { contentLength, open: (mayReuseMemory) => new JsonlBody(blocksOf(jsonl, mayReuseMemory), measured, bodyEnd), reusable };
}

function blocksOf(jsonl: JsonlSource, mayReuseMemory: boolean): BodyReader {
  const memory = new BlockMemory(mayReuseMemory);
  const path = pathOf(jsonl);
  return path === undefined ? new SourceBlocks(jsonl, memory) : new FileBlocks(path, memory);
}

function checkLength(bytes: number): void {
  if (bytes > MAX_BATCH_BODY_BYTES) {
    throw new InvalidRequestError(`create: the body has ${bytes} bytes, but a batch may have at most ${MAX_BATCH_BODY_BYTES}. Cut the requests into more batches.`);
  }
}

/**
 * Takes the body's source into care before anything else is done. A stream that was opened by the caller can fail while it waits to be read;
 * with nobody listening, that would end the process.
 * @returns what frees it, once the call is over for whatever reason. Sources other than streams hold nothing until they are read
 */
export function holdSource(body: CreateBody): () => void {
  const { jsonl, chunks } = Object(body) as { jsonl?: unknown; chunks?: unknown };
  const stream = jsonl ?? chunks;
  if (!(stream instanceof Readable)) return () => undefined;
  stream.on('error', () => undefined);
  return () => stream.destroy();
}
