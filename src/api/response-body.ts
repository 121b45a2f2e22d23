/** Bodies of answers: decoded, bounded, and with an error where they were cut off. */
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { ResponseHeaders } from './retry-hints';

/** An answer of which the headers have come. */
export interface WireResponse {
  status: number;
  headers: ResponseHeaders;
  /** Raw bytes as they came, to be read to the end or destroyed: otherwise the connection stays taken. */
  body: Readable;
}

/** The answer as undici gives it, in the form that everything here works with. */
export function wireResponse({ statusCode, headers, body }: Dispatcher.ResponseData): WireResponse {
  // Errors reach whoever reads; without a listener, one that comes before the reading would end the process.
  body.on('error', ignore);
  return { status: statusCode, headers: flatHeaders(headers), body };
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
 */
export function decodedBody(response: WireResponse): Readable {
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return response.body;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    response.body.destroy();
    throw new UnknownEncodingError(encoding);
  }
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  gunzip.on('error', ignore);
  pipeline(response.body, gunzip, ignore);
  return gunzip;
}

/**
 * Reads a body to its end.
 * @throws whatever cut it off; RangeError beyond `limit` bytes
 */
export async function readWhole(body: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) throw new RangeError(`more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** The beginning of a body, as far as it came: for errors, where a cut or stalled body must not hide the status. */
export async function readBeginning(response: WireResponse, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of decodedBody(response) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= limit) break;
    }
  } catch {
    // What there is has to do.
  }
  return Buffer.concat(chunks, bytes).subarray(0, limit);
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
