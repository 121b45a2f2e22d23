/** Bodies of answers: decoded, bounded, and with an error where they were cut off. */
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errors, type Dispatcher } from 'undici';
import type { ResponseHeaders } from './retry-hints';
import type { Settings } from './settings';

/** An answer of which the headers have come. */
export interface WireResponse {
  status: number;
  /** Free of credentials that the server may have repeated; `location` alone stays as it came, to be followed. */
  headers: ResponseHeaders;
  /** Raw bytes as they came, to be read to the end or destroyed: otherwise the connection stays taken. */
  body: Readable;
}

/** The answer as undici gives it, in the form that everything here works with. */
export function wireResponse({ statusCode, headers, body }: Dispatcher.ResponseData, settings: Settings): WireResponse {
  // Errors reach whoever reads; without a listener, one that comes before the reading would end the process.
  body.on('error', ignore);
  const flat = flatHeaders(headers);
  const { location } = flat;
  return { status: statusCode, headers: { ...settings.redactHeaders(flat), ...(location !== undefined && { location }) }, body };
}

/** True for 2xx. */
export function isSuccess({ status }: WireResponse): boolean {
  return status >= 200 && status < 300;
}

/** The `content-encoding` of an answer is one that was not asked for. */
export class UnknownEncodingError extends Error {
  constructor(readonly encoding: string) {
    super(`content-encoding ${encoding}`);
  }
}

/**
 * The body without its content-encoding, which is gzip or none.
 * Node's gunzip raises an error where its input ends early (unlike the one of fetch, which gives what it has).
 * @param idleTimeoutMs how long bytes may come that decode to nothing
 */
export function decodedBody(response: WireResponse, idleTimeoutMs: number): Readable {
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return response.body;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    response.body.destroy();
    throw new UnknownEncodingError(encoding);
  }
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  gunzip.on('error', ignore);
  pipeline(response.body, gunzip, ignore);
  limitEmptyInput(response.body, gunzip, idleTimeoutMs);
  return gunzip;
}

/** Ends a decoder with a BodyTimeoutError where it is given bytes for so long and makes nothing of them: to its reader it stands still. */
function limitEmptyInput(input: Readable, decoder: Readable, idleTimeoutMs: number): void {
  let emptySince: number | undefined;
  const { push } = decoder;
  decoder.push = (...parameters) => {
    emptySince = undefined;
    return push.apply(decoder, parameters);
  };
  input.on('data', () => {
    emptySince ??= performance.now();
    // What waits to be read is no matter of the server's.
    if (decoder.readableLength === 0 && performance.now() - emptySince > idleTimeoutMs) decoder.destroy(new errors.BodyTimeoutError());
  });
}

/** How long a body may take. A server that sends a byte now and then never stands still. */
export interface BodyLimits {
  idleTimeoutMs: number;
  /** For all of it; undefined where something else ends it. */
  wholeTimeoutMs?: number;
}

/**
 * Reads a body to its end.
 * @throws whatever cut it off, BodyTimeoutError among it; RangeError beyond `limit` bytes; UnknownEncodingError
 */
export async function readWhole(response: WireResponse, limit: number, limits: BodyLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of limitedBody(response, limits)) {
    bytes += chunk.length;
    if (bytes > limit) throw new RangeError(`more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** The beginning of a body, as far as it came in time: for errors, where a cut or stalled body must not hide the status. */
export async function readBeginning(response: WireResponse, limit: number, limits: BodyLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of limitedBody(response, limits)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= limit) break;
    }
  } catch {
    // What there is has to do.
  }
  return Buffer.concat(chunks, bytes).subarray(0, limit);
}

async function* limitedBody(response: WireResponse, { idleTimeoutMs, wholeTimeoutMs }: BodyLimits): AsyncGenerator<Buffer, void, undefined> {
  const body = decodedBody(response, idleTimeoutMs);
  const timer = wholeTimeoutMs === undefined ? undefined : setTimeout(() => body.destroy(new errors.BodyTimeoutError()), wholeTimeoutMs);
  try {
    yield* body as AsyncIterable<Buffer>;
  } finally {
    clearTimeout(timer);
  }
}

/** Joins repeated headers, so that every name has one string. */
function flatHeaders(headers: Dispatcher.ResponseData['headers']): ResponseHeaders {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

function ignore(): void {}
