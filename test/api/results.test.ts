import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { MessageBatchesApi } from '../../src/api';
import {
  ApiError, ConnectionError, InvalidAnswerError, InvalidRequestError, NotFoundError, TimeoutError, type ResultsOptions, type ResultsStream,
} from '../../src/api';
import { splitLines } from '../../src/jsonl';
import { closeClients, openClient } from './support/clients';
import { apiError, CERTIFICATE_FILE, closeServers, httpServer, httpsServer, json, rawServer, expectRejection, streamingServer, type TestServer } from './support/servers';
import { Agent } from 'undici';
import { readFileSync } from 'node:fs';

afterEach(async () => {
  await closeClients();
  await closeServers();
});

function client(url: string, more: object = {}): MessageBatchesApi {
  return openClient({ baseUrl: url, credential: { kind: 'x-api-key', token: 'sk-ant-test-0123456789' }, ...more });
}

async function readAll(stream: ResultsStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Takes one chunk and breaks out. */
async function readFirst(stream: ResultsStream): Promise<Buffer | undefined> {
  for await (const chunk of stream.body) return chunk;
  return undefined;
}

function line(index: number): string {
  return `${JSON.stringify({ custom_id: `r-${index}`, result: { type: 'expired' } })}\n`;
}

const LINES = Array.from({ length: 500 }, (_, index) => line(index)).join('');

function serving(answer: (response: ServerResponse) => void): Promise<TestServer> {
  return streamingServer((_, response) => answer(response));
}

test('asks for the canonical path, and gives the bytes as they are', async () => {
  // CRLF, blank lines, a byte order mark, separators that are no line ends, no final line feed.
  const bytes = Buffer.from('\ufeff{"custom_id":"a","text":"x\u2028y\u2029z\u0085"}\r\n\n{"custom_id":"b"}');
  const server = await httpServer((_, response) => {
    response.writeHead(200, { 'request-id': 'req_r', 'content-length': bytes.length, etag: '"v1"', 'x-message-batches-simulation': 'true' });
    response.end(bytes);
  });
  const stream = await client(`${server.url}/prefix`).results('msgbatch_1');
  expect(stream).toMatchObject({ status: 200, offset: 0, contentLength: bytes.length, entityTag: '"v1"', requestId: 'req_r', simulated: true });
  expect(await readAll(stream)).toEqual(bytes);
  expect(server.requests.map(({ method, url }) => [method, url])).toEqual([['GET', '/prefix/v1/messages/batches/msgbatch_1/results']]);
  expect(server.requests[0]!.headers).toMatchObject({ accept: 'application/x-jsonl', 'accept-encoding': 'gzip', 'x-api-key': 'sk-ant-test-0123456789' });
  expect(server.requests[0]!.headers).not.toHaveProperty('range');
});

test('one-byte chunks and characters cut at every place come out whole through the line splitter', async () => {
  const text = '{"a":"ü€🌍"}\n{"b":"🌍€ü"}\n';
  const server = await serving((response) => {
    response.socket!.setNoDelay(true);
    const bytes = Buffer.from(text);
    let at = 0;
    const next = () => void (at < bytes.length ? response.write(bytes.subarray(at, ++at), () => setImmediate(next)) : response.end());
    next();
  });
  const lines: string[] = [];
  for await (const some of splitLines((await client(server.url).results('x')).body)) lines.push(...some.map(({ bytes }) => bytes.toString()));
  expect(lines).toEqual(text.trimEnd().split('\n'));
});

describe('gzip', () => {
  test('is taken off', async () => {
    const server = await serving((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', etag: '"v1"' });
      response.end(gzipSync(LINES));
    });
    const stream = await client(server.url).results('x');
    // A range of it would count compressed bytes, so there is no tag to go on with.
    expect(stream).not.toHaveProperty('entityTag');
    expect(stream).not.toHaveProperty('contentLength');
    expect((await readAll(stream)).toString()).toBe(LINES);
  });

  test.each([0, 5, 15, 300])('that ends after %d bytes is an error, though the HTTP is whole', async (length) => {
    const server = await serving((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'request-id': 'req_cut' });
      response.end(gzipSync(LINES).subarray(0, length));
    });
    const error = await expectRejection(readAll(await client(server.url).results('x')), ConnectionError);
    expect(error).toMatchObject({ requestId: 'req_cut', retryable: true, code: 'Z_BUF_ERROR' });
  });

  test('that lacks only its checksum is an error', async () => {
    const server = await serving((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(LINES).subarray(0, -8));
    });
    await expectRejection(readAll(await client(server.url).results('x')), ConnectionError);
  });

  test('another encoding is refused', async () => {
    const server = await serving((response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('x'));
    expect((await expectRejection(client(server.url).results('x'), InvalidAnswerError)).message).toContain('content-encoding zstd');
  });
});

