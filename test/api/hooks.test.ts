import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import type { MessageBatchesApi } from '../../src/api';
import {
  BadRequestError, ConnectionError, InternalServerError, InvalidRequestError, TimeoutError, type ApiHooks, type ApiOptions,
} from '../../src/api';
import { closeClients, openClient } from './support/clients';
import { apiError, batch, closeServers, expectRejection, httpServer, json, streamingServer, unusedPort } from './support/servers';

const KEY = 'sk-ant-hush-0123456789';
const PROMPT = 'a prompt nobody may see';
const BODY = { requests: [{ custom_id: 'a', params: { prompt: PROMPT } as never }] };
const RESULTS = '{"custom_id":"a","result":{"type":"expired"}}\n';

interface Told {
  hook: keyof ApiHooks;
  event: Record<string, unknown>;
}

afterEach(async () => {
  jest.restoreAllMocks();
  await closeClients();
  await closeServers();
});

function client(url: string, hooks: ApiHooks, more: ApiOptions = {}): MessageBatchesApi {
  return openClient({ baseUrl: url, credential: { kind: 'x-api-key', token: KEY }, hooks, ...more });
}

/** Reads all there is. @returns how many there were */
async function drain(source: AsyncIterable<unknown>): Promise<number> {
  const iterator = source[Symbol.asyncIterator]();
  let count = 0;
  while (!(await iterator.next()).done) count++;
  return count;
}

/** Hooks that keep what they are told. */
function keeping(): { told: Told[]; hooks: ApiHooks; names(): string[] } {
  const told: Told[] = [];
  const keep = (hook: keyof ApiHooks) => (event: object) => void told.push({ hook, event: event as Record<string, unknown> });
  const hooks = { onRequest: keep('onRequest'), onResponse: keep('onResponse'), onRetry: keep('onRetry'), onError: keep('onError'), onEnd: keep('onEnd') };
  return { told, hooks, names: () => told.map(({ hook, event }) => `${hook} ${String(event['attempt'])}`) };
}

