/** Results on their way, as bytes, as lines or as parsed results. */
import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import { isSimulated, type Asked } from './answer';
import type { WireResponse } from './response-body';
import { readResultLines, readResults } from './result-lines';
import type { ResultLine } from './result-line';
import { ResultsBody } from './results-body';
import type { ResponseHeaders } from './retry-hints';

/**
 * The results of a batch, in the order of the wire, which is none in particular. Iterating over it gives them parsed:
 * `for await (const result of await api.results(id))`.
 *
 * Read it once, in one of the three ways (`body`, `lines`, or the iteration), to its end; or break out, or call `close`: else
 * the connection stays taken. No more is fetched than is read, but for a few hundred KB. All three throw ConnectionError where the
 * results were cut off, TimeoutError where they stood still for `idleTimeoutMs`, InvalidAnswerError where they are a page of HTML,
 * InvalidRequestError where they are being read already, or, at once, the signal's own reason. Results that end early without
 * content-length or compression look complete: only the batch's counts tell.
 */
export interface ResultsStream {
  /** 206 where the server goes on at the offset, 200 where it begins anew. */
  status: 200 | 206;
  /**
   * The strong validator of what is sent, for a later `ifRange`. Absent where there is none, and for a compressed answer:
   * offsets of a range would count compressed bytes.
   */
  entityTag?: string;
  /** Where this begins in the whole of the results, bytes: 0 for 200. */
  offset: number;
  /** Length of `body` in bytes, where known before. */
  contentLength?: number;
  /** The bytes, decompressed. */
  body: AsyncIterable<Buffer>;
  /**
   * The lines as they came, each with its custom_id and outcome, most of them without being parsed. A blank line and a byte order
   * mark are left out.
   * @throws InvalidAnswerError also for a line that is no result, after all lines before it; it names the line's number and offset
   */
  lines(): AsyncIterable<ResultLine>;
  /** The results, every line parsed; unknown fields and types survive. @throws as `lines` */
  [Symbol.asyncIterator](): AsyncIterator<MessageBatchIndividualResponse, void, undefined>;
  requestId?: string;
  simulated: boolean;
  /** All headers of the answer, lower-case names; credentials are shown as `[redacted]`. */
  headers: ResponseHeaders;
  /** Frees the connection without reading on. Whoever is reading then gets a ConnectionError. */
  close(): void;
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * @param offset of the first byte of the body in the whole of the results
 * @param bytesAfter how many bytes of the results come after the body, where it is a part
 * @throws InvalidAnswerError where the body is encoded in a way that was not asked for
 */
export function resultsStream(response: WireResponse, asked: Asked, offset: number, bytesAfter = 0): ResultsStream {
  const isPart = response.status === 206;
  const body = new ResultsBody(response, asked, isPart, bytesAfter);
  const requestId = response.headers['request-id'];
  return {
    status: isPart ? 206 : 200,
    offset,
    body,
    lines: () => ({ [Symbol.asyncIterator]: () => readResultLines(body, offset) }),
    [Symbol.asyncIterator]: () => readResults(body, offset),
    simulated: isSimulated(response.headers),
    headers: asked.settings.redactHeaders(response.headers),
    close: () => body.close(),
    [Symbol.asyncDispose]: async () => body.close(),
    ...(requestId !== undefined && { requestId }),
  };
}