describe('a body that is cut off', () => {
  test.each([
    ['with content-length', (response: ServerResponse) => void response.writeHead(200, { 'request-id': 'req_c', 'content-length': 100_000 }).write(LINES, () => response.destroy())],
    ['chunked', (response: ServerResponse) => void response.writeHead(200, { 'request-id': 'req_c' }).write(LINES, () => response.destroy())],
  ])('%s raises after what came', async (_, answer) => {
    const server = await serving(answer);
    const stream = await client(server.url).results('msgbatch_1');
    let received = '';
    const reading = (async () => {
      for await (const chunk of stream.body) received += chunk.toString();
    })();
    const error = await expectRejection(reading, ConnectionError);
    expect(error).toMatchObject({ requestId: 'req_c', outcomeKnown: true, retryable: true });
    expect(error.message).toContain(`results msgbatch_1: the answer was cut off after ${LINES.length} bytes`);
    expect(received).toBe(LINES);
  });

  test('by a server that ends the connection in order, short of content-length', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n${LINES.slice(0, 400)}`)));
    await expectRejection(readAll(await client(server.url).results('x')), ConnectionError);
  });
});

test('a body that stands still is a timeout of the body, headers that do not come one of the headers', async () => {
  const server = await streamingServer((request, response) => {
    if (request.url!.includes('stalls')) response.writeHead(200, { 'request-id': 'req_s' }).write(line(0));
  });
  const api = client(server.url, { timeoutMs: 500, idleTimeoutMs: 500 });
  const stream = await api.results('stalls');
  expect(await expectRejection(readAll(stream), TimeoutError)).toMatchObject({ waitingFor: 'body', requestId: 'req_s', retryable: true });
  expect(await expectRejection(api.results('silent'), TimeoutError)).toMatchObject({ waitingFor: 'headers' });
});

test('a reader that takes its time is no stall, and the server is held back', async () => {
  const total = 64 * 1024 * 1024;
  let sent = 0;
  const server = await serving((response) => {
    response.writeHead(200, { 'content-length': total });
    const more = () => {
      let room = true;
      for (; room && sent < total; sent += 65_536) room = response.write(Buffer.alloc(65_536, 0x0a));
      if (room) response.end();
      else response.once('drain', more);
    };
    more();
  });
  const stream = await client(server.url, { idleTimeoutMs: 300 }).results('x');
  const sentAfterPause: number[] = [];
  let read = 0;
  for await (const chunk of stream.body) {
    if (read === 0) {
      // Longer than the idle timeout and its coarse clock.
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      sentAfterPause.push(sent);
    }
    read += chunk.length;
  }
  expect(sentAfterPause[0]).toBeLessThan(total / 2);
  expect(read).toBe(total);
});

describe('the connection is freed', () => {
  function endless(response: ServerResponse): void {
    response.writeHead(200);
    const more = () => void response.write(LINES, (error) => error ?? setImmediate(more));
    more();
  }

  async function expectAllClosed(server: TestServer): Promise<void> {
    while (server.sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  test('by an early break', async () => {
    const server = await serving(endless);
    await readFirst(await client(server.url).results('x'));
    await expectAllClosed(server);
  });

  test('by an early break of a compressed body', async () => {
    const server = await serving((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      const more = () => void response.write(gzipSync(LINES), (error) => error ?? setImmediate(more));
      more();
    });
    await readFirst(await client(server.url).results('x'));
    await expectAllClosed(server);
  });

  test('by close, and by return of an iterator that never began', async () => {
    const server = await serving(endless);
    const api = client(server.url);
    (await api.results('x')).close();
    await expectAllClosed(server);
    await (await api.results('x')).body[Symbol.asyncIterator]().return!();
    await expectAllClosed(server);
  });

  test('by an abort in the middle, with the reason itself', async () => {
    const server = await serving((response) => response.writeHead(200).write(line(0)));
    const abort = new AbortController();
    const reason = new Error('stop');
    const reading = readAll(await client(server.url).results('x', { signal: abort.signal }));
    setTimeout(() => abort.abort(reason), 50);
    expect(await reading.catch((error: unknown) => error)).toBe(reason);
    await expectAllClosed(server);
  });

  test('and a body can be read only once', async () => {
    const server = await serving((response) => response.end(LINES));
    const stream = await client(server.url).results('x');
    await readAll(stream);
    await expect(readAll(stream)).rejects.toThrow('only once');
  });
});

describe('going on at an offset', () => {
  const bytes = Buffer.from(LINES);
  const at = 1000;
  const resume: ResultsOptions = { offset: at, ifRange: '"v1"' };

  async function ranged(answer: (range: string | undefined, ifRange: string | undefined, response: ServerResponse) => void) {
    return httpServer(({ headers }, response) => answer(headers.range, headers['if-range'] as string | undefined, response));
  }

  test('206 of the same entity begins there', async () => {
    const server = await ranged((range, ifRange, response) => {
      expect([range, ifRange]).toEqual([`bytes=${at}-`, '"v1"']);
      response.writeHead(206, { 'content-range': `bytes ${at}-${bytes.length - 1}/${bytes.length}`, etag: '"v1"' });
      response.end(bytes.subarray(at));
    });
    const stream = await client(server.url).results('x', resume);
    expect(stream).toMatchObject({ status: 206, offset: at, entityTag: '"v1"' });
    expect(await readAll(stream)).toEqual(bytes.subarray(at));
    expect(server.requests[0]!.headers['accept-encoding']).toBe('identity');
  });

  test('206 of bytes that end before the results do gives them, then says that it was cut', async () => {
    const server = await ranged((_, __, response) => {
      response.writeHead(206, { 'content-range': `bytes ${at}-${at + 99}/${bytes.length}`, etag: '"v1"' }).end(bytes.subarray(at, at + 100));
    });
    const stream = await client(server.url).results('x', resume);
    const got: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of stream.body) got.push(chunk);
    })();
    const error = await expectRejection(reading, ConnectionError);
    expect(error.message).toContain(`cut off after 100 bytes (${bytes.length - at - 100} bytes before the end of the results)`);
    expect(error.retryable).toBe(true);
    expect(Buffer.concat(got)).toEqual(bytes.subarray(at, at + 100));
  });

  test('200 begins at 0', async () => {
    const server = await ranged((_, __, response) => response.writeHead(200, { etag: '"v2"' }).end(bytes));
    const stream = await client(server.url).results('x', resume);
    expect(stream).toMatchObject({ status: 200, offset: 0, entityTag: '"v2"' });
    expect(await readAll(stream)).toEqual(bytes);
  });

  test('without ifRange everything is asked for', async () => {
    const server = await ranged((range, ifRange, response) => response.end(JSON.stringify([range, ifRange])));
    const stream = await client(server.url).results('x', { offset: at });
    expect(stream).toMatchObject({ status: 200, offset: 0 });
    expect((await readAll(stream)).toString()).toBe('[null,null]');
  });

  test('416 at the very end means that nothing is left', async () => {
    const server = await ranged((_, __, response) => response.writeHead(416, { 'content-range': `bytes */${at}` }).end());
    const stream = await client(server.url).results('x', resume);
    expect(stream).toMatchObject({ status: 206, offset: at, contentLength: 0 });
    expect(await readAll(stream)).toHaveLength(0);
  });

  test.each<[string, number, Record<string, string>, new (...args: never[]) => Error]>([
    ['a part that begins elsewhere', 206, { 'content-range': 'bytes 900-999/5000' }, InvalidAnswerError],
    ['a part without content-range', 206, {}, InvalidAnswerError],
    ['a part of other results', 206, { 'content-range': `bytes ${at}-1999/2000`, etag: '"v2"' }, InvalidAnswerError],
    ['a compressed part', 206, { 'content-range': `bytes ${at}-1999/2000`, 'content-encoding': 'gzip' }, InvalidAnswerError],
    ['416 of a shorter entity', 416, { 'content-range': 'bytes */5' }, ApiError],
  ])('%s is refused', async (_, status, headers, type) => {
    const server = await ranged((__, ___, response) => response.writeHead(status, headers).end('x'));
    await expectRejection(client(server.url).results('x', resume), type);
  });

  test('a weak tag is not given out, nor taken', async () => {
    const server = await ranged((_, __, response) => response.writeHead(200, { etag: 'W/"v1"' }).end(bytes));
    const stream = await client(server.url).results('x');
    expect(stream).not.toHaveProperty('entityTag');
    stream.close();
    await expectRejection(client(server.url).results('x', { offset: 1, ifRange: 'W/"v1"' }), InvalidRequestError);
    await expectRejection(client(server.url).results('x', { offset: -1 }), InvalidRequestError);
  });
});

describe('redirects', () => {
  const elsewhere = 'https://user:pw@files.example/signed?token=hush';

  test('within the origin are followed, with the credential', async () => {
    const server = await httpServer(({ url, headers }, response) => {
      if (url === '/moved?x=1') response.end(headers['x-api-key']);
      else response.writeHead(302, { location: '../../../../moved?x=1' }).end();
    });
    expect((await readAll(await client(server.url).results('x'))).toString()).toBe('sk-ant-test-0123456789');
  });

  test('to another origin are refused, and nothing is sent there', async () => {
    const other = await httpServer((_, response) => response.end('should not be asked'));
    const server = await httpServer((_, response) => response.writeHead(307, { location: `${other.url}/results?token=hush` }).end());
    const error = await expectRejection(client(server.url).results('x'), ApiError);
    expect(error).toMatchObject({ status: 307, retryable: false });
    expect(error.message).toContain(`a redirect to ${other.url} was not followed`);
    expect(error.message).not.toContain('hush');
    expect(other.sockets.size).toBe(0);
  });

  test('from https to http are refused', async () => {
    const plain = await httpServer((_, response) => response.end('should not be asked'));
    const server = await httpsServer((_, response) => response.writeHead(301, { location: plain.url }).end());
    const dispatcher = new Agent({ connect: { ca: readFileSync(CERTIFICATE_FILE) } });
    const error = await expectRejection(client(server.url, { dispatcher }).results('x'), ApiError);
    expect(error.message).toContain(`a redirect to ${plain.url} was not followed`);
    expect(plain.sockets.size).toBe(0);
    await dispatcher.destroy();
  });

  test.each([elsewhere, 'http://[', undefined])('to %s: no way', async (location) => {
    const server = await httpServer((_, response) => response.writeHead(302, location === undefined ? {} : { location }).end());
    const error = await expectRejection(client(server.url).results('x'), ApiError);
    expect(error.message).toContain('was not followed');
    expect(error.message).not.toMatch(/hush|pw/);
  });

  test('that go round in circles end', async () => {
    const server = await httpServer(({ url }, response) => response.writeHead(302, { location: url }).end());
    expect((await expectRejection(client(server.url).results('x'), ApiError)).message).toContain('too many already');
    expect(server.requests).toHaveLength(6);
  });
});

test('results_url is not followed: it could name any host', async () => {
  const other = await httpServer((_, response) => response.end('stolen'));
  const server = await httpServer(({ url }, response) => {
    if (url.endsWith('/results')) response.end(LINES);
    else json(response, 200, { id: 'x', type: 'message_batch', processing_status: 'ended', results_url: `${other.url}/steal` });
  });
  const api = client(server.url);
  expect((await api.retrieve('x')).data.results_url).toBe(`${other.url}/steal`);
  expect((await readAll(await api.results('x'))).toString()).toBe(LINES);
  expect(other.requests).toHaveLength(0);
});

test('a page of HTML is no results', async () => {
  const server = await serving((response) => response.writeHead(200, { 'content-type': 'text/html', 'request-id': 'req_h' }).end('\n <!doctype html><p>log in'));
  expect(await expectRejection(readAll(await client(server.url).results('x')), InvalidAnswerError)).toMatchObject({ requestId: 'req_h' });
});

test('a batch without results yet is a NotFoundError, and opening is retried where it passes', async () => {
  let calls = 0;
  const server = await httpServer(({ url }, response) => {
    if (url.includes('none')) return json(response, 404, apiError('not_found_error', 'msgbatch has no available results.'));
    return ++calls < 2 ? json(response, 503, 'busy') : void response.end(LINES);
  });
  await expectRejection(client(server.url, { maxRetries: 2 }).results('none'), NotFoundError);
  expect((await readAll(await client(server.url, { maxRetries: 1 }).results('x'))).toString()).toBe(LINES);
});
