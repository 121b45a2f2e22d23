import { getEventListeners } from 'node:events';
import { Agent } from 'undici';
import type { MessageBatchesApi } from '../../src/api';
import {
  ApiError, AuthenticationError, BadRequestError, BillingError, ConflictError, ConnectionError, InternalServerError, InvalidAnswerError,
  InvalidRequestError, NotFoundError, OverloadedError, PermissionError, RateLimitError, RequestTimeoutError, RequestTooLargeError, ServerError,
  ServiceUnavailableError, TimeoutError,
} from '../../src/api';
import { closeClients, openClient } from './support/clients';
import { apiError, batch, closeServers, httpServer, json, rawServer, expectRejection, streamingServer, unusedPort } from './support/servers';

afterEach(async () => {
  await closeClients();
  await closeServers();
});

function client(url: string, more: object = {}): MessageBatchesApi {
  return openClient({ baseUrl: url, credential: { kind: 'bearer', token: 'sk-ant-test-0123456789' }, ...more });
}

test('retrieve, cancel and delete: method, path, headers and no body', async () => {
  const server = await httpServer(({ method }, response) => json(response, 200, method === 'DELETE' ? { id: 'msgbatch_1', type: 'message_batch_deleted' } : batch()));
  const api = client(server.url);
  expect((await api.retrieve('msgbatch_1')).data.id).toBe('msgbatch_1');
  expect((await api.cancel('msgbatch_1')).data.id).toBe('msgbatch_1');
  expect((await api.delete('msgbatch_1')).data).toEqual({ id: 'msgbatch_1', type: 'message_batch_deleted' });
  expect(server.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['GET', '/v1/messages/batches/msgbatch_1', ''],
    ['POST', '/v1/messages/batches/msgbatch_1/cancel', ''],
    ['DELETE', '/v1/messages/batches/msgbatch_1', ''],
  ]);
  for (const { headers } of server.requests) {
    expect(headers).toMatchObject({ authorization: 'Bearer sk-ant-test-0123456789', 'anthropic-version': '2023-06-01', accept: 'application/json' });
    expect(headers).not.toHaveProperty('content-type');
    expect(headers).not.toHaveProperty('x-api-key');
  }
});

test('API version and betas of the client and of one call', async () => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  const api = client(server.url, { apiVersion: '2026-10-21', betas: ['one'], headers: { 'anthropic-beta': 'two, three', 'Anthropic-Workspace-Id': 'ws' } });
  await api.retrieve('a');
  await api.retrieve('a', { betas: ['one', 'four'], apiVersion: '2023-01-01' });
  expect(server.requests.map(({ headers }) => [headers['anthropic-version'], headers['anthropic-beta'], headers['anthropic-workspace-id']])).toEqual([
    ['2026-10-21', 'one,two,three', 'ws'],
    ['2023-01-01', 'one,two,three,four', 'ws'],
  ]);
});

describe('ids', () => {
  test.each([
    ['a/b', 'a%2Fb'],
    ['a?b=1', 'a%3Fb%3D1'],
    ['a#b', 'a%23b'],
    ['../batches', '..%2Fbatches'],
    ['%2e%2e', '%252e%252e'],
    ['ü 1', '%C3%BC%201'],
    ['a\r\nx: y', 'a%0D%0Ax%3A%20y'],
  ])('%j is one path segment', async (id, segment) => {
    const server = await httpServer((_, response) => json(response, 200, { ...batch(), data: [], has_more: false }));
    const api = client(server.url);
    await api.retrieve(id);
    await api.cancel(id);
    await api.list({ afterId: id });
    expect(server.requests.map(({ url }) => url)).toEqual([`/v1/messages/batches/${segment}`, `/v1/messages/batches/${segment}/cancel`, `/v1/messages/batches?after_id=${segment}`]);
  });

  test.each(['', ' ', '.', '..', '\ud800'])('%j is refused before any HTTP', async (id) => {
    const api = client(`http://127.0.0.1:${await unusedPort()}`);
    for (const call of [api.retrieve(id), api.cancel(id), api.delete(id), api.results(id), api.list({ beforeId: id })]) {
      expect((await expectRejection(call, InvalidRequestError)).message).toMatch(/^(id|beforeId): /);
    }
  });
});

