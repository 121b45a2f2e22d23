import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Agent, buildConnector } from 'undici';
import type { MessageBatchesApi } from '../../src/api';
import { ConnectionError, InvalidAnswerError, InvalidRequestError, type MessageBatchIndividualResponse, type ResultLine, type ResultsOptions, type ResultsStream } from '../../src/api';
import { closeClients, openClient } from './support/clients';
import { closeServers, expectRejection, httpServer, rawServer, streamingServer, type TestServer } from './support/servers';

afterEach(async () => {
  await closeClients();
  await closeServers();
});

function client(url: string, more: object = {}): MessageBatchesApi {
  return openClient({ baseUrl: url, credential: { kind: 'x-api-key', token: 'sk-ant-test-0123456789' }, ...more });
}

function serving(answer: (response: ServerResponse) => void): Promise<TestServer> {
  return streamingServer((_, response) => answer(response));
}

/** The results of a server that sends these bytes, each piece as a chunk of its own. */
async function resultsOf(...pieces: (string | Buffer)[]): Promise<ResultsStream> {
  const server = await serving((response) => sendPieces(response, pieces));
  return client(server.url).results('msgbatch_1');
}

function sendPieces(response: ServerResponse, pieces: (string | Buffer)[]): void {
  response.socket!.setNoDelay(true);
  for (const piece of pieces) response.write(piece);
  response.end();
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** What came before an error, and the error. */
async function allUntilError<T>(source: AsyncIterable<T>): Promise<{ items: T[]; error: unknown }> {
  const items: T[] = [];
  try {
    for await (const item of source) items.push(item);
  } catch (error) {
    return { items, error };
  }
  throw new Error('There was no error.');
}

const succeeded = (id: string, text = 'x') =>
  `{"custom_id":"${id}","result":{"type":"succeeded","message":{"id":"msg_1","content":[{"type":"text","text":${JSON.stringify(text)}}],"usage":{"cache":{},"output_tokens":1}}}}`;
const expired = (id: string) => `{"custom_id":"${id}","result":{"type":"expired"}}`;

/** Lines without end, as fast as they are taken. */
function endless(response: ServerResponse, encode: (lines: string) => string | Buffer = (lines) => lines): void {
  if (!response.headersSent) response.writeHead(200);
  const lines = encode(Array.from({ length: 100 }, (_, index) => `${succeeded(`r-${index}`)}\n`).join(''));
  const more = () => void response.write(lines, (error) => error ?? setImmediate(more));
  more();
}

async function expectAllClosed(server: TestServer): Promise<void> {
  while (server.sockets.size > 0) await sleep(5);
}

const summary = ({ bytes, offset, number, customId, outcome }: ResultLine) => ({ text: bytes.toString(), offset, number, customId, outcome });

describe('lines', () => {
  test('are given as they came, with what they are about and where they stood', async () => {
    const texts = [succeeded('a'), expired('b'), succeeded('c', 'ü€🌍')];
    const lines = await all((await resultsOf(texts.join('\n') + '\n')).lines());
    let offset = 0;
    const expected = texts.map((text, index) => {
      const line = { text, offset, number: index + 1, customId: 'abc'[index], outcome: index === 1 ? 'expired' : 'succeeded' };
      offset += Buffer.byteLength(text) + 1;
      return line;
    });
    expect(lines.map(summary)).toEqual(expected);
    expect(lines.map((line) => line.parse())).toEqual(texts.map((text) => JSON.parse(text) as unknown));
  });

  test('end with LF, with CRLF, or at the end; blank ones are counted and left out, and so is a byte order mark', async () => {
    const stream = await resultsOf(`\ufeff${expired('a')}\r\n\n \t\r\n${expired('b')}\n\r\n${expired('c')}`);
    const lines = await all(stream.lines());
    const length = expired('a').length;
    expect(lines.map(summary)).toEqual([
      { text: `${expired('a')}\r`, offset: 3, number: 1, customId: 'a', outcome: 'expired' },
      { text: expired('b'), offset: 3 + length + 2 + 1 + 4, number: 4, customId: 'b', outcome: 'expired' },
      { text: expired('c'), offset: 3 + length + 2 + 1 + 4 + length + 1 + 2, number: 6, customId: 'c', outcome: 'expired' },
    ]);
    expect(lines[0]!.parse()).toEqual(JSON.parse(expired('a')));
  });

  test('a succeeded line keeps all of that too', async () => {
    const lines = await all((await resultsOf(`\ufeff \t${succeeded('a')} \r\n${succeeded('b')}`)).lines());
    expect(lines.map(({ customId, outcome, offset }) => [customId, outcome, offset])).toEqual([['a', 'succeeded', 3], ['b', 'succeeded', 3 + 2 + succeeded('a').length + 3]]);
  });

  test('do not end at U+2028, U+2029 and U+0085', async () => {
    const text = 'a\u2028b\u2029c\u0085d';
    const raw = succeeded('a', 'TEXT').replace('TEXT', text);
    const [line, ...more] = await all((await resultsOf(`${raw}\n`)).lines());
    expect(more).toEqual([]);
    expect(line!.parse()).toMatchObject({ result: { message: { content: [{ text }] } } });
  });

  test('may be cut at every place, also within a character', async () => {
    const bytes = Buffer.from(`\ufeff${succeeded('a', 'ü€🌍')}\r\n\n${expired('ü€🌍')}\n`);
    const expected = (await all((await resultsOf(bytes)).lines())).map(summary);
    expect(expected.map(({ customId }) => customId)).toEqual(['a', 'ü€🌍']);
    let cut = 0;
    const server = await serving((response) => sendPieces(response, [bytes.subarray(0, cut), bytes.subarray(cut)].filter(({ length }) => length > 0)));
    const api = client(server.url);
    for (; cut <= bytes.length; cut++) expect((await all((await api.results('x')).lines())).map(summary)).toEqual(expected);
  });

  test('may come byte by byte', async () => {
    const bytes = Buffer.from(`${succeeded('a', 'ü€🌍')}\n${expired('b')}\n`);
    const lines = await all((await resultsOf(...Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)))).lines());
    expect(lines.map(({ bytes }) => bytes.toString())).toEqual(bytes.toString().trimEnd().split('\n'));
  });

  test('may be long: 16 MB among short ones', async () => {
    const long = succeeded('long', 'All work and no play. "\n'.repeat(650_000));
    const began = performance.now();
    const lines = await all((await resultsOf(`${expired('a')}\n${long}\n${expired('b')}`)).lines());
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(lines.map(({ customId }) => customId)).toEqual(['a', 'long', 'b']);
    expect(lines[1]!.bytes.equals(Buffer.from(long))).toBe(true);
  });

  test('of an empty body are none', async () => {
    expect(await all((await resultsOf()).lines())).toEqual([]);
    expect(await all(await resultsOf('\n\n'))).toEqual([]);
  });

  test('need no content-type, and may be compressed', async () => {
    const text = `${succeeded('a')}\n${expired('b')}\n`;
    const server = await rawServer((socket) => socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`)));
    expect((await all((await client(server.url).results('x')).lines())).map(({ customId }) => customId)).toEqual(['a', 'b']);
    const gzip = await serving((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text)));
    expect((await all((await client(gzip.url).results('x')).lines())).map(({ offset }) => offset)).toEqual([0, succeeded('a').length + 1]);
  });
});

describe('iterating over the results', () => {
  test('gives them parsed, with unknown fields, result types and error types', async () => {
    const texts = [
      '{"custom_id":"a","result":{"type":"succeeded","message":{"id":"m","stop_reason":"new_reason","content":[{"type":"new_block","x":1}]},"more":1},"future":[1]}',
      '{"custom_id":"b","result":{"type":"paused","until":null}}',
      '{"custom_id":"c","result":{"type":"errored","error":{"type":"error","error":{"type":"new_error","message":"m","hint":2},"request_id":"req_1"}}}',
      '{"custom_id":"d","result":{"type":"canceled"}}',
    ];
    const results: MessageBatchIndividualResponse[] = await all(await resultsOf(`\ufeff${texts.join('\r\n\r\n')}`));
    expect(results).toEqual(texts.map((text) => JSON.parse(text) as unknown));
  });

  test('calls of next that do not wait for each other keep their order', async () => {
    const count = 50;
    const pieces = Array.from({ length: count }, (_, index) => `${expired(`r-${index}`)}\n`);
    const results = (await resultsOf(...pieces))[Symbol.asyncIterator]();
    const items = await Promise.all(Array.from({ length: count + 2 }, () => results.next()));
    expect(items.slice(0, count).map(({ value }) => (value as MessageBatchIndividualResponse).custom_id)).toEqual(Array.from({ length: count }, (_, index) => `r-${index}`));
    expect(items.slice(count)).toEqual([{ done: true, value: undefined }, { done: true, value: undefined }]);
  });
});

describe('a line that is no result', () => {
  const secret = 'PROMPT-or-answer';

  test.each<[string, string, string]>([
    ['bad JSON', `{"custom_id":"${secret}",}`, 'is not JSON'],
    ['two lines run together', succeeded('x') + succeeded('y'), 'is not JSON'],
    ['a JSON list', `["${secret}"]`, 'is not a JSON object'],
    ['no custom_id', `{"result":{"type":"expired","x":"${secret}"}}`, 'has no custom_id'],
    ['no result.type', `{"custom_id":"${secret}","result":{}}`, 'has no result.type'],
  ])('%s: an error that names its place and nothing of it, after the lines before it', async (_, bad, problem) => {
    for (const read of [(stream: ResultsStream) => stream.lines(), (stream: ResultsStream) => stream]) {
      const server = await serving((response) => {
        response.writeHead(200, { 'request-id': 'req_1' }).write(`\n${succeeded('a')}\n${bad}\n${succeeded('b')}\n`);
      });
      const { items, error } = await allUntilError<unknown>(read(await client(server.url).results('msgbatch_1')));
      expect(items).toHaveLength(1);
      expect(error).toBeInstanceOf(InvalidAnswerError);
      expect(error).toMatchObject({ requestId: 'req_1', outcomeKnown: true, retryable: true });
      expect((error as Error).message).toBe(
        `results msgbatch_1: ${server.url} answered 200, but line 3 of the results (at byte ${1 + succeeded('a').length + 1}) ${problem} (request req_1).`,
      );
      await expectAllClosed(server);
    }
  });

  test('a message that is no JSON shows when it is parsed', async () => {
    const bad = succeeded('a').replace('"output_tokens":1', `"output_tokens":${secret}`);
    const [line] = await all((await resultsOf(`${bad}\n`)).lines());
    expect(line).toMatchObject({ customId: 'a', outcome: 'succeeded' });
    let error: unknown;
    try {
      line!.parse();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidAnswerError);
    expect((error as Error).message).toContain('line 1 of the results (at byte 0) is not JSON');
    expect((error as Error).message).not.toContain(secret);
    const { items } = await allUntilError(await resultsOf(`${expired('b')}\n${bad}\n`));
    expect(items).toHaveLength(1);
  });

  test('at the end, without a line feed: the body may have been cut, and what came before is good', async () => {
    const whole = `${succeeded('a')}\n${succeeded('b')}\n`;
    // Cut where half a line looks like a whole one, and within a character.
    const looksWhole = '{"custom_id":"c","result":{"type":"succeeded","message":{"usage":{"x":{},"y":{"z":1}}}';
    const withEuro = Buffer.from(succeeded('c', '€'));
    for (const half of ['{', looksWhole, withEuro.subarray(0, withEuro.indexOf('€') + 1)]) {
      for (const read of [(stream: ResultsStream) => stream.lines(), (stream: ResultsStream) => stream]) {
        const server = await rawServer((socket) => socket.once('data', () => socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${whole}`), Buffer.from(half)]))));
        const { items, error } = await allUntilError<unknown>(read(await client(server.url).results('x')));
        expect(items).toHaveLength(2);
        expect(error).toBeInstanceOf(InvalidAnswerError);
        expect((error as Error).message).toContain(
          `line 3 of the results (at byte ${whole.length}) ends in the middle, without a line feed: the body may have been cut there; the ${whole.length} bytes before it are good`,
        );
      }
    }
    const first = await allUntilError((await resultsOf('{"custom')).lines());
    expect((first.error as Error).message).toContain('line 1 of the results (at byte 0) ends in the middle, without a line feed: the body may have been cut there; nothing came before it');
  });

  test('without an end: given up at 64 MB', async () => {
    const server = await serving((response) => {
      const chunk = Buffer.alloc(1024 * 1024, 0x20);
      const more = () => void response.write(chunk, (error) => error ?? more());
      response.write(`${expired('a')}\n`);
      more();
    });
    const { items, error } = await allUntilError((await client(server.url).results('x')).lines());
    expect(items).toHaveLength(1);
    expect((error as Error).message).toContain(`line 2 of the results (at byte ${expired('a').length + 1}) is longer than 67108864 bytes, which no result is`);
    await expectAllClosed(server);
  });
});

