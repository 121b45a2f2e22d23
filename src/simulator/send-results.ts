/** Sends results as fast as they are taken, or as badly as a fault wants it. */
import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { splitLines } from '../jsonl';
import type { LineChanger, ResultsAnswer } from './answer';
import type { SimulatorContext } from './context';
import type { CutPoint, Fault } from './faults';
import { counted, type SentResults } from './sent-results';

const CHUNK_BYTES = 256 * 1024;
/** A throttled body is sent in pieces of this time. */
const THROTTLE_MS = 50;

interface Sending {
  fault: Fault | undefined;
  /** Counts what is sent. */
  sent: SentResults;
  context: SimulatorContext;
}

type SpoiltBody = Extract<Fault, { kind: 'cut' | 'stall' }>;

/** Ends when the body was sent, or the client is gone. Headers that all answers have are set already. */
export async function sendResults(response: ServerResponse, answer: ResultsAnswer, { fault, sent, context }: Sending): Promise<void> {
  const spoilt = fault?.kind === 'cut' || fault?.kind === 'stall' ? fault : undefined;
  const { path, from, to, size, change, keepsLength = false } = answer.results;
  const gzip = answer.results.gzip || spoilt?.gzip === true;
  const announcesLength = spoilt?.kind === 'cut' ? spoilt.contentLength === true : !gzip && (!change || keepsLength);
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    ...(announcesLength ? { 'content-length': String(to - from) } : {}),
  });
  response.flushHeaders();
  context.events.emit('results-started');

  let body: AsyncIterable<Buffer>;
  if (!change) body = readRange(path, from, to);
  else if (keepsLength) body = slice(changeLines(readRange(path, 0, size), change), from, to);
  else body = changeLines(readRange(path, from, to), change);
  if (gzip) body = compress(body);
  if (spoilt) body = cutAt(body, spoilt);
  if (context.options.resultsBytesPerSecond !== undefined) body = throttle(body, context.options.resultsBytesPerSecond, context.closing);
  body = counted(body, sent);
  if (spoilt) return sendSpoilt(response, body, spoilt, context);
  await pipeline(body, response);
  context.events.emit('results-finished');
}

async function* readRange(path: string, from: number, to: number): AsyncGenerator<Buffer, void, undefined> {
  if (from < to) yield* createReadStream(path, { start: from, end: to - 1, highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
}

/** The bytes `[from, to)` of a body. */
async function* slice(body: AsyncIterable<Buffer>, from: number, to: number): AsyncGenerator<Buffer, void, undefined> {
  let at = 0;
  for await (const chunk of body) {
    const part = chunk.subarray(Math.max(from - at, 0), to - at);
    if (part.length > 0) yield part;
    at += chunk.length;
    if (at >= to) return;
  }
}

async function* changeLines(body: AsyncIterable<Buffer>, change: LineChanger): AsyncGenerator<Buffer, void, undefined> {
  let number = 0;
  for await (const lines of splitLines(body)) yield Buffer.from(lines.map(({ bytes }) => change(bytes, ++number)).join(''));
}

async function* compress(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const compressed = createGzip({ level: 1 });
  const finished = pipeline(body, compressed);
  try {
    yield* compressed as AsyncIterable<Buffer>;
    await finished;
  } finally {
    compressed.destroy();
    await finished.catch(() => undefined);
  }
}

async function* cutAt(body: AsyncIterable<Buffer>, point: CutPoint): AsyncGenerator<Buffer, void, undefined> {
  let bytesLeft = point.afterBytes ?? Infinity;
  let linesLeft = point.afterLines ?? Infinity;
  for await (const chunk of body) {
    const lines = linesLeft === Infinity ? { end: chunk.length, count: 0 } : firstLines(chunk, linesLeft);
    const end = Math.min(lines.end, bytesLeft);
    linesLeft -= lines.count;
    bytesLeft -= end;
    yield chunk.subarray(0, end);
    if (bytesLeft === 0 || linesLeft === 0) return;
  }
}

/** Where at most so many lines end in a chunk, and how many do. */
function firstLines(chunk: Buffer, most: number): { end: number; count: number } {
  let end = 0;
  for (let count = 0; count < most; count++) {
    const lineFeed = chunk.indexOf(0x0a, end);
    if (lineFeed === -1) return { end: chunk.length, count };
    end = lineFeed + 1;
  }
  return { end, count: most };
}

async function* throttle(body: AsyncIterable<Buffer>, bytesPerSecond: number, closing: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const piece = Math.max(1, Math.ceil((bytesPerSecond * THROTTLE_MS) / 1000));
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += piece) {
      const part = chunk.subarray(at, at + piece);
      // First the time, then the bytes: who has them all has waited for the last of them too.
      await sleep((part.length / bytesPerSecond) * 1000, undefined, { signal: closing });
      yield part;
    }
  }
}

async function sendSpoilt(response: ServerResponse, body: AsyncIterable<Buffer>, fault: SpoiltBody, context: SimulatorContext): Promise<void> {
  await pipeline(body, response, { end: false });
  context.events.emit('fault');
  if (fault.kind === 'cut') {
    if (fault.looksComplete) response.end();
    else response.socket?.destroySoon();
    return;
  }
  if (!response.destroyed) await once(response, 'close', { signal: context.closing });
}