test.each([
  ['', '/v1/messages/batches/x'],
  ['/', '/v1/messages/batches/x'],
  ['/gateway/anthropic', '/gateway/anthropic/v1/messages/batches/x'],
  ['/gateway/anthropic///', '/gateway/anthropic/v1/messages/batches/x'],
])('base URL with %j', async (suffix, path) => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  await client(server.url + suffix).retrieve('x');
  await client(server.url + suffix).create({ requests: [{ custom_id: 'a', params: {} as never }] });
  expect(server.requests.map(({ url }) => url)).toEqual([path, path.slice(0, -2)]);
});

test('a dispatcher of the caller is used for every call and not closed', async () => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  const port = Number(new URL(server.url).port);
  // Whatever host is asked for, this one leads to the server.
  const net = await import('node:net');
  const dispatcher = new Agent({ connect: (_, callback) => void net.connect(port, '127.0.0.1').once('connect', function (this: import('node:net').Socket) { callback(null, this); }) });
  const api = client('http://somewhere.invalid', { dispatcher });
  await api.retrieve('x');
  await api.create({ requests: [{ custom_id: 'a', params: {} as never }] });
  await api.close();
  expect(server.requests.map(({ headers, method }) => [method, headers.host])).toEqual([['GET', 'somewhere.invalid'], ['POST', 'somewhere.invalid']]);
  expect(dispatcher.destroyed).toBe(false);
  await dispatcher.close();
});

describe('errors of the API', () => {
  const table: [number, unknown, typeof ApiError, Record<string, unknown>][] = [
    [400, apiError('invalid_request_error', 'bad'), BadRequestError, { retryable: false, isSpendLimit: false }],
    [400, apiError('invalid_request_error', 'You have reached your specified API usage limits. You will regain access on 2026-12-01.'), BadRequestError, { retryable: false, isSpendLimit: true }],
    [401, apiError('authentication_error', 'invalid x-api-key'), AuthenticationError, { retryable: false }],
    [402, apiError('billing_error', 'no money'), BillingError, { retryable: false, isSpendLimit: true }],
    [403, apiError('permission_error', 'no'), PermissionError, { retryable: false }],
    [404, apiError('not_found_error', 'no such batch'), NotFoundError, { retryable: false }],
    [408, apiError('timeout_error', 'late'), RequestTimeoutError, { retryable: true }],
    [409, apiError('conflict_error', 'again'), ConflictError, { retryable: true }],
    [413, '<html>', RequestTooLargeError, { retryable: false, type: undefined }],
    [429, apiError('rate_limit_error', 'slow'), RateLimitError, { retryable: true, isSpendLimit: false, errorCode: undefined }],
    [429, apiError('rate_limit_error', 'x', { error_code: 'enforced_spend_limit_reached' }), RateLimitError, { retryable: false, isSpendLimit: true, errorCode: 'enforced_spend_limit_reached' }],
    [429, apiError('rate_limit_error', 'x', { error_code: 'contract_spend_limit_reached' }), RateLimitError, { retryable: false, isSpendLimit: true }],
    [500, apiError('api_error', 'oops'), InternalServerError, { retryable: true }],
    [503, 'upstream', ServiceUnavailableError, { retryable: true, type: undefined }],
    [529, apiError('overloaded_error', 'busy'), OverloadedError, { retryable: true, type: 'overloaded_error' }],
    [418, apiError('some_new_error', 'new'), ApiError, { retryable: false, type: 'some_new_error' }],
  ];
  test.each(table)('%d %j', async (status, body, type, expected) => {
    const server = await httpServer((_, response) => json(response, status, body, { 'retry-after': '3' }));
    const error = await expectRejection(client(server.url).retrieve('msgbatch_7'), type);
    expect(error).toMatchObject({ status, requestId: 'req_test', retryAfterMs: 3000, outcomeKnown: true, name: type.name });
    const { retryable, isSpendLimit, errorCode } = error;
    expect({ retryable, isSpendLimit, errorCode, type: error.type }).toMatchObject(expected);
    expect(error.message).toContain('retrieve msgbatch_7');
    expect(error.message).toContain('req_test');
    expect(error.headers['retry-after']).toBe('3');
    expect(error.body).toBe(typeof body === 'string' ? body : JSON.stringify(body));
  });

  test.each([
    [400, InternalServerError, false],
    [404, NotFoundError, true],
  ])('a cancel that ended in 500 and then in %i: an attempt that may have been carried out is not forgotten', async (second, type, outcomeKnown) => {
    const statuses = [500, second];
    const server = await httpServer((_, response) => json(response, statuses.shift()!, apiError('some_error', 'no')));
    expect(await expectRejection(client(server.url, { maxRetries: 1 }).cancel('x'), type)).toMatchObject({ outcomeKnown });
    expect(server.requests).toHaveLength(2);
  });

  test('the outcome of a cancel that ended in 500 is unknown, and it may be made again', async () => {
    const server = await httpServer((_, response) => json(response, 500, apiError('api_error', 'oops')));
    expect(await expectRejection(client(server.url).cancel('x'), ServerError)).toMatchObject({ outcomeKnown: false, retryable: true });
  });

  test.each([
    ['true', 400, true],
    ['false', 429, false],
    ['perhaps', 429, true],
  ])('x-should-retry: %s with %d', async (value, status, retryable) => {
    const server = await httpServer((_, response) => json(response, status, apiError('x', 'x'), { 'x-should-retry': value }));
    expect((await expectRejection(client(server.url).retrieve('x'), ApiError)).retryable).toBe(retryable);
  });

  test('64 KB of the body are kept, and an error is told although its body is cut', async () => {
    const server = await streamingServer((request, response) => {
      response.writeHead(500, { 'request-id': 'req_big' });
      if (request.url!.endsWith('cut')) response.write('half an err', () => response.destroy());
      else response.end('x'.repeat(1_000_000));
    });
    expect((await expectRejection(client(server.url).retrieve('big'), ServerError)).body).toBe('x'.repeat(64 * 1024));
    expect(await expectRejection(client(server.url).retrieve('cut'), ServerError)).toMatchObject({ requestId: 'req_big', body: 'half an err' });
  });
});

