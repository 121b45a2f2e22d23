/** The results of a batch as raw bytes, from an offset where the server proves that it can do so. */
import type { Readable } from 'node:stream';
import { isSimulated, invalidAnswer, type Asked } from './answer';
import { ApiError } from './api-error';
import { batchPath, type Call, type CallOptions } from './call';
import { cutBodyError, isBodyTimeout, stalledBodyError } from './connection-failure';
import { InvalidRequestError, MessageBatchesError } from './errors';
import { decodedBody, UnknownEncodingError, type WireResponse } from './response-body';
import type { Transport } from './transport';

export interface ResultsOptions extends CallOptions {
  /**
   * Go on at this byte of the decoded body, where the server can; the answer says where it really begins.
   * Without `ifRange` it begins at 0: nothing would say that the bytes are of the same results.
   */
  offset?: number;
  /** `entityTag` of the answer that the bytes before `offset` came from. */
  ifRange?: string;
}

/** Results on their way. Read `body` to its end, break out of it, or call `close`: else the connection stays taken. */
export interface ResultsStream {
  /** 206 where the server goes on at the offset, 200 where it begins anew. */
  status: 200 | 206;
  /**
   * The strong validator of what is sent, for a later `ifRange`. Absent where there is none, and for a compressed answer:
   * offsets of a range would count compressed bytes.
   */
  entityTag?: string;
  /** Where `body` begins in the whole of the results: 0 for 200. */
  offset: number;
  /** Length of `body` in bytes, where known before. */
  contentLength?: number;
  /**
   * The bytes, decompressed, as fast as they are read. Can be iterated once.
   * Throws ConnectionError where it was cut off, TimeoutError where it stood still for `idleTimeoutMs`,
   * InvalidAnswerError where it is a page of HTML, or the signal's reason. A body that ends early without
   * content-length or compression looks complete: only the batch's counts tell.
   */
  body: AsyncIterable<Buffer>;
  requestId?: string;
  simulated: boolean;
  /** Frees the connection without reading on. */
  close(): void;
}

/** @see MessageBatchesApi.results */
export async function openResults(transport: Transport, id: string, options: ResultsOptions = {}): Promise<ResultsStream> {
  const offset = rangeOffset(options);
  const call: Call = {
    name: 'results',
    method: 'GET',
    // The canonical path, on the base URL: `results_url` could name any host, and the credential would go there.
    path: batchPath(id, '/results'),
    batchId: id,
    headers: {
      ...transport.settings.headers(options, { accept: 'application/x-jsonl' }),
      // A range of a compressed answer would count compressed bytes.
      ...(offset > 0 ? { 'accept-encoding': 'identity', range: `bytes=${offset}-`, 'if-range': options.ifRange! } : { 'accept-encoding': 'gzip' }),
    },
    signal: options.signal,
  };
  return transport.repeat(call, async () => {
    const asked = { call, settings: transport.settings };
    let response: WireResponse;
    try {
      response = await transport.open(call);
    } catch (error) {
      if (offset > 0 && isAtTheEnd(error, offset)) return nothingLeft(error, offset);
      throw error;
    }
    try {
      return streamOf(response, asked, offset, options.ifRange);
    } catch (error) {
      response.body.destroy();
      throw error;
    }
  });
}

/** The offset that is asked for on the wire; 0 asks for everything. */
function rangeOffset({ offset = 0, ifRange }: ResultsOptions): number {
  if (!Number.isSafeInteger(offset) || offset < 0) throw new InvalidRequestError('results: offset is a whole number of bytes, 0 or more.');
  if (ifRange !== undefined && !isStrongTag(ifRange)) throw new InvalidRequestError('results: ifRange is a strong entity tag, in double quotes.');
  return ifRange === undefined ? 0 : offset;
}

function streamOf(response: WireResponse, asked: Asked, askedOffset: number, ifRange: string | undefined): ResultsStream {
  const { headers, status } = response;
  if (status !== 200 && status !== 206) throw invalidAnswer(response, asked, 'results come with 200 or 206');
  const encoded = (headers['content-encoding'] ?? 'identity') !== 'identity';
  const tag = headers['etag'];
  if (status === 206) {
    const begin = /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1];
    if (askedOffset === 0 || Number(begin) !== askedOffset) throw invalidAnswer(response, asked, `its content-range does not begin at byte ${askedOffset}`);
    if (encoded) throw invalidAnswer(response, asked, 'the part it gives is compressed');
    if (tag !== undefined && tag !== ifRange) throw invalidAnswer(response, asked, 'the part it gives is of other results');
  }
  const body = new ResultsBody(response, asked, status === 206);
  const stream: ResultsStream = {
    status,
    offset: status === 206 ? askedOffset : 0,
    body,
    simulated: isSimulated(headers),
    close: () => body.close(),
  };
  if (tag !== undefined && isStrongTag(tag) && !encoded) stream.entityTag = tag;
  if (headers['content-length'] !== undefined && !encoded) stream.contentLength = Number(headers['content-length']);
  if (headers['request-id'] !== undefined) stream.requestId = headers['request-id'];
  return stream;
}

/** The decoded body with errors that tell what happened. */
class ResultsBody implements AsyncIterable<Buffer> {
  readonly #stream: Readable;
  #begun = false;

  constructor(
    private readonly response: WireResponse,
    private readonly asked: Asked,
    private readonly isPart: boolean,
  ) {
    try {
      this.#stream = decodedBody(response);
    } catch (error) {
      if (error instanceof UnknownEncodingError) throw invalidAnswer(response, asked, `its ${error.message} was not asked for`);
      throw error;
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    if (this.#begun) throw new Error('results: the body can be read only once.');
    this.#begun = true;
    const chunks = this.#chunks();
    return {
      next: () => chunks.next(),
      // A generator that never began would not free the connection by itself.
      return: () => {
        this.close();
        return chunks.return();
      },
    };
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    const { response, asked } = this;
    let bytesRead = 0;
    try {
      for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
        if (bytesRead === 0 && !this.isPart && looksLikeHtml(chunk)) {
          throw invalidAnswer(response, asked, 'its body is HTML; something between here and the API may have given it');
        }
        bytesRead += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw this.#errorOf(error, bytesRead);
    }
  }

  #errorOf(error: unknown, bytesRead: number): unknown {
    const { call, settings } = this.asked;
    if (call.signal?.aborted) return call.signal.reason;
    const failure = { call, origin: settings.origin, requestId: this.response.headers['request-id'] };
    if (isBodyTimeout(error)) return stalledBodyError(failure, bytesRead);
    return error instanceof MessageBatchesError ? error : cutBodyError(error, failure, bytesRead);
  }
}

/** Strong validators alone may stand in If-Range (RFC 9110, 13.1.5). */
function isStrongTag(tag: string): boolean {
  return /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(tag);
}

function looksLikeHtml(chunk: Buffer): boolean {
  return chunk.subarray(0, 256).toString('latin1').replace(/^\xef\xbb\xbf/, '').trimStart().startsWith('<');
}

/** 416 whose total is the offset: everything had arrived before. */
function isAtTheEnd(error: unknown, offset: number): error is ApiError {
  return error instanceof ApiError && error.status === 416 && error.headers['content-range'] === `bytes */${offset}`;
}

function nothingLeft(error: ApiError, offset: number): ResultsStream {
  return {
    status: 206,
    offset,
    contentLength: 0,
    body: (async function* (): AsyncGenerator<Buffer> {})(),
    simulated: isSimulated(error.headers),
    close: () => undefined,
    ...(error.requestId !== undefined && { requestId: error.requestId }),
  };
}