test('a call: what is asked, what is answered, and its end', async () => {
  const server = await httpServer((_, response) => json(response, 200, batch(), { 'set-cookie': 'session=hush' }));
  const { told, hooks } = keeping();
  await client(`${server.url}/gateway`, hooks).retrieve('msgbatch_1');
  const common = { callId: expect.stringMatching(/^[0-9a-f-]{36}$/), call: 'retrieve', method: 'GET', url: `${server.url}/gateway/v1/messages/batches/msgbatch_1`, batchId: 'msgbatch_1', attempt: 1 };
  expect(told).toEqual([
    { hook: 'onRequest', event: { ...common, headers: { 'user-agent': expect.any(String), accept: 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': '[redacted]' } } },
    { hook: 'onResponse', event: { ...common, status: 200, requestId: 'req_test', durationMs: expect.any(Number), headers: expect.objectContaining({ 'content-type': 'application/json', 'set-cookie': '[redacted]' }) } },
    { hook: 'onEnd', event: { ...common, status: 200, requestId: 'req_test', bytes: JSON.stringify(batch()).length, durationMs: expect.any(Number) } },
  ]);
  expect(new Set(told.map(({ event }) => event['callId'])).size).toBe(1);
});

test('attempts, retries and the error at the end', async () => {
  const server = await httpServer((_, response) => json(response, 500, apiError('api_error', 'oops'), { 'retry-after-ms': '600' }));
  const { told, hooks, names } = keeping();
  const error = await expectRejection(client(server.url, hooks, { maxRetries: 1 }).retrieve('x'), InternalServerError);
  expect(names()).toEqual(['onRequest 1', 'onResponse 1', 'onRetry 1', 'onRequest 2', 'onResponse 2', 'onError 2']);
  expect(told[2]!.event).toMatchObject({ delayMs: 600, error: expect.any(InternalServerError) });
  expect(told[5]!.event['error']).toBe(error);
  // That of an answer is of its attempt alone, that of the error of the whole call.
  expect(Number(told[5]!.event['durationMs']) - Number(told[4]!.event['durationMs'])).toBeGreaterThanOrEqual(595);
});

test.each<[string, (api: MessageBatchesApi) => Promise<unknown>, string[], ApiOptions]>([
  ['no connection', (api) => api.retrieve('x'), ['onRequest 1', 'onError 1'], { baseUrl: 'http://nowhere.invalid' }],
  ['an answer that is none', (api) => api.retrieve('none'), ['onRequest 1', 'onResponse 1', 'onError 1'], {}],
  ['an abort', (api) => api.retrieve('x', { signal: AbortSignal.timeout(100) }), ['onRequest 1', 'onError 1'], {}],
  ['a deadline', (api) => api.create(BODY, { deadline: new Date(Date.now() + 200) }), ['onRequest 1', 'onError 1'], {}],
  ['no credential', (api) => api.retrieve('x'), ['onError 1'], { credential: { kind: 'bearer', token: () => Promise.reject(new Error('no')) } }],
])('%s: an error, and no end', async (_, call, expected, options) => {
  const server = await streamingServer((request, response) => {
    if (request.url!.endsWith('/none')) response.end('<html>');
  });
  const { told, hooks, names } = keeping();
  const error: unknown = await call(client(server.url, hooks, options)).catch((reason: unknown) => reason);
  expect(names()).toEqual(expected);
  expect(told.at(-1)!.event['error']).toBe(error);
});

test('another token after a 401 is another attempt', async () => {
  const server = await httpServer((_, response) => (server.requests.length === 1 ? json(response, 401, apiError('authentication_error', 'old')) : json(response, 200, batch())));
  const { told, hooks, names } = keeping();
  let tokens = 0;
  await client(server.url, hooks, { credential: { kind: 'bearer', token: () => `hush-token-${++tokens}` } }).create(BODY);
  expect(names()).toEqual(['onRequest 1', 'onResponse 1', 'onRetry 1', 'onRequest 2', 'onResponse 2', 'onEnd 2']);
  expect(told[2]!.event['delayMs']).toBe(0);
  expect(inspect(told, { depth: 10 })).not.toContain('hush-token');
});

describe('results', () => {
  async function tell(read: (api: MessageBatchesApi) => Promise<unknown>, listener: import('node:http').RequestListener): Promise<Told[]> {
    const server = await streamingServer(listener);
    const { told, hooks } = keeping();
    await read(client(server.url, hooks, { idleTimeoutMs: 1_500 }));
    expect(told.slice(0, 2).map(({ hook }) => hook)).toEqual(['onRequest', 'onResponse']);
    return told.slice(2);
  }

  test('end when they were read', async () => {
    const told = await tell(async (api) => drain(await api.results('x')), (_, response) => {
      response.writeHead(200, { 'request-id': 'req_results' }).write(RESULTS);
      setTimeout(() => response.end(RESULTS), 100);
    });
    expect(told).toMatchObject([{ hook: 'onEnd', event: { call: 'results', status: 200, requestId: 'req_results', bytes: 2 * RESULTS.length } }]);
    expect(told[0]!.event['durationMs']).toBeGreaterThanOrEqual(95);
  });

  test.each<[string, (api: MessageBatchesApi) => Promise<unknown>]>([
    ['left', async (api) => {
      for await (const line of (await api.results('x')).lines()) if (line.number === 1) break;
    }],
    ['closed', async (api) => (await api.results('x')).close()],
  ])('end when they are %s', async (_, read) => {
    const told = await tell(read, (__, response) => response.writeHead(200).write(RESULTS.repeat(10)));
    expect(told.map(({ hook }) => hook)).toEqual(['onEnd']);
  });

  test.each<[string, typeof ConnectionError, (response: import('node:http').ServerResponse) => void]>([
    ['cut off', ConnectionError, (response) => response.destroy()],
    ['standing still', TimeoutError, () => undefined],
  ])('that are %s fail', async (_, type, go) => {
    let error: unknown;
    const told = await tell(
      async (api) => drain((await api.results('x')).body).catch((reason: unknown) => (error = reason)),
      (__, response) => response.writeHead(200, { 'content-length': 1_000 }).write(RESULTS, () => go(response)),
    );
    expect(error).toBeInstanceOf(type);
    expect(told).toMatchObject([{ hook: 'onError', event: { error } }]);
  });
});

describe('headers that onRequest returns', () => {
  test('go along, a new one with every attempt', async () => {
    const server = await httpServer((_, response) => (server.requests.length === 1 ? json(response, 429, apiError('rate_limit_error', 'slow')) : json(response, 200, batch())));
    const api = client(server.url, { onRequest: ({ callId, attempt }) => ({ Traceparent: `00-${callId}-${attempt}` }) }, { maxRetries: 1 });
    await api.create(BODY);
    const [first, second] = server.requests.map(({ headers }) => headers['traceparent'] as string);
    expect(first).toMatch(/^00-.*-1$/);
    expect(second).toBe(first!.replace(/1$/, '2'));
  });

  test('replace none of the client', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    await client(server.url, { onRequest: () => ({ 'X-Api-Key': 'another', 'anthropic-version': 'another', accept: 'text/html', 'x-new': '1' }) }).retrieve('x');
    expect(server.requests[0]!.headers).toMatchObject({ 'x-api-key': KEY, 'anthropic-version': '2023-06-01', accept: 'application/json', 'x-new': '1' });
  });

  test('are redacted like others', async () => {
    const server = await httpServer(({ headers }, response) => json(response, 400, apiError('invalid_request_error', JSON.stringify(headers))));
    const error = await expectRejection(client(server.url, { onRequest: () => ({ 'x-gateway-token': 'hush-of-the-hook' }) }).retrieve('x'), BadRequestError);
    expect(server.requests[0]!.headers['x-gateway-token']).toBe('hush-of-the-hook');
    expect(`${error.message}${error.body}`).not.toContain('hush-of-the-hook');
  });

  test.each<[string, unknown, number]>([
    ['a reserved name', { 'content-length': '1', 'x-new': '1' }, 1],
    ['a name that is none', { 'x y': '1', 'x-new': '1' }, 1],
    ['a line break', { 'x-new': 'a\r\nx-injected: b' }, 1],
    ['no string', { 'x-new': 7 }, 1],
    ['no object', 'traceparent', 0],
    ['a promise', Promise.resolve({ 'x-new': '1' }), 0],
  ])('with %s are left out, and the call goes on', async (_, headers, warnings) => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation();
    const server = await httpServer((__, response) => json(response, 200, batch()));
    const api = client(server.url, { onRequest: () => headers as Record<string, string> });
    await api.retrieve('x');
    await api.create(BODY);
    expect(server.requests).toHaveLength(2);
    for (const request of server.requests) expect(Object.keys(request.headers)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^x-(new|injected)/)]));
    expect(warn).toHaveBeenCalledTimes(warnings);
  });
});

