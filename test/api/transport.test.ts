import { getEventListeners } from 'node:events';
import type http from 'node:http';
import { gzipSync } from 'node:zlib';
import { Agent, interceptors } from 'undici';
import type { MessageBatchesApi } from '../../src/api';
import { ApiError, BadRequestError, ConnectionError, InvalidAnswerError, TimeoutError, type ApiOptions, type CallOptions } from '../../src/api';
import { closeClients, openClient } from './support/clients';
import { apiError, batch, closeServers, expectRejection, httpServer, httpsServer, json, rawServer, streamingServer, unusedPort } from './support/servers';
import { until } from '../support/until';

const KEY = 'sk-ant-test-0123456789';
const RESULTS = '{"custom_id":"a","result":{"type":"expired"}}\n';

afterEach(async () => {
  await closeClients();
  await closeServers();
});

function client(baseUrl: string, more: ApiOptions = {}): MessageBatchesApi {
  return openClient({ baseUrl, credential: { kind: 'x-api-key', token: KEY }, ...more });
}

/** Reads all there is. @returns how many there were */
async function drain(source: AsyncIterable<unknown>): Promise<number> {
  const iterator = source[Symbol.asyncIterator]();
  let count = 0;
  while (!(await iterator.next()).done) count++;
  return count;
}

/** All that can be asked, each to its end. */
const calls: Record<string, (api: MessageBatchesApi, options?: CallOptions) => Promise<unknown>> = {
  create: (api, options) => api.create({ requests: [{ custom_id: 'a', params: {} as never }] }, options),
  retrieve: (api, options) => api.retrieve('x', options),
  list: (api, options) => api.list({}, options),
  cancel: (api, options) => api.cancel('x', options),
  delete: (api, options) => api.delete('x', options),
  results: async (api, options) => drain(await api.results('x', options)),
};

function answer(request: { method?: string; url?: string }, response: http.ServerResponse): void {
  if (/\/results(\?|$)/.test(request.url!)) response.end(RESULTS);
  else json(response, 200, /\/batches(\?|$)/.test(request.url!) && request.method === 'GET' ? { data: [], has_more: false, first_id: null, last_id: null } : batch());
}

describe('redirects', () => {
  test.each([301, 302, 303, 307, 308])('%d of a GET within the origin is followed, with the credential', async (status) => {
    const server = await httpServer((request, response) => {
      if (request.url.startsWith('/moved')) answer({ ...request, url: request.url.slice('/moved'.length) }, response);
      else response.writeHead(status, { location: `${server.url}/moved${request.url}` }).end();
    });
    const api = client(server.url);
    for (const name of ['retrieve', 'list', 'results']) await calls[name]!(api, { query: { region: 'eu' } });
    expect(server.requests.map(({ url }) => url.replace('/moved', ''))).toEqual(server.requests.map(({ url }, index) => (index % 2 === 0 ? url : server.requests[index - 1]!.url)));
    expect(server.requests).toHaveLength(6);
    for (const { method, headers } of server.requests) expect([method, headers['x-api-key']]).toEqual(['GET', KEY]);
  });

  test.each([301, 302, 303, 307, 308])('%d of a call that changes something is refused, even within the origin', async (status) => {
    const server = await httpServer((_, response) => response.writeHead(status, { location: '/moved' }).end());
    const api = client(server.url, { maxRetries: 2 });
    for (const name of ['create', 'cancel', 'delete']) {
      const error = await expectRejection(calls[name]!(api), ApiError);
      // "See other" tells of something that was done.
      expect(error).toMatchObject({ status, retryable: false, outcomeKnown: status !== 303 });
      expect(error.message).toContain(`a redirect to ${server.url} was not followed`);
    }
    expect(server.requests.map(({ url }) => url)).not.toContain('/moved');
    expect(server.requests).toHaveLength(3);
  });

  test('to another port, another scheme or a URL without one are refused', async () => {
    const other = await httpServer((_, response) => json(response, 200, batch()));
    let location = '';
    const server = await httpServer((_, response) => response.writeHead(302, { location }).end());
    const api = client(server.url);
    for (location of [`${other.url}/x`, server.url.replace('http:', 'https:'), `//127.0.0.1:${other.port}/x`, `http://${KEY}@127.0.0.1:${other.port}`]) {
      const error = await expectRejection(api.retrieve('x'), ApiError);
      expect(error.message).toMatch(/was not followed: the credential would go to another origin/);
      expect(error.message).not.toContain(KEY);
    }
    expect(other.sockets.size).toBe(0);
  });

  test('whose own body never ends hold nothing up', async () => {
    const server = await streamingServer((request, response) => {
      if (request.url === '/moved') answer(request, response);
      else response.writeHead(302, { location: '/moved' }).write('moved');
    });
    expect((await client(server.url).retrieve('x')).data.id).toBe('msgbatch_1');
    await until(() => server.sockets.size <= 1);
  });

  test('304 and 300 are none', async () => {
    let status = 304;
    const server = await httpServer((_, response) => response.writeHead(status, { location: '/moved' }).end());
    for (status of [304, 300]) expect(await expectRejection(client(server.url).retrieve('x'), ApiError)).toMatchObject({ status, outcomeKnown: true });
    expect(server.requests).toHaveLength(2);
  });
});

