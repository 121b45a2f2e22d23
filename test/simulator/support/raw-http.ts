/** HTTP below fetch: bodies that stop half-way, answers that break off. */
import { once } from 'node:events';
import { get as httpGet, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { BATCHES, HEADERS } from './simulation';

/** What arrived of an answer, and whether it ended as HTTP wants it. */
export interface RawAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  bytes: Buffer;
  ended: 'properly' | 'broken';
}

/** Reads an answer to its end, proper or not, without decoding it. */
export async function readRaw(url: string, path: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const [response] = (await once(httpGet(url + BATCHES + path, { headers: { ...HEADERS, ...headers }, agent: false }), 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  let ended: RawAnswer['ended'] = 'properly';
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch {
    ended = 'broken';
  }
  return { status: response.statusCode!, headers: response.headers, bytes: Buffer.concat(chunks), ended };
}

/** A create whose body the caller writes. Errors of its connection are the caller's business only if it listens. */
export function openCreate(url: string, contentLength: number): ClientRequest {
  const request = httpRequest(url + BATCHES, { method: 'POST', headers: { ...HEADERS, 'content-length': contentLength }, agent: false });
  request.on('error', () => undefined);
  request.flushHeaders();
  return request;
}

/** Resolves when the bytes were handed to the operating system. */
export function write(request: ClientRequest, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => request.write(bytes, (error) => (error ? reject(error) : resolve())));
}
