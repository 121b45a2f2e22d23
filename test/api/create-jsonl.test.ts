import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { jsonlFile, InvalidRequestError, MessageBatchesApi, RateLimitError, type CreateBody } from '../../src/api';
import { createInChild, line, lines, removeFiles, Source, writeFile } from './support/jsonl';
import { apiError, batch, closeServers, expectRejection, httpServer, httpsServer, json, rawServer, streamingServer } from './support/servers';
import { until } from '../support/until';

afterEach(async () => {
  await closeServers();
  removeFiles();
});

function client(url: string, more: object = {}): MessageBatchesApi {
  return new MessageBatchesApi({ baseUrl: url, maxRetries: 0, ...more });
}

function answering(): ReturnType<typeof httpServer> {
  return httpServer((_, response) => json(response, 200, batch()));
}

const THREE = `\uFEFF${line('a', 'Grüße 🌍')}\r\n\n${line('b')}\n${line('c')}`;
const THREE_REQUESTS = [line('a', 'Grüße 🌍'), line('b'), line('c')].map((one) => JSON.parse(one));

describe('what is sent', () => {
  const forms: [string, () => Promise<CreateBody> | CreateBody][] = [
    ['a file', () => jsonlFile(writeFile(THREE))],
    ['a file that is read twice', async () => ({ jsonl: (await jsonlFile(writeFile(THREE))).jsonl })],
    ['a stream', () => ({ jsonl: createReadStream(writeFile(THREE)), bytes: Buffer.byteLength(THREE) })],
    ['a generator with bytes', () => ({ jsonl: new Source(THREE, 7).open(), bytes: Buffer.byteLength(THREE) })],
    ['a function with bytes', () => ({ jsonl: new Source(THREE, 1).open, bytes: Buffer.byteLength(THREE) })],
    ['a function without', () => ({ jsonl: new Source(THREE, 3).open })],
  ];
  test.each(forms)('%s', async (_, body) => {
    const server = await answering();
    await client(server.url).create(await body());
    expect(server.requests).toHaveLength(1);
    const { headers, body: sent } = server.requests[0]!;
    expect(JSON.parse(sent)).toEqual({ requests: THREE_REQUESTS });
    expect(Buffer.byteLength(sent)).toBe(Buffer.byteLength(THREE) + 15);
    expect(headers).toMatchObject({ 'content-length': String(Buffer.byteLength(THREE) + 15), 'content-type': 'application/json' });
    expect(headers['transfer-encoding']).toBeUndefined();
  });

  test('further fields of the body stand beside the requests', async () => {
    const server = await answering();
    const bodyFields = { 'gateway-option': { ü: [1] }, left_out: undefined };
    const api = client(server.url);
    await api.create({ jsonl: new Source(THREE).open }, { bodyFields });
    await api.create({ requests: THREE_REQUESTS }, { bodyFields });
    await api.create({ requests: THREE_REQUESTS }, { bodyFields: { left_out: undefined } });
    expect(server.requests.map(({ body }) => JSON.parse(body))).toEqual([
      { requests: THREE_REQUESTS, 'gateway-option': { ü: [1] } },
      { requests: THREE_REQUESTS, 'gateway-option': { ü: [1] } },
      { requests: THREE_REQUESTS },
    ]);
  });

  // More than a connection holds, so that each block waits, and its memory is used again.
  const large = Array.from({ length: 40_000 }, (_, index) => `${line(`r-${index}`, `${index} `.repeat(index % 200))}\n`).join('');
  const expected = createHash('sha256').update(`{"requests":[${large.trimEnd().replaceAll('\n', ',')}\n]}`).digest('hex');

  /** A server that takes a little at a time, and what it got. */
  async function slowServer(make: typeof streamingServer) {
    const hash = createHash('sha256');
    const server = await make((request, response) => {
      request.on('end', () => json(response, 200, batch()));
      request.on('data', (data: Buffer) => {
        hash.update(data);
        request.pause();
        setTimeout(() => request.resume(), 1);
      });
    });
    return { url: server.url, digest: () => hash.digest('hex') };
  }

  test.each([['http', streamingServer], ['https', httpsServer]])('nothing is lost or mixed up in a large body that is taken slowly (%s)', async (_, make) => {
    const server = await slowServer(make);
    expect((await createInChild(server.url, writeFile(large))).error).toBeUndefined();
    expect(server.digest()).toBe(expected);
  });

  test('nor with a dispatcher of the caller’s own, which may keep what it is given', async () => {
    const server = await slowServer(streamingServer);
    const kept: Buffer[] = [];
    // Takes the whole body before it sends anything.
    const keeps: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
      (options.body as Readable).on('data', (chunk: Buffer) => kept.push(chunk)).on('end', () => dispatch({ ...options, body: Buffer.concat(kept) }, handler));
      return true;
    };
    const dispatcher = new Agent().compose(keeps);
    await client(server.url, { dispatcher }).create(await jsonlFile(writeFile(large)));
    await dispatcher.close();
    expect(kept.length).toBeGreaterThan(10);
    expect(server.digest()).toBe(expected);
  });
});