describe('a hook that throws', () => {
  const thrown = () => {
    throw new Error(`it holds ${KEY}`);
  };
  // A function that is async rejects instead; nobody waits for it.
  const rejecting = (async () => thrown()) as unknown as () => void;

  test.each([
    ['at once', thrown],
    ['later', rejecting],
  ])('%s changes nothing, and is told once', async (_, hook) => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation();
    const server = await httpServer(({ method, url }, response) => {
      if (url.endsWith('/results')) response.end(RESULTS);
      else if (method === 'POST' && server.requests.length === 1) json(response, 429, apiError('rate_limit_error', 'slow'));
      else if (url.endsWith('/bad')) json(response, 400, apiError('invalid_request_error', 'bad'));
      else json(response, 200, batch('msgbatch_made'));
    });
    const hooks: ApiHooks = { onRequest: hook, onResponse: hook, onRetry: hook, onError: hook, onEnd: hook };
    const api = client(server.url, hooks, { maxRetries: 1 });
    expect((await api.create(BODY)).data.id).toBe('msgbatch_made');
    expect((await api.retrieve('x')).data.id).toBe('msgbatch_made');
    for await (const result of await api.results('x')) expect(result.custom_id).toBe('a');
    await expectRejection(api.retrieve('bad'), BadRequestError);
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET', 'GET', 'GET']);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(inspect(warn.mock.calls)).toMatch(/The hook onRequest of MessageBatchesApi failed \(Error: it holds \[redacted\]\)/);
    expect(inspect(warn.mock.calls)).not.toContain(KEY);
  });

  const unreadable = Object.assign(new Error('x'), { message: Object.create(null) as string });
  // oxlint-disable-next-line unicorn/no-thenable -- it is about one
  const later = { then: (_: unknown, reject: (error: unknown) => void) => reject(unreadable) };
  test.each<[string, ApiHooks]>([
    ['throws an error that cannot be read', { onEnd: () => { throw unreadable; } }],
    ['is a getter that throws', { get onEnd(): never { throw new Error('getter'); } }],
    ['gives what is like a promise, and rejects', { onRequest: () => later as never, onEnd: () => later as never }],
    ['gives a promise of another realm', { onEnd: () => runInNewContext('Promise.reject(1)') as never }],
  ])('it %s: the create has its answer', async (_, hooks) => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation();
    const server = await httpServer((_request, response) => json(response, 200, batch('msgbatch_made')));
    expect((await client(server.url, hooks).create(BODY)).data.id).toBe('msgbatch_made');
    await new Promise(setImmediate);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('and what a hook does to its event does not reach the call', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    const spoil = (event: object) => {
      const { headers } = event as { headers?: Record<string, string> };
      if (headers) for (const name of Object.keys(headers)) delete headers[name];
    };
    await client(server.url, { onRequest: spoil, onResponse: spoil }).create(BODY);
    expect(server.requests[0]!.headers).toMatchObject({ 'x-api-key': KEY, 'content-type': 'application/json' });
  });
});