describe('answers that are none', () => {
  test.each([
    ['HTML', '<html>'],
    ['cut JSON', '{"id":"msgb'],
    ['an empty body', ''],
    ['null', 'null'],
    ['an array', '[]'],
  ])('200 with %s', async (_, body) => {
    const server = await httpServer((__, response) => json(response, 200, body, { 'content-type': 'text/html' }));
    const api = client(server.url);
    for (const call of [api.retrieve('x'), api.list()]) {
      expect(await expectRejection(call, InvalidAnswerError)).toMatchObject({ requestId: 'req_test', outcomeKnown: true, retryable: true });
    }
    expect(await expectRejection(api.cancel('x'), InvalidAnswerError)).toMatchObject({ outcomeKnown: false, retryable: true });
  });

  test('the content type does not matter, nor does a byte order mark', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.end(`\ufeff${JSON.stringify(batch())}`);
    });
    expect((await client(server.url).retrieve('x')).data).toEqual(batch());
  });

  test('an encoding that nobody asked for', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch(), { 'content-encoding': 'br' }));
    expect((await expectRejection(client(server.url).retrieve('x'), InvalidAnswerError)).message).toContain('content-encoding br');
  });

  test('bytes that are not HTTP', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.end('secret prompt, not HTTP\r\n\r\n')));
    const error = await expectRejection(client(server.url).retrieve('x'), ConnectionError);
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain('secret prompt');
  });
});