describe('a line that is wrong', () => {
  const bad = `${lines(30_000)}${line('r-17')}\n`;

  test('is found on the way, and the last byte is not sent', async () => {
    let received = 0;
    let whole = false;
    const server = await streamingServer((request) => {
      request.on('error', () => undefined).on('end', () => (whole = request.complete)).on('data', (data: Buffer) => (received += data.length));
    });
    const error = await expectRejection(client(server.url, { maxRetries: 2 }).create(await jsonlFile(writeFile(bad))), InvalidRequestError);
    expect(error).toMatchObject({ outcomeKnown: true, retryable: false });
    expect(error.message).toBe('create: line 30001 has the same custom_id "r-17" as line 18. No batch was made. Give each request one of its own.');
    await until(() => server.sockets.size === 0);
    expect(received).toBeGreaterThan(0);
    expect(whole).toBe(false);
  });

  test('at the very end, too', async () => {
    let received = '';
    const server = await rawServer((socket) => socket.on('data', (data) => (received += data.toString())));
    const body = `${line('a')}\n${line('b')}\n{"custom_id":"c","params":{}`;
    const error = await expectRejection(client(server.url).create({ jsonl: new Source(body).open(), bytes: Buffer.byteLength(body) }), InvalidRequestError);
    expect(error.message).toContain('line 3 is not whole, valid JSON');
    await until(() => server.sockets.size === 0);
    expect(received.slice(received.indexOf('\r\n\r\n') + 4)).toHaveLength(Buffer.byteLength(body) + 15 - ']}'.length);
  });

  test('in the first block: nothing is sent at all', async () => {
    let received = 0;
    const server = await rawServer((socket) => socket.on('data', (data) => (received += data.length)));
    await expectRejection(client(server.url).create(await jsonlFile(writeFile('[\n1\n]'))), InvalidRequestError);
    await until(() => server.sockets.size === 0);
    expect(received).toBe(0);
  });

  test('is found before any HTTP where all is read first', async () => {
    const server = await answering();
    const source = new Source(`${bad}not JSON`);
    expect((await expectRejection(client(server.url).create({ jsonl: source.open }), InvalidRequestError)).message).toContain('line 30001 has the same custom_id');
    const field = `${line('a')}\n{"custom_id":"b","params":{},"metadata":{"k":1}}`;
    expect((await expectRejection(client(server.url).create({ jsonl: new Source(field).open }), InvalidRequestError)).message).toContain('line 2 ("b") has the field "metadata"');
    expect(server.sockets.size).toBe(0);
    expect(source).toMatchObject({ opened: 1, closed: 1 });
  });
});

