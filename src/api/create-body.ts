/** The body of a create: checked, and measured in bytes before anything is sent. */
import type { BatchCreateParams } from '@anthropic-ai/sdk/resources/messages/batches';
import { CUSTOM_ID_PATTERN, MAX_BATCH_BODY_BYTES, MAX_REQUESTS_PER_BATCH } from '../contract/limits';
import { InvalidRequestError } from './errors';

/** Requests as objects, or a body that is already serialized, of a length that is known beforehand. */
export type CreateBody =
  | { requests: BatchCreateParams.Request[] }
  | {
      /** Bytes of the whole body. */
      contentLength: number;
      /**
       * The body; read at most once, with backpressure, only after the connection stands.
       * Chunks are not copied: what was yielded must not be written to again.
       */
      chunks: AsyncIterable<Uint8Array>;
    };

export interface MeasuredBody {
  contentLength: number;
  /** The body's bytes for one attempt. */
  open(): AsyncIterable<Uint8Array>;
  /** False where the source is used up by the first attempt that reads it. */
  reusable: boolean;
}

/** About how much is handed to the socket at once. */
const PIECE_BYTES = 256 * 1024;

/** @throws InvalidRequestError where the API is certain to refuse the body; the message names the index of the request */
export function measureBody(body: CreateBody): MeasuredBody {
  if (!('requests' in body)) {
    checkLength(body.contentLength);
    return { contentLength: body.contentLength, open: () => body.chunks, reusable: false };
  }
  const pieces = serialize(body.requests);
  const contentLength = pieces.reduce((bytes, piece) => bytes + piece.length, 0);
  checkLength(contentLength);
  return { contentLength, open: () => iterate(pieces), reusable: true };
}

function checkLength(bytes: number): void {
  if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new InvalidRequestError('create: contentLength must be the whole number of bytes of the body.');
  if (bytes > MAX_BATCH_BODY_BYTES) {
    throw new InvalidRequestError(`create: the body has ${bytes} bytes, but a batch may have at most ${MAX_BATCH_BODY_BYTES}. Cut the requests into more batches.`);
  }
}

function serialize(requests: readonly BatchCreateParams.Request[]): Buffer[] {
  if (!Array.isArray(requests) || requests.length === 0) throw new InvalidRequestError('create: requests is empty, but a batch holds at least one.');
  if (requests.length > MAX_REQUESTS_PER_BATCH) {
    throw new InvalidRequestError(`create: ${requests.length} requests, but a batch holds at most ${MAX_REQUESTS_PER_BATCH}. Cut them into more batches.`);
  }
  const indexOfId = new Map<string, number>();
  const pieces: Buffer[] = [];
  let text = '{"requests":[';
  for (const [index, request] of requests.entries()) {
    checkRequest(request, index, indexOfId);
    text += (index === 0 ? '' : ',') + toJson(request, index);
    if (text.length >= PIECE_BYTES) {
      pieces.push(Buffer.from(text));
      text = '';
    }
  }
  pieces.push(Buffer.from(`${text}]}`));
  return pieces;
}

function checkRequest(request: BatchCreateParams.Request, index: number, indexOfId: Map<string, number>): void {
  const where = `create: requests[${index}]`;
  if (typeof request !== 'object' || request === null) throw new InvalidRequestError(`${where} is not an object with custom_id and params.`);
  const id: unknown = request.custom_id;
  if (typeof id !== 'string') throw new InvalidRequestError(`${where} has no custom_id. Give each request one of its own.`);
  if (!CUSTOM_ID_PATTERN.test(id)) {
    throw new InvalidRequestError(`${where} has the custom_id ${JSON.stringify(id.slice(0, 80))}, but it must be 1 to 64 letters, digits, "_" or "-".`);
  }
  const earlier = indexOfId.get(id);
  if (earlier !== undefined) throw new InvalidRequestError(`${where} has the same custom_id "${id}" as requests[${earlier}].`);
  indexOfId.set(id, index);
  if (typeof request.params !== 'object' || request.params === null) throw new InvalidRequestError(`${where} ("${id}") has no params.`);
}

function toJson(request: BatchCreateParams.Request, index: number): string {
  try {
    return JSON.stringify(request);
  } catch {
    throw new InvalidRequestError(`create: requests[${index}] ("${request.custom_id}") cannot be written as JSON: it holds a BigInt or refers to itself.`);
  }
}

async function* iterate(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}