describe('time', () => {
  test('headers that do not come, and a body that stands still, are told apart', async () => {
    const server = await streamingServer((request, response) => {
      if (request.url!.includes('silent')) return;
      response.writeHead(200, { 'content-length': 100, 'request-id': 'req_slow' }).write('{');
    });
    const api = client(server.url, { timeoutMs: 500, idleTimeoutMs: 500 });
    expect(await expectRejection(api.retrieve('silent'), TimeoutError)).toMatchObject({ waitingFor: 'headers', outcomeKnown: true, retryable: true });
    expect(await expectRejection(api.retrieve('stalled'), TimeoutError)).toMatchObject({ waitingFor: 'body', requestId: 'req_slow' });
    expect(await expectRejection(api.cancel('silent'), TimeoutError)).toMatchObject({ waitingFor: 'headers', outcomeKnown: false, retryable: true });
  });

  test.each(['silent', 'stalled'])('an abort of a call that is %s rejects at once with the reason itself', async (id) => {
    const server = await streamingServer((request, response) => {
      if (request.url!.endsWith('/stalled')) response.writeHead(200, { 'content-length': 100 }).write('{');
    });
    const abort = new AbortController();
    const call = client(server.url, { maxRetries: 2 }).retrieve(id, { signal: abort.signal });
    setTimeout(() => abort.abort(reason), 100);
    const reason = new Error('stop');
    const started = Date.now();
    expect(await call.catch((error: unknown) => error)).toBe(reason);
    expect(Date.now() - started).toBeLessThan(5_000);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });

  test('an abort while the connection does not come about rejects at once', async () => {
    // A TLS handshake that nobody answers.
    const server = await rawServer(() => undefined);
    const api = client(server.url.replace('http:', 'https:'));
    const reason = new Error('stop');
    const started = Date.now();
    for (const call of [(signal: AbortSignal) => api.retrieve('x', { signal }), (signal: AbortSignal) => api.create({ requests: [{ custom_id: 'a', params: {} as never }] }, { signal })]) {
      const abort = new AbortController();
      const outcome = call(abort.signal).catch((error: unknown) => error);
      setTimeout(() => abort.abort(reason), 100);
      expect(await outcome).toBe(reason);
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    }
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  test('an abort before the call: nothing is connected', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    const reason = { not: 'even an error' };
    expect(await client(server.url).retrieve('x', { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error)).toBe(reason);
    expect(server.sockets.size).toBe(0);
  });
});

describe('retries', () => {
  test('passing failures are tried again: 500, a lost connection, 429 with its hint', async () => {
    const steps = ['500', 'reset', '429', 'ok'];
    const server = await httpServer((_, response, incoming) => {
      const step = steps.shift();
      if (step === '500') json(response, 500, apiError('api_error', 'oops'));
      else if (step === 'reset') incoming.socket.resetAndDestroy();
      else if (step === '429') json(response, 429, apiError('rate_limit_error', 'slow'), { 'retry-after-ms': '10' });
      else json(response, 200, batch());
    });
    expect((await client(server.url, { maxRetries: 3 }).retrieve('x')).data.id).toBe('msgbatch_1');
    expect(server.requests).toHaveLength(4);
  });

  test('no more than maxRetries, and none for what does not pass', async () => {
    const server = await httpServer(({ url }, response) => (url.endsWith('404') ? json(response, 404, apiError('not_found_error', 'no')) : json(response, 503, 'no')));
    const api = client(server.url, { maxRetries: 1 });
    await expectRejection(api.retrieve('404'), NotFoundError);
    expect(server.requests).toHaveLength(1);
    await expectRejection(api.retrieve('503'), ServerError);
    expect(server.requests).toHaveLength(3);
  });

  test('an abort during a wait rejects at once and leaves neither timer nor listener', async () => {
    const server = await httpServer((_, response) => json(response, 429, apiError('rate_limit_error', 'slow'), { 'retry-after': '300' }));
    const abort = new AbortController();
    const reason = new Error('stop');
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const call = client(server.url, { maxRetries: 2 }).retrieve('x', { signal: abort.signal });
    const outcome = call.catch((error: unknown) => error);
    while (getEventListeners(abort.signal, 'abort').length === 0 || server.requests.length === 0) await new Promise(setImmediate);
    await new Promise((resolve) => setTimeout(resolve, 50));
    abort.abort(reason);
    const started = performance.now();
    expect(await outcome).toBe(reason);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    expect(timers()).toBeLessThanOrEqual(before + 1);
    expect(server.requests).toHaveLength(1);
  });
});

test('a closed client refuses further calls', async () => {
  const api = client(`http://127.0.0.1:${await unusedPort()}`);
  await api.close();
  await api.close();
  await expectRejection(api.retrieve('x'), InvalidRequestError);
  await expectRejection(api.create({ requests: [{ custom_id: 'a', params: {} as never }] }), InvalidRequestError);
});