describe('sent again', () => {
  test.each([429, 409])('after %d where the source is a function', async (status) => {
    const answers = [status, 200];
    const server = await httpServer((_, response) => {
      const next = answers.shift()!;
      json(response, next, next === 200 ? batch() : apiError('x', 'wait'));
    });
    const source = new Source(THREE);
    await client(server.url, { maxRetries: 2 }).create({ jsonl: source.open, bytes: source.bytes });
    expect(server.requests.map(({ body }) => JSON.parse(body))).toEqual([{ requests: THREE_REQUESTS }, { requests: THREE_REQUESTS }]);
    expect(source).toMatchObject({ opened: 2, closed: 2 });
  });

  test('chunks that are given again were not written to', async () => {
    const answers = [429, 200];
    const server = await httpServer((_, response) => {
      const next = answers.shift()!;
      json(response, next, next === 200 ? batch() : apiError('x', 'wait'));
    });
    const chunk = Buffer.from(THREE);
    const jsonl = () => (async function* () { yield chunk; })();
    await client(server.url, { maxRetries: 1 }).create({ jsonl, bytes: chunk.length });
    expect(server.requests.map(({ body }) => JSON.parse(body))).toEqual([{ requests: THREE_REQUESTS }, { requests: THREE_REQUESTS }]);
    expect(chunk.toString()).toBe(THREE);
  });

  test('not where it can be read only once', async () => {
    const server = await httpServer((_, response) => json(response, 429, apiError('rate_limit_error', 'wait')));
    const source = new Source(THREE);
    await expectRejection(client(server.url, { maxRetries: 2 }).create({ jsonl: source.open(), bytes: source.bytes }), RateLimitError);
    expect(server.requests).toHaveLength(1);
  });
});

describe('refused before any HTTP', () => {
  const source = new Source(THREE);
  test.each<[string, unknown, string]>([
    ['an array', [], 'one of { requests }'],
    ['nothing', undefined, 'one of { requests }'],
    ['two forms', { requests: THREE_REQUESTS, jsonl: source.open }, 'one of { requests }'],
    ['a path', { jsonl: '/some/file.jsonl', bytes: 7 }, 'jsonlFile(path)'],
    ['a buffer', { jsonl: Buffer.from(THREE), bytes: 7 }, 'jsonlFile(path)'],
    ['an iterable of unknown length', { jsonl: source.open() }, 'it must be a function'],
    ['no bytes', { jsonl: source.open, bytes: 0 }, 'holds at least one request'],
    ['half a byte', { jsonl: source.open, bytes: 1.5 }, 'bytes must be'],
    ['bytes as text', { jsonl: source.open, bytes: '15' }, 'bytes must be'],
    ['a body of more than 256 MB', { jsonl: source.open, bytes: 256_000_000 - 14 }, 'at most 256000000'],
    ['an empty function', { jsonl: new Source('\n').open }, 'holds no request'],
    ['chunks that are no iterable', { contentLength: 7, chunks: [Buffer.from('x')] }, 'async iterable'],
  ])('%s', async (_, body, words) => {
    const server = await answering();
    expect((await expectRejection(client(server.url).create(body as never), InvalidRequestError)).message).toContain(words);
    expect(server.sockets.size).toBe(0);
  });

  test.each<[string, object, CreateBody]>([
    ['requests as a further field', { requests: [] }, { requests: THREE_REQUESTS }],
    ['further fields of a whole body', { x: 1 }, { contentLength: 7, chunks: source.open() }],
  ])('%s', async (_, bodyFields, body) => {
    const server = await answering();
    await expectRejection(client(server.url).create(body, { bodyFields } as never), InvalidRequestError);
    expect(server.sockets.size).toBe(0);
  });

  test('JSONL of unknown length that is more than 256 MB', async () => {
    let given = 0;
    const jsonl = () =>
      (async function* () {
        const block = Buffer.from(`${' '.repeat(999_999)}\n`);
        for (; ; given += block.length) yield block;
      })();
    expect((await expectRejection(client('http://127.0.0.1:9').create({ jsonl }), InvalidRequestError)).message).toContain('more than 256000000 bytes');
    expect(given).toBeLessThan(260_000_000);
  });

  test.each([
    ['a file that is not there', () => '/no/such/file.jsonl', '/no/such/file.jsonl cannot be read (ENOENT)'],
    ['a directory', () => __dirname, 'is a directory'],
    ['a device', () => '/dev/zero', 'is no regular file'],
  ])('%s', async (_, path, words) => {
    expect((await expectRejection(jsonlFile(path()), InvalidRequestError)).message).toContain(words);
  });

  test('an empty file', async () => {
    expect((await expectRejection(client('http://127.0.0.1:9').create(await jsonlFile(writeFile(''))), InvalidRequestError)).message).toContain('jsonl is empty');
  });
});
