import { getEventListeners } from 'node:events';
import {
  ApiError, ConnectionError, DeadlinePassedError, InvalidAnswerError, MessageBatchesApi, RateLimitError, RequestBodyError, RequestTooLargeError, ServerError, TimeoutError, type CreateBody,
} from '../../src/api';
import { apiError, batch, closeServers, httpServer, json, rawServer, expectRejection, streamingServer, unusedPort } from './support/servers';
import { until } from '../support/until';

afterEach(closeServers);

const KEY = 'sk-ant-test-0123456789';
const REQUESTS = [{ custom_id: 'a-1', params: { model: 'claude-opus-5-5', max_tokens: 16, messages: [{ role: 'user' as const, content: 'Grüße 🌍  ' }] } }];

function client(url: string, more: object = {}): MessageBatchesApi {
  return new MessageBatchesApi({ baseUrl: url, credential: { kind: 'x-api-key', token: KEY }, maxRetries: 0, ...more });
}

function chunked(text: string, size = 7): CreateBody {
  const bytes = Buffer.from(text);
  return {
    contentLength: bytes.length,
    chunks: (async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    })(),
  };
}

test('sends the exact body and headers, and gives what the answer says', async () => {
  const server = await httpServer((_, response) =>
    json(response, 200, batch('msgbatch_9', { new_field: 1, processing_status: 'some_new_status' }), {
      date: 'Sat, 21 Nov 2026 10:00:00 GMT',
      'retry-after': '10',
      'x-message-batches-simulation': 'true',
    }),
  );
  const answer = await client(server.url, { betas: ['b-1'] }).create({ requests: REQUESTS }, { betas: ['b-2', 'b-1'] });
  expect(answer).toEqual({
    data: expect.objectContaining({ id: 'msgbatch_9', new_field: 1, processing_status: 'some_new_status' }),
    requestId: 'req_test',
    serverTime: new Date('2026-11-21T10:00:00Z'),
    retryAfterMs: 10_000,
    simulated: true,
    headers: expect.objectContaining({ 'request-id': 'req_test', 'content-type': 'application/json' }),
  });
  expect(server.requests).toHaveLength(1);
  const { method, url, headers, body } = server.requests[0]!;
  const sent = JSON.stringify({ requests: REQUESTS });
  expect({ method, url, body }).toEqual({ method: 'POST', url: '/v1/messages/batches', body: sent });
  expect(headers).toEqual({
    host: server.url.slice('http://'.length),
    connection: 'close',
    'user-agent': expect.stringMatching(/^temporal-message-batches\/\d/),
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'b-1,b-2',
    'x-api-key': KEY,
    accept: 'application/json',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(sent)),
  });
  expect(Buffer.byteLength(sent)).toBeGreaterThan(sent.length);
});

test('streams a serialized body as it is, whatever its chunks', async () => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  const text = JSON.stringify({ requests: REQUESTS });
  for (const size of [1, 2, 3, 7, 10_000]) await client(server.url).create(chunked(text, size));
  expect(server.requests.map(({ body }) => body)).toEqual(Array(5).fill(text));
  expect(new Set(server.requests.map(({ headers }) => headers['content-length']))).toEqual(new Set([String(Buffer.byteLength(text))]));
});

test('each create has a connection of its own, which is gone afterwards', async () => {
  let connections = 0;
  const server = await httpServer((_, response) => json(response, 200, batch()));
  const api = client(server.url);
  const ports = new Set<number | undefined>();
  const counting = await streamingServer((request, response) => {
    connections++;
    ports.add(request.socket.remotePort);
    request.resume().on('end', () => json(response, 200, batch()));
  });
  const second = client(counting.url);
  await second.create({ requests: REQUESTS });
  await second.create({ requests: REQUESTS });
  expect({ connections, ports: ports.size }).toEqual({ connections: 2, ports: 2 });
  await api.create({ requests: REQUESTS });
  await untilEmpty(server.sockets);
  await untilEmpty(counting.sockets);
});