describe('a compressed answer', () => {
  const compressed = gzipSync(JSON.stringify(batch()));

  test.each(['gzip', 'x-gzip', 'GZIP'])('%s, though nobody asked for it', async (encoding) => {
    const server = await httpServer((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(compressed));
    expect((await client(server.url).retrieve('x')).data).toEqual(batch());
    expect(server.requests[0]!.headers).not.toHaveProperty('accept-encoding');
  });

  test.each<[string, Buffer]>([
    ['cut', compressed.subarray(0, -20)],
    ['without its checksum', compressed.subarray(0, -8)],
    ['damaged', Buffer.concat([compressed.subarray(0, 20), Buffer.alloc(compressed.length - 20, 0xff)])],
    ['not compressed at all', Buffer.from(JSON.stringify(batch()))],
    ['empty', Buffer.alloc(0)],
  ])('that is %s', async (_, bytes) => {
    const server = await httpServer((__, response) => response.writeHead(200, { 'content-encoding': 'gzip', 'request-id': 'req_gzip' }).end(bytes));
    const api = client(server.url);
    for (const name of ['retrieve', 'list', 'cancel', 'create']) {
      expect(await expectRejection(calls[name]!(api), InvalidAnswerError)).toMatchObject({ requestId: 'req_gzip', outcomeKnown: name === 'retrieve' || name === 'list' });
    }
  });

  test('of an error tells what the API said, also where it is cut', async () => {
    const body = gzipSync(JSON.stringify(apiError('invalid_request_error', 'bad')));
    const server = await httpServer(({ url }, response) => response.writeHead(400, { 'content-encoding': 'gzip' }).end(url.endsWith('cut') ? body.subarray(0, 12) : body));
    expect(await expectRejection(client(server.url).retrieve('x'), BadRequestError)).toMatchObject({ type: 'invalid_request_error', requestId: 'req_test' });
    expect(await expectRejection(client(server.url).retrieve('cut'), BadRequestError)).toMatchObject({ status: 400 });
  });
});

test('an answer of more than 32 MB is refused, and its connection freed', async () => {
  let sent = 0;
  const server = await streamingServer((_, response) => {
    const write = () => {
      while (!response.destroyed && response.write(' '.repeat(1_000_000), () => (sent += 1_000_000)));
      if (!response.destroyed) response.once('drain', write);
    };
    write();
  });
  expect((await expectRejection(client(server.url).retrieve('x'), InvalidAnswerError)).message).toContain(`more than ${32 * 1024 * 1024} bytes`);
  await until(() => server.sockets.size === 0);
  expect(sent).toBeLessThan(60_000_000);
});

test('hints before the answer are passed over', async () => {
  const server = await streamingServer((request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    answer(request, response);
  });
  expect((await client(server.url).retrieve('x')).data.id).toBe('msgbatch_1');
});

describe('no connection', () => {
  test.each<[string, () => Promise<string>, boolean]>([
    ['refused', async () => `http://127.0.0.1:${await unusedPort()}`, true],
    ['a name that nobody knows', async () => 'http://nowhere.invalid', true],
    ['a certificate that is not trusted', async () => (await httpsServer(() => undefined)).url, false],
  ])('%s: nothing was sent', async (_, url, retryable) => {
    const api = client(await url());
    for (const name of Object.keys(calls)) expect(await expectRejection(calls[name]!(api), ConnectionError)).toMatchObject({ sent: 'nothing', outcomeKnown: true, retryable });
  });

  test.each<[string, (socket: import('node:net').Socket) => void]>([
    ['reset', (socket) => socket.resetAndDestroy()],
    ['closed in order', (socket) => socket.end()],
    ['closed within the headers', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-')],
  ])('that is %s before an answer: only what changes nothing has a known outcome', async (_, lose) => {
    const server = await rawServer((socket) => socket.once('data', () => lose(socket)));
    const api = client(server.url);
    for (const name of ['retrieve', 'list', 'results', 'cancel', 'delete']) {
      const error = await expectRejection(calls[name]!(api), ConnectionError);
      expect(error).toMatchObject({ sent: 'maybe', outcomeKnown: !['cancel', 'delete'].includes(name), retryable: true });
      expect(error).not.toBeInstanceOf(TimeoutError);
    }
  });
});

describe('nothing is left behind', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

  test.each(Object.keys(calls))('by %s: neither listener nor timer nor, after close, a connection', async (name) => {
    const server = await streamingServer(answer);
    const abort = new AbortController();
    const api = client(server.url, { maxRetries: 2 });
    // undici keeps one timer for all that it times, and a moment longer than it needs it.
    await calls[name]!(api);
    const before = timers();
    for (let time = 0; time < 20; time++) await calls[name]!(api, { signal: abort.signal });
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    expect(timers()).toBeLessThanOrEqual(before + 2);
    await api.close();
    await until(() => server.sockets.size === 0);
  });

  test.each(Object.keys(calls))('by %s that was aborted in whatever state', async (name) => {
    const states: ((response: http.ServerResponse) => void)[] = [
      () => undefined,
      (response) => response.writeHead(200, { 'content-length': 1_000 }).flushHeaders(),
      (response) => response.writeHead(200, { 'content-length': 1_000 }).write('{"custom_id":'),
      (response) => response.writeHead(400, { 'content-length': 1_000 }).write('{"custom_id":'),
      (response) => json(response, 429, apiError('rate_limit_error', 'slow'), { 'retry-after': '60' }),
    ];
    for (const state of states) {
      let isAsked!: () => void;
      const asked = new Promise<void>((resolve) => (isAsked = resolve));
      const server = await streamingServer((request, response) => {
        request.resume().on('end', () => {
          state(response);
          setTimeout(isAsked, 30);
        });
      });
      const abort = new AbortController();
      const reason = { not: 'even an error' };
      const api = client(server.url, { maxRetries: 2 });
      const before = timers();
      const outcome = calls[name]!(api, { signal: abort.signal }).catch((error: unknown) => error);
      await asked;
      const started = performance.now();
      abort.abort(reason);
      expect(await outcome).toBe(reason);
      expect(performance.now() - started).toBeLessThan(30_000);
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
      expect(timers()).toBeLessThanOrEqual(before + 2);
      await api.close();
      await until(() => server.sockets.size === 0);
    }
  });
});

test('close ends the calls under way: they are not made again, and say what is known', async () => {
  const server = await httpServer(() => undefined);
  const api = client(server.url, { maxRetries: 5 });
  const [retrieving, canceling] = [api.retrieve('x'), api.cancel('x')].map((call) => expectRejection(call, ConnectionError));
  await until(() => server.requests.length === 2);
  await api.close();
  expect(await retrieving).toMatchObject({ outcomeKnown: true });
  expect(await canceling).toMatchObject({ outcomeKnown: false });
  expect(server.requests).toHaveLength(2);
});

test.each([307, 302])('%d: a dispatcher of the caller that follows redirects does not take the credential to another origin', async (status) => {
  const elsewhere = await httpServer(answer);
  const server = await httpServer((_, response) => response.writeHead(status, { location: `${elsewhere.url}/x` }).end());
  const dispatcher = new Agent().compose(interceptors.redirect({ maxRedirections: 3 }));
  for (const call of Object.values(calls)) await expectRejection(call(client(server.url, { dispatcher })), ApiError);
  expect(elsewhere.requests).toEqual([]);
  await dispatcher.destroy();
});

/** Writes a little so often that nothing ever stands still. */
function dripping(start: string, drop: string | Buffer) {
  return rawServer((socket) => {
    socket.once('data', () => {
      socket.write(start);
      const timer = setInterval(() => socket.write(drop), 20);
      socket.on('close', () => clearInterval(timer));
    });
  });
}

describe('a server that goes on and on without an answer', () => {
  const times = { timeoutMs: 200, idleTimeoutMs: 200 };

  test.each([
    ['informational answers', '', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n', 'headers'],
    ['a body', 'HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n', ' ', 'body'],
  ])('%s', async (_, start, drop, waitingFor) => {
    const api = client((await dripping(start, drop)).url, times);
    expect(await expectRejection(api.retrieve('x'), TimeoutError)).toMatchObject({ waitingFor });
  });

  test('the body of an error, whose status is told', async () => {
    const api = client((await dripping('HTTP/1.1 400 Bad\r\ncontent-length: 60000\r\n\r\n', 'x')).url, times);
    await expectRejection(api.retrieve('x'), BadRequestError);
  });

  test('results that decode to nothing', async () => {
    const source = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n');
        socket.write(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]));
        const timer = setInterval(() => socket.write(Buffer.from([0, 0, 0, 0xff, 0xff])), 20);
        socket.on('close', () => clearInterval(timer));
      });
    });
    expect(await expectRejection(calls['results']!(client(source.url, times)), TimeoutError)).toMatchObject({ waitingFor: 'body' });
  });
});
