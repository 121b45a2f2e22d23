/** The body of a create made of requests as objects: checked and serialized before anything is sent. */
import type { BatchCreateParams } from '@anthropic-ai/sdk/resources/messages/batches';
import { CUSTOM_ID_PATTERN, MAX_REQUESTS_PER_BATCH } from '../contract/limits';
import type { BodyReader } from './body-source';
import { InvalidRequestError } from './errors';
import { BODY_START } from './jsonl-body';

/** About how much is handed to the socket at once. */
const PIECE_BYTES = 256 * 1024;

/**
 * @param bodyEnd what follows the last request: `]}`, or more
 * @returns the body in pieces
 * @throws InvalidRequestError that names the index of a request that the API is certain to refuse
 */
export function serializeRequests(requests: readonly BatchCreateParams.Request[], bodyEnd: string): Buffer[] {
  if (!Array.isArray(requests) || requests.length === 0) throw new InvalidRequestError('create: requests is empty, but a batch holds at least one.');
  if (requests.length > MAX_REQUESTS_PER_BATCH) {
    throw new InvalidRequestError(`create: ${requests.length} requests, but a batch holds at most ${MAX_REQUESTS_PER_BATCH}. Cut them into more batches.`);
  }
  const indexOfId = new Map<string, number>();
  const pieces: Buffer[] = [];
  let text = BODY_START;
  for (const [index, request] of requests.entries()) {
    checkRequest(request, index, indexOfId);
    text += (index === 0 ? '' : ',') + toJson(request, index);
    if (text.length >= PIECE_BYTES) {
      pieces.push(Buffer.from(text));
      text = '';
    }
  }
  pieces.push(Buffer.from(text + bodyEnd));
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

/** Reads pieces that are all there. */
export class PiecesReader implements BodyReader {
  #read = 0;

  constructor(private readonly pieces: readonly Buffer[]) {}

  async next(): Promise<Buffer | undefined> {
    return this.pieces[this.#read++];
  }

  close(): void {
    this.#read = this.pieces.length;
  }
}
