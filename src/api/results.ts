/** Opens the results of a batch, from an offset where the server proves that it can do so. */
import { Readable } from 'node:stream';
import { invalidAnswer, type Asked } from './answer';
import { ApiError } from './api-error';
import { batchPath, buildCall, type CallOptions } from './call';
import { InvalidRequestError } from './errors';
import type { WireResponse } from './response-body';
import { resultsStream, type ResultsStream } from './results-stream';
import type { Transport } from './transport';

export interface ResultsOptions extends CallOptions {
  /**
   * Go on at this byte of the decoded body, where the server can; the answer says where it really begins.
   * Without `ifRange` it begins at 0: nothing would say that the bytes are of the same results.
   */
  offset?: number | undefined;
  /** `entityTag` of the answer that the bytes before `offset` came from. */
  ifRange?: string | undefined;
}

/** @see MessageBatchesApi.results */
export async function openResults(transport: Transport, id: string, options: ResultsOptions = {}): Promise<ResultsStream> {
  const offset = rangeOffset(options);
  // A range of a compressed answer would count compressed bytes.
  const headers: Record<string, string> = offset > 0 ? { 'accept-encoding': 'identity', range: `bytes=${offset}-`, 'if-range': options.ifRange! } : { 'accept-encoding': 'gzip' };
  // The canonical path, on the base URL: `results_url` could name any host, and the credential would go there.
  const path = batchPath(id, '/results');
  const call = buildCall(transport.settings, { name: 'results', method: 'GET', path, batchId: id, accept: 'application/x-jsonl', headers }, options);
  return transport.repeat(call, async (attempt) => {
    const asked = { call, settings: transport.settings, observer: attempt.observer };
    let response: WireResponse;
    try {
      response = await transport.open(call, attempt);
    } catch (error) {
      if (offset > 0 && isAtTheEnd(error, offset)) return nothingLeft(error, asked, offset);
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
  let bytesAfter = 0;
  if (status === 206) {
    const [, begin, end, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
    bytesAfter = total === undefined || total === '*' ? 0 : Number(total) - Number(end) - 1;
    if (askedOffset === 0 || Number(begin) !== askedOffset) throw invalidAnswer(response, asked, `its content-range does not begin at byte ${askedOffset}`);
    if (encoded) throw invalidAnswer(response, asked, 'the part it gives is compressed');
    if (tag !== undefined && tag !== ifRange) throw invalidAnswer(response, asked, 'the part it gives is of other results');
  }
  const stream = resultsStream(response, asked, status === 206 ? askedOffset : 0, bytesAfter);
  if (tag !== undefined && isStrongTag(tag) && !encoded) stream.entityTag = tag;
  if (headers['content-length'] !== undefined && !encoded) stream.contentLength = Number(headers['content-length']);
  return stream;
}

/** Strong validators alone may stand in If-Range (RFC 9110, 13.1.5). */
function isStrongTag(tag: string): boolean {
  return /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(tag);
}

/** 416 whose total is the offset: everything had arrived before. */
function isAtTheEnd(error: unknown, offset: number): error is ApiError {
  return error instanceof ApiError && error.status === 416 && error.headers['content-range'] === `bytes */${offset}`;
}

function nothingLeft({ headers }: ApiError, asked: Asked, offset: number): ResultsStream {
  // The encoding was that of the error's body.
  const stream = resultsStream({ status: 206, headers: { ...headers, 'content-encoding': 'identity' }, body: Readable.from([]) }, asked, offset);
  stream.contentLength = 0;
  return stream;
}