describe('what is known after a failure', () => {
  const answers: [string, number, unknown, { outcomeKnown: boolean; retryable: boolean; type: typeof ApiError }][] = [
    ['400', 400, apiError('invalid_request_error', 'bad'), { outcomeKnown: true, retryable: false, type: ApiError }],
    ['409', 409, apiError('conflict_error', 'again'), { outcomeKnown: true, retryable: true, type: ApiError }],
    ['413 as HTML of something in between', 413, '<html>Payload Too Large</html>', { outcomeKnown: true, retryable: false, type: RequestTooLargeError }],
    ['429', 429, apiError('rate_limit_error', 'slow'), { outcomeKnown: true, retryable: true, type: RateLimitError }],
    ['307, which is not followed', 307, '', { outcomeKnown: true, retryable: false, type: ApiError }],
    ['408', 408, apiError('timeout_error', 'late'), { outcomeKnown: false, retryable: false, type: ApiError }],
    ['500', 500, apiError('api_error', 'oops'), { outcomeKnown: false, retryable: false, type: ServerError }],
    ['504', 504, apiError('timeout_error', 'late'), { outcomeKnown: false, retryable: false, type: ServerError }],
    ['529', 529, apiError('overloaded_error', 'busy'), { outcomeKnown: false, retryable: false, type: ServerError }],
  ];
  test.each(answers)('%s', async (_, status, body, expected) => {
    const server = await httpServer((__, response) => json(response, status, body, { location: '/elsewhere', ...(status >= 500 && { 'x-should-retry': 'true' }) }));
    // Retries are on: what is unknown must not be sent again all the same.
    const known = expected.outcomeKnown;
    const error = await expectRejection(client(server.url, { maxRetries: known ? 0 : 2 }).create({ requests: REQUESTS }), expected.type);
    expect(error).toMatchObject({ status, outcomeKnown: known, retryable: expected.retryable });
    expect(server.requests).toHaveLength(1);
    expect(error.message.includes('Whether a batch was made is unknown')).toBe(!known);
    expect(error.message.includes('was not followed: a create is not sent elsewhere')).toBe(status === 307);
  });

  test.each([
    ['HTML', '<!doctype html><p>welcome to the hotel', 'HTML'],
    ['cut JSON', JSON.stringify(batch()).slice(0, 40), 'cut or damaged'],
    ['an empty body', '', 'empty'],
    ['other JSON', '{"ok":true}', 'not what the API answers'],
    ['plain text', 'ok', 'not JSON'],
  ])('200 with %s', async (_, body, words) => {
    const server = await httpServer((__, response) => json(response, 200, body));
    const error = await expectRejection(client(server.url, { maxRetries: 2 }).create({ requests: REQUESTS }), InvalidAnswerError);
    expect(error).toMatchObject({ requestId: 'req_test', outcomeKnown: false, retryable: false });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('hotel');
    expect(server.requests).toHaveLength(1);
  });

  test('200 whose body is cut off by the connection', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(200, { 'request-id': 'req_cut', 'content-length': 1000 });
      response.write('{"id":', () => response.destroy());
    });
    const error = await expectRejection(client(server.url).create({ requests: REQUESTS }), InvalidAnswerError);
    expect(error).toMatchObject({ requestId: 'req_cut', outcomeKnown: false, retryable: false });
  });

  test('a connection that is reset after the whole body was read is not used again, and the outcome is unknown', async () => {
    const server = await httpServer((_, __, incoming) => incoming.socket.resetAndDestroy());
    const error = await expectRejection(client(server.url, { maxRetries: 2 }).create({ requests: REQUESTS }), ConnectionError);
    expect(error).toMatchObject({ sent: 'maybe', outcomeKnown: false, retryable: false });
    expect(server.requests).toHaveLength(1);
  });

  test('a connection that is reset in the middle of the body: no batch was made', async () => {
    let connections = 0;
    const server = await rawServer((socket) => {
      connections++;
      socket.once('data', () => socket.resetAndDestroy());
    });
    const endless: CreateBody = {
      contentLength: 50_000_000,
      chunks: (async function* () {
        for (;;) yield Buffer.alloc(100_000, 'x');
      })(),
    };
    const error = await expectRejection(client(server.url, { maxRetries: 2 }).create(endless), ConnectionError);
    expect(error).toMatchObject({ sent: 'incomplete', outcomeKnown: true, retryable: true });
    expect(error.message).toContain('no batch was made');
    expect(connections).toBe(1);
  });

  test.each([401, 413, 529])('an early %d stops the upload, and is known', async (status) => {
    let received = 0;
    const server = await streamingServer((request, response) => {
      request.on('error', () => undefined).on('data', (chunk: Buffer) => (received += chunk.length));
      json(response, status, apiError('some_error', 'no'));
    });
    const contentLength = 50_000_000;
    let ended = false;
    const body: CreateBody = {
      contentLength,
      chunks: (async function* () {
        try {
          for (let sent = 0; sent < contentLength; sent += 100_000) {
            yield Buffer.alloc(100_000, 'x');
            await new Promise(setImmediate);
          }
        } finally {
          ended = true;
        }
      })(),
    };
    const error = await expectRejection(client(server.url).create(body), ApiError);
    expect(error).toMatchObject({ status, outcomeKnown: true });
    expect(received).toBeLessThan(contentLength);
    await until(() => ended);
    await untilEmpty(server.sockets);
  });

  test('after an early answer that takes its time the last byte is not sent', async () => {
    let whole = false;
    const server = await streamingServer((request, response) => {
      request.on('error', () => undefined).on('end', () => (whole = request.complete)).resume();
      response.writeHead(529).flushHeaders();
      setTimeout(() => response.end(JSON.stringify(apiError('overloaded_error', 'busy'))), 600);
    });
    const body: CreateBody = {
      contentLength: 1000,
      chunks: (async function* () {
        for (let part = 0; part < 10; part++) {
          yield Buffer.alloc(100, 'x');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })(),
    };
    expect(await expectRejection(client(server.url).create(body), ApiError)).toMatchObject({ type: 'overloaded_error', outcomeKnown: true, retryable: true });
    expect(whole).toBe(false);
  });

  test('a refused connection: nothing was sent, and it is tried again', async () => {
    const port = await unusedPort();
    const started = Date.now();
    const error = await expectRejection(client(`http://127.0.0.1:${port}`, { maxRetries: 1 }).create({ requests: REQUESTS }), ConnectionError);
    expect(error).toMatchObject({ sent: 'nothing', outcomeKnown: true, retryable: true, code: 'ECONNREFUSED' });
    expect(error.message).toContain(`http://127.0.0.1:${port}`);
    expect(Date.now() - started).toBeGreaterThan(350);
  });

  test('a name that is not known: nothing was sent', async () => {
    const error = await expectRejection(client('http://no-such-host.invalid').create({ requests: REQUESTS }), ConnectionError);
    expect(error).toMatchObject({ sent: 'nothing', outcomeKnown: true, retryable: true });
  });

  test('a serialized body is still whole after a refused connection', async () => {
    const port = await unusedPort();
    const creating = client(`http://127.0.0.1:${port}`, { maxRetries: 2 }).create(chunked('{"requests":[1]}'));
    const http = await import('node:http');
    const bodies: string[] = [];
    const server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk)).on('end', () => {
        bodies.push(body);
        json(response, 200, batch());
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await creating;
    expect(bodies).toEqual(['{"requests":[1]}']);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('white space behind the JSON', () => {
  const whole = Buffer.from(JSON.stringify({ requests: REQUESTS }));

  /** Acts on a whole JSON, whatever the length that was announced. */
  async function eager(): Promise<{ url: string; made(): boolean }> {
    let made = false;
    const server = await rawServer((socket) => {
      let text = '';
      socket.on('error', () => undefined).on('data', (data: Buffer) => {
        text += data.toString('latin1');
        try {
          JSON.parse(text.split('\r\n\r\n')[1]!);
          made = true;
        } catch {
          // Not whole yet.
        }
      });
    });
    return { url: server.url, made: () => made };
  }

  test.each<[string, Buffer[]]>([
    ['in a chunk of its own', [whole, Buffer.from('\n')]],
    ['in several', [whole, Buffer.from(' \t'), Buffer.alloc(0), Buffer.from('\r\n'), Buffer.from('\n')]],
    ['in the chunk of the last brace', [whole.subarray(0, 20), Buffer.concat([whole.subarray(20), Buffer.from('\n\n')])]],
    ['in both', [Buffer.concat([whole, Buffer.from('\n')]), Buffer.from('\n')]],
  ])('%s: nobody has the JSON before the source has ended', async (_, chunks) => {
    const { url, made } = await eager();
    const body: CreateBody = {
      contentLength: Buffer.concat(chunks).length,
      chunks: (async function* () {
        yield* chunks.slice(0, -1);
        // Time enough for a server to act, beyond the deadline.
        await new Promise((resolve) => setTimeout(resolve, 400));
        yield chunks.at(-1)!;
      })(),
    };
    await expectRejection(client(url).create(body, { timeoutMs: 200 }), DeadlinePassedError);
    expect(made()).toBe(false);
    const server = await httpServer((__, response) => json(response, 200, batch()));
    const again = { contentLength: body.contentLength, chunks: () => (async function* () { yield* chunks; })() };
    await client(server.url).create(again);
    expect(server.requests[0]!.body).toBe(Buffer.concat(chunks).toString());
  });

  test('more than 16 KB of it are not sent', async () => {
    const server = await eager();
    const chunks = async function* () { yield whole; yield Buffer.alloc(16_384, ' '); };
    const error = await expectRejection(client(server.url).create({ contentLength: whole.length + 16_384, chunks }), RequestBodyError);
    expect(error.message).toContain('white space');
    expect(server.made()).toBe(false);
  });
});

describe('an early success', () => {
  const halfSent = (): CreateBody => ({ contentLength: 100, chunks: (async function* () { yield Buffer.from('{'); yield Buffer.from('"'); await new Promise(() => undefined); })() });

  test.each([
    ['HTML', 'content-length: 6\r\n\r\n<html>', false],
    ['cut off', 'content-length: 500\r\n\r\n{"id":', true],
  ])('%s: a batch may exist', async (_, answer, cut) => {
    const server = await rawServer((socket) => socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${answer}`, () => cut && setTimeout(() => socket.destroy(), 50))));
    const error = await expectRejection(client(server.url, { maxRetries: 2 }).create(halfSent()), InvalidAnswerError);
    expect(error).toMatchObject({ outcomeKnown: false, retryable: false });
    expect(error.message).toContain('Whether a batch was made is unknown');
  });

  test('that does not end before the deadline: a batch may exist', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"id":')));
    const error = await expectRejection(client(server.url).create(halfSent(), { timeoutMs: 3_000 }), TimeoutError);
    expect(error).toMatchObject({ outcomeKnown: false, retryable: false, waitingFor: 'body' });
  });
});

describe('retries that are safe', () => {
  test('a serialized body that is given by a function is sent again', async () => {
    let times = 0;
    const server = await httpServer((_, response) => (++times === 1 ? json(response, 429, apiError('rate_limit_error', 'slow'), { 'retry-after-ms': '1' }) : json(response, 200, batch())));
    const text = JSON.stringify({ requests: REQUESTS });
    const chunks = async function* () { yield Buffer.from(text.slice(0, 9)); yield Buffer.from(text.slice(9)); };
    await client(server.url, { maxRetries: 1 }).create({ contentLength: Buffer.byteLength(text), chunks });
    expect(server.requests.map(({ body }) => body)).toEqual([text, text]);
  });

  test('with a token that was refused, too', async () => {
    const server = await httpServer((incoming, response) => (incoming.headers['authorization'] === 'Bearer token-that-is-new' ? json(response, 200, batch()) : json(response, 401, apiError('authentication_error', 'old'))));
    const tokens = ['token-that-is-old', 'token-that-is-new'];
    const chunks = async function* () { yield Buffer.from('{"requests":[]}'); };
    await client(server.url, { credential: { kind: 'bearer', token: () => tokens.shift()! } }).create({ contentLength: 15, chunks });
    expect(server.requests).toHaveLength(2);
  });

  test('429 and 409 are tried again with the whole body, after the hint', async () => {
    const answers = [429, 409, 200];
    const times: number[] = [];
    const server = await httpServer((_, response) => {
      times.push(Date.now());
      const status = answers.shift()!;
      json(response, status, status === 200 ? batch() : apiError('x', 'wait'), status === 429 ? { 'retry-after-ms': '700' } : {});
    });
    await client(server.url, { maxRetries: 2 }).create({ requests: REQUESTS });
    expect(server.requests.map(({ body }) => body)).toEqual(Array(3).fill(JSON.stringify({ requests: REQUESTS })));
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(690);
  });

  test('a body that can be read only once is not sent again', async () => {
    const server = await httpServer((_, response) => json(response, 429, apiError('rate_limit_error', 'wait')));
    await expectRejection(client(server.url, { maxRetries: 2 }).create(chunked('{"requests":[1]}')), RateLimitError);
    expect(server.requests).toHaveLength(1);
  });

  test('a wait beyond the deadline is not begun', async () => {
    const server = await httpServer((_, response) => json(response, 429, apiError('rate_limit_error', 'wait'), { 'retry-after': '30' }));
    const started = Date.now();
    await expectRejection(client(server.url, { maxRetries: 2 }).create({ requests: REQUESTS }, { deadline: new Date(Date.now() + 5_000) }), RateLimitError);
    expect(Date.now() - started).toBeLessThan(5_000);
    expect(server.requests).toHaveLength(1);
  });
});

describe('the source of the body', () => {
  const cases: [string, number, AsyncIterable<Uint8Array>, string][] = [
    ['too short', 100, (async function* () { yield Buffer.alloc(60, 'x'); })(), '100 bytes, but its source gave only 60'],
    ['too long', 100, (async function* () { yield Buffer.alloc(60, 'x'); yield Buffer.alloc(60, 32); })(), '100 bytes, but its source gave more'],
    ['too long by a chunk after the announced end', 60, (async function* () { yield Buffer.alloc(60, 'x'); yield Buffer.alloc(1); })(), 'gave more'],
    ['failing at its very end', 60, (async function* () { yield Buffer.alloc(60, 'x'); throw new Error('checksum differs'); })(), 'the source of the body failed'],
  ];
  test.each(cases)('%s: the last byte is never sent', async (_, contentLength, chunks, words) => {
    let received = '';
    let closed!: () => void;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    const server = await rawServer((socket) => socket.on('data', (data) => (received += data.toString())).on('close', () => closed()));
    const error = await expectRejection(client(server.url, { maxRetries: 2 }).create({ contentLength, chunks }), RequestBodyError);
    expect(error).toMatchObject({ outcomeKnown: true, retryable: false });
    expect(error.message).toContain(words);
    await gone;
    expect(received.split('\r\n\r\n')[1]?.length ?? 0).toBeLessThan(contentLength);
  });

  test('is asked for no more than the connection takes', async () => {
    let given = 0;
    let connected!: (socket: import('node:net').Socket) => void;
    const connection = new Promise<import('node:net').Socket>((resolve) => (connected = resolve));
    const server = await rawServer((socket) => connected(socket), { pauseOnConnect: true });
    const abort = new AbortController();
    const creating = client(server.url).create(
      {
        contentLength: 200_000_000,
        chunks: (async function* () {
          for (;;) {
            given += 1_000_000;
            yield Buffer.alloc(1_000_000, 'x');
          }
        })(),
      },
      { signal: abort.signal },
    );
    const outcome = expectRejection(creating, Error);
    await connection;
    // The kernels on both sides hold some megabytes; then it stands still.
    let before = -1;
    while (before !== given) {
      before = given;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(given).toBeLessThan(50_000_000);
    abort.abort(new Error('enough'));
    expect((await outcome).message).toBe('enough');
  });
});

test('an abort rejects at once with its own reason and leaves nothing behind', async () => {
  const server = await streamingServer((request) => request.resume());
  const abort = new AbortController();
  const creating = client(server.url).create({ requests: REQUESTS }, { signal: abort.signal });
  await until(() => server.sockets.size === 1);
  const reason = new Error('cancelled by its owner');
  abort.abort(reason);
  expect(await creating.catch((error: unknown) => error)).toBe(reason);
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  await untilEmpty(server.sockets);
  expect(await client(server.url).create({ requests: REQUESTS }, { signal: abort.signal }).catch((error: unknown) => error)).toBe(reason);
});

async function untilEmpty(set: Set<unknown>): Promise<void> {
  await until(() => set.size === 0);
}