test('no event holds a key, a prompt or an answer', async () => {
  const server = await httpServer(({ method, url, headers }, response) => {
    const echo = JSON.stringify({ headers, answer: 'an answer nobody may see' });
    if (url.includes('/results')) response.end(RESULTS.replace('{"type"', `{"text":"an answer nobody may see","type"`));
    else if (url.includes('/moved')) response.writeHead(307, { location: `/signed?token=${KEY}` }).end();
    else if (method === 'GET') json(response, 400, echo, { 'x-echo': `you sent ${KEY}`, 'x-other': 'kept' });
    else json(response, 200, { ...batch(), answer: 'an answer nobody may see' });
  });
  const { told, hooks } = keeping();
  const api = client(server.url, hooks, { query: { access_token: 'short', region: 'eu' } });
  await api.create(BODY, { bodyFields: { note: PROMPT } });
  await expectRejection(api.retrieve('x'), BadRequestError);
  await api.retrieve('moved').catch(() => undefined);
  await drain(await api.results('x'));
  const seen = inspect(told, { depth: 10, showHidden: false });
  for (const secret of [KEY, PROMPT, 'nobody may see', 'short', 'signed?']) expect(seen).not.toContain(secret);
  expect(told[0]!.event['url']).toContain('?access_token=[redacted]&region=eu');
  expect(told.find(({ hook, event }) => hook === 'onResponse' && event['status'] === 400)!.event['headers']).toMatchObject({ 'x-echo': 'you sent [redacted]', 'x-other': 'kept' });
  expect(told.find(({ hook, event }) => hook === 'onResponse' && event['status'] === 307)!.event['headers']).toMatchObject({ location: '[redacted]' });
});

test('errors that come before anything is sent are told only where the call had begun', async () => {
  const { hooks, names } = keeping();
  const api = client(`http://127.0.0.1:${await unusedPort()}`, hooks);
  await expectRejection(api.retrieve(''), InvalidRequestError);
  await expectRejection(api.create({ requests: [] }), InvalidRequestError);
  expect(names()).toEqual([]);
});