test.each<[string, (response: ServerResponse) => void]>([
  ['with content-length', (response) => void response.writeHead(200, { 'content-length': 100_000 }).write(`${succeeded('a')}\n${succeeded('b')}`, () => response.destroy())],
  ['chunked', (response) => void response.writeHead(200).write(`${succeeded('a')}\n${succeeded('b')}`, () => response.destroy())],
  ['in gzip', (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(`${succeeded('a')}\n${succeeded('b')}`).subarray(0, -8))],
])('a body that is cut, %s, is a ConnectionError after the lines that were whole', async (_, answer) => {
  const server = await serving(answer);
  const { items, error } = await allUntilError((await client(server.url).results('x')).lines());
  expect(items.map(({ customId }) => customId)).toEqual(['a']);
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error).toMatchObject({ retryable: true });
});

/** The three ways to read, each as an iterable of something. */
const ways: [string, (stream: ResultsStream) => AsyncIterable<unknown>][] = [
  ['body', (stream) => stream.body],
  ['lines', (stream) => stream.lines()],
  ['results', (stream) => stream],
];

describe.each(ways)('the connection is freed at once, reading %s,', (_, read) => {
  test('by break, also of a compressed body', async () => {
    const plain = await serving(endless);
    const compressed = await serving((response) => endless(response.writeHead(200, { 'content-encoding': 'gzip' }), gzipSync));
    for (const server of [plain, compressed]) {
      for await (const item of read(await client(server.url).results('x'))) {
        expect(item).toBeDefined();
        break;
      }
      await expectAllClosed(server);
    }
  });

  test('by an error in the loop', async () => {
    const server = await serving(endless);
    const reason = new Error('of the caller');
    const reading = (async () => {
      for await (const item of read(await client(server.url).results('x'))) throw item === undefined ? item : reason;
    })();
    expect(await reading.catch((error: unknown) => error)).toBe(reason);
    await expectAllClosed(server);
  });

  test('by return before the first item, and by close', async () => {
    const server = await serving(endless);
    const api = client(server.url);
    const iterator = read(await api.results('x'))[Symbol.asyncIterator]();
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await expectAllClosed(server);
    (await api.results('x')).close();
    await expectAllClosed(server);
  });

  test('by return while an item is awaited, which then is none', async () => {
    const server = await serving((response) => response.writeHead(200).write(`${expired('a')}\n{"custom_id":"ha`));
    const iterator = read(await client(server.url).results('x'))[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    const waiting = iterator.next();
    await sleep(20);
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    await expectAllClosed(server);
  });

  test('by an abort, with its reason, while an item is awaited', async () => {
    const server = await serving((response) => response.writeHead(200).write(`${expired('a')}\n`));
    const abort = new AbortController();
    const reason = new Error('stop');
    const iterator = read(await client(server.url).results('x', { signal: abort.signal }))[Symbol.asyncIterator]();
    await iterator.next();
    const waiting = iterator.next().catch((error: unknown) => error);
    await sleep(20);
    abort.abort(reason);
    expect(await waiting).toBe(reason);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await expectAllClosed(server);
  });

  test('by an abort while there is more at hand, and before anything is read', async () => {
    const server = await serving((response) => endless(response));
    const reason = new Error('stop');
    for (const itemsBefore of [1, 0]) {
      const abort = new AbortController();
      const iterator = read(await client(server.url).results('x', { signal: abort.signal }))[Symbol.asyncIterator]();
      for (let item = 0; item < itemsBefore; item++) await iterator.next();
      abort.abort(reason);
      expect(await iterator.next().then(String, (error: unknown) => error)).toBe(reason);
      await expectAllClosed(server);
    }
  });

  test('by close, of which a reader hears', async () => {
    const server = await serving((response) => response.writeHead(200).write(`${expired('a')}\n`));
    const stream = await client(server.url).results('x');
    const iterator = read(stream)[Symbol.asyncIterator]();
    await iterator.next();
    const waiting = iterator.next();
    stream.close();
    expect((await expectRejection(waiting, ConnectionError)).message).toContain(`closed by this program after ${expired('a').length + 1} bytes`);
    await expectAllClosed(server);
  });

  test.each(ways)('and they can be read once: then not as %s', async (_, readAgain) => {
    const stream = await resultsOf(`${expired('a')}\n`);
    await all(read(stream));
    expect((await expectRejection(all(readAgain(stream)), InvalidRequestError)).message).toContain('can be read only once');
  });
});

describe('going on at an offset', () => {
  const lines = ['a', 'b', 'c'].map((id) => `${succeeded(id)}\n`);
  const bytes = Buffer.from(lines.join(''));
  const at = lines[0]!.length;
  const resume: ResultsOptions = { offset: at, ifRange: '"v1"' };

  test('offsets count from the beginning of all results, numbers from that of the stream', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(206, { 'content-range': `bytes ${at}-${bytes.length - 1}/${bytes.length}`, etag: '"v1"' }).end(bytes.subarray(at));
    });
    const given = await all((await client(server.url).results('x', resume)).lines());
    expect(given.map(({ customId, offset, number }) => [customId, offset, number])).toEqual([['b', at, 1], ['c', at + lines[1]!.length, 2]]);
    expect(given.map((line) => bytes.subarray(line.offset, line.offset + line.bytes.length).equals(line.bytes))).toEqual([true, true]);
  });

  test('a body that begins anew begins at 0', async () => {
    const server = await httpServer((_, response) => void response.writeHead(200, { etag: '"v2"' }).end(bytes));
    const given = await all((await client(server.url).results('x', resume)).lines());
    expect(given.map(({ offset, number }) => [offset, number])).toEqual([[0, 1], [at, 2], [at + lines[1]!.length, 3]]);
  });

  test('a cut tells the bytes of this stream that are good', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(206, { 'content-range': `bytes ${at}-${bytes.length - 1}/${bytes.length}`, etag: '"v1"' }).end(bytes.subarray(at, -5));
    });
    const { error } = await allUntilError((await client(server.url).results('x', resume)).lines());
    expect((error as Error).message).toContain(`(at byte ${at + lines[1]!.length}) ends in the middle, without a line feed: the body may have been cut there; the ${lines[1]!.length} bytes before it are good`);
  });

  test('where nothing is left there are no lines', async () => {
    const server = await httpServer((_, response) => void response.writeHead(416, { 'content-range': `bytes */${at}`, 'content-encoding': 'gzip' }).end(gzipSync('{}')));
    const api = client(server.url);
    for (const [, read] of ways) expect(await all(read(await api.results('x', resume)))).toEqual([]);
    const stream = await api.results('x', resume);
    await all(stream);
    await expectRejection(all(stream.lines()), InvalidRequestError);
  });
});

test.each(ways)('a reader of %s that stops for a while takes no more than a few hundred KB ahead', async (_, read) => {
  const server = await serving(endless);
  const connect = buildConnector({});
  let socket: Socket | undefined;
  const dispatcher = new Agent({
    connect: (options, callback) =>
      connect(options, (...result) => {
        socket = result[1] ?? undefined;
        callback(...result);
      }),
  });
  const iterator = read(await client(server.url, { dispatcher }).results('x'))[Symbol.asyncIterator]();
  for (let item = 0; item < 3; item++) await iterator.next();
  await sleep(300);
  expect(socket!.bytesRead).toBeLessThan(1024 * 1024);
  // Not at all because nothing more came: it goes on.
  const before = socket!.bytesRead;
  for (let item = 0; item < 20_000 && socket!.bytesRead < before + 1024 * 1024; item++) await iterator.next();
  expect(socket!.bytesRead).toBeGreaterThanOrEqual(before + 1024 * 1024);
  await iterator.return!();
  await expectAllClosed(server);
  await dispatcher.destroy();
});
