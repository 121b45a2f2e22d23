import { getEventListeners } from 'node:events';
import { inspect } from 'node:util';
import { ApiError, InvalidRequestError, MessageBatchesApi, RateLimitError, TimeoutError, type ApiOptions, type CallOptions, type CreateBody } from '../../src/api';
import { closeClients, openClient } from './support/clients';
import { apiError, batch, closeServers, expectRejection, httpServer, json, streamingServer, unusedPort, type SeenRequest } from './support/servers';

afterEach(async () => {
  await closeClients();
  await closeServers();
});

const TOKEN = 'sk-ant-test-0123456789';

function client(url: string, more: ApiOptions = {}): MessageBatchesApi {
  return openClient({ baseUrl: url, credential: { kind: 'bearer', token: TOKEN }, ...more });
}

/** Answers any call with what it should give. */
function answering(): ReturnType<typeof httpServer> {
  return httpServer((request, response) => json(response, 200, answerTo(request)));
}

function answerTo({ method, url }: SeenRequest): unknown {
  if (url.includes('/results')) return '';
  const isList = method === 'GET' && /\/batches(\?|$)/.test(url);
  return isList ? { data: [], has_more: false, first_id: null, last_id: null } : batch();
}

function credentialsOf({ headers }: SeenRequest): Record<string, unknown> {
  return Object.fromEntries(['authorization', 'x-api-key'].filter((name) => name in headers).map((name) => [name, headers[name]]));
}

const BODY: CreateBody = { requests: [{ custom_id: 'a', params: { model: 'm' } as never }] };

type Caller = (api: MessageBatchesApi, options?: CallOptions) => Promise<unknown>;
const CALLS: [string, Caller][] = [
  ['create', (api, options) => api.create(BODY, options)],
  ['retrieve', (api, options) => api.retrieve('x', options)],
  ['list', (api, options) => api.list({ limit: 5 }, options)],
  ['cancel', (api, options) => api.cancel('x', options)],
  ['delete', (api, options) => api.delete('x', options)],
  ['results', async (api, options) => (await api.results('x', options)).close()],
];

describe.each(CALLS)('options of %s', (name, call) => {
  test('headers, betas, version and workspace go before those of the client', async () => {
    const server = await answering();
    const api = client(server.url, {
      betas: ['one'],
      apiVersion: '2026-10-21',
      workspaceId: 'wrkspc_client',
      headers: { 'X-Team': 'research', 'X-Trace': 'client', 'anthropic-version': '2025-01-01' },
    });
    await call(api);
    await call(api, { betas: ['two'], apiVersion: '2024-02-02', workspaceId: 'wrkspc_call', headers: { 'X-TRACE': 'call', 'Anthropic-Beta': 'three' } });
    expect(server.requests[0]!.headers).toMatchObject({
      'anthropic-beta': 'one', 'anthropic-version': '2025-01-01', 'anthropic-workspace-id': 'wrkspc_client', 'x-team': 'research', 'x-trace': 'client',
    });
    expect(server.requests[1]!.headers).toMatchObject({
      'anthropic-beta': 'one,two,three', 'anthropic-version': '2024-02-02', 'anthropic-workspace-id': 'wrkspc_call', 'x-team': 'research', 'x-trace': 'call',
    });
  });

  test('null removes a header of the client, and the credential', async () => {
    const server = await answering();
    const api = client(server.url, { betas: ['one'], workspaceId: 'w', headers: { 'x-team': 'research' } });
    await call(api, { betas: ['two'], headers: { 'X-Team': null, 'anthropic-workspace-id': null, 'user-agent': null, authorization: null, 'anthropic-beta': null, 'x-unknown': null } });
    const { headers } = server.requests[0]!;
    for (const removed of ['x-team', 'anthropic-workspace-id', 'user-agent', 'authorization', 'x-unknown']) expect(headers).not.toHaveProperty(removed);
    expect(headers['anthropic-beta']).toBe('two');
    await call(api);
    expect(server.requests[1]!.headers).toMatchObject({ 'x-team': 'research', authorization: `Bearer ${TOKEN}`, 'anthropic-beta': 'one' });
  });

  test.each<[string, Record<string, string>]>([
    ['X-Api-Key', { 'x-api-key': 'of this call' }],
    ['Authorization', { authorization: 'of this call' }],
  ])('a credential in the header %s goes alone, whatever the client has', async (header, sent) => {
    const server = await answering();
    const token = jest.fn(() => 'never asked for');
    const headers = { [header]: 'of this call' };
    for (const kind of ['bearer', 'x-api-key'] as const) {
      await call(client(server.url, { credential: { kind, token } }), { headers });
      await call(client(server.url, { headers: { [kind === 'bearer' ? 'Authorization' : 'X-Api-Key']: 'of the client' } }), { headers });
    }
    expect(server.requests.map(credentialsOf)).toEqual([sent, sent, sent, sent]);
    expect(token).not.toHaveBeenCalled();
  });

  test('both credentials go where the call gives both', async () => {
    const server = await answering();
    await call(client(server.url), { headers: { Authorization: 'Bearer gateway', 'X-Api-Key': 'upstream' } });
    expect(server.requests.map(credentialsOf)).toEqual([{ authorization: 'Bearer gateway', 'x-api-key': 'upstream' }]);
  });

  test('the removal of a credential that is not sent changes nothing', async () => {
    const server = await answering();
    await call(client(server.url), { headers: { 'x-api-key': null } });
    expect(server.requests.map(credentialsOf)).toEqual([{ authorization: `Bearer ${TOKEN}` }]);
  });

  test('query parameters, with those of the client', async () => {
    const server = await answering();
    const api = client(server.url, { query: { team: 'a b', shared: 'client' } });
    await call(api, { query: { shared: 'ü&=', number: 1.5, flag: false } });
    const query = new URL(server.requests[0]!.url, 'http://x').searchParams;
    expect(Object.fromEntries(query)).toEqual({ team: 'a b', shared: 'ü&=', number: '1.5', flag: 'false', ...(name === 'list' && { limit: '5' }) });
  });

  test('null removes a query parameter of the client', async () => {
    const server = await answering();
    const api = client(server.url, { betaApi: true, query: { team: 'a', region: 'eu' } });
    await call(api, { query: { team: null, beta: null, unknown: null } });
    await call(api);
    const own = name === 'list' ? { limit: '5' } : {};
    const queries = server.requests.map(({ url }) => Object.fromEntries(new URL(url, 'http://x').searchParams));
    expect(queries).toEqual([{ region: 'eu', ...own }, { beta: 'true', team: 'a', region: 'eu', ...own }]);
  });

  test('maxRetries of the call, in both directions', async () => {
    let failures = 0;
    const server = await httpServer((request, response) => {
      if (failures-- > 0) json(response, 429, apiError('rate_limit_error', 'slow'), { 'retry-after-ms': '1' });
      else json(response, 200, answerTo(request));
    });
    failures = 1;
    await call(client(server.url, { maxRetries: 0 }), { maxRetries: 1 });
    expect(server.requests).toHaveLength(2);
    failures = 1;
    await expectRejection(call(client(server.url, { maxRetries: 5 }), { maxRetries: 0 }), RateLimitError);
    expect(server.requests).toHaveLength(3);
  });

  test('an abort rejects at once with the reason itself', async () => {
    const server = await streamingServer((request) => request.resume());
    const abort = new AbortController();
    const reason = { not: 'even an error' };
    const outcome = call(client(server.url), { signal: abort.signal }).catch((error: unknown) => error);
    while (server.sockets.size === 0) await new Promise(setImmediate);
    abort.abort(reason);
    expect(await outcome).toBe(reason);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });

  test.each<[string, CallOptions, string]>([
    ['a header of the framing', { headers: { 'Content-Length': '5' } }, 'content-length is set by the client'],
    ['the removal of one', { headers: { Host: null } }, 'host is set by the client'],
    ['a line break in a header', { headers: { 'x-token': `${TOKEN}\r\nx: y` } }, 'x-token holds characters'],
    ['a header that is no text', { headers: { 'x-token': 5 as never } }, 'x-token holds characters'],
    ['a bad beta', { betas: [`${TOKEN}\n`] }, 'anthropic-beta holds characters'],
    ['a bad version', { apiVersion: `${TOKEN}\n` }, 'anthropic-version holds characters'],
    ['a bad workspace', { workspaceId: `${TOKEN}–` }, 'anthropic-workspace-id holds characters'],
    ['a query that is no value', { query: { a: NaN } }, 'query parameter a'],
    ['an object in the query', { query: { a: { secret: TOKEN } as never } }, 'query parameter a'],
    ['half a character in the query', { query: { a: '\ud800' } }, 'query parameter a'],
    ['a timeout of 0', { timeoutMs: 0 }, 'timeoutMs'],
    ['an endless idle timeout', { idleTimeoutMs: Infinity }, 'idleTimeoutMs'],
    ['half a retry', { maxRetries: 0.5 }, 'maxRetries'],
  ])('%s is refused before any HTTP', async (_, options, words) => {
    const api = client(`http://127.0.0.1:${await unusedPort()}`);
    const error = await expectRejection(call(api, options), InvalidRequestError);
    expect(error.message).toContain(words);
    expect(inspect(error)).not.toContain(TOKEN);
  });
});

test('null is no query parameter of a client', () => {
  expect(() => new MessageBatchesApi({ query: { team: null as never } })).toThrow('query parameter team');
});

test('userProfileId is a header of create, and headers go before it', async () => {
  const server = await answering();
  const api = client(server.url, { headers: { 'anthropic-user-profile-id': 'uprof_client' } });
  await api.create(BODY);
  await api.create(BODY, { userProfileId: 'uprof_call' });
  await api.create(BODY, { userProfileId: 'uprof_call', headers: { 'Anthropic-User-Profile-Id': 'uprof_header' } });
  expect(server.requests.map(({ headers }) => headers['anthropic-user-profile-id'])).toEqual(['uprof_client', 'uprof_call', 'uprof_header']);
  const error = await expectRejection(api.create(BODY, { userProfileId: `${TOKEN}\n` }), InvalidRequestError);
  expect(error.message).toContain('anthropic-user-profile-id holds characters');
  expect(error.message).not.toContain(TOKEN);
});

test('list keeps its own parameters, whatever the query says', async () => {
  const server = await answering();
  await client(server.url, { query: { limit: 1 } }).list({ limit: 7, afterId: 'a' }, { query: { after_id: 'b', extra: 1 } });
  expect(Object.fromEntries(new URL(server.requests[0]!.url, 'http://x').searchParams)).toEqual({ limit: '7', after_id: 'a', extra: '1' });
});

test('secrets of a call, in headers or query, are in no error that echoes them', async () => {
  const server = await httpServer(({ url, headers }, response) => json(response, 400, apiError('invalid_request_error', `You sent ${url} ${JSON.stringify(headers)}`)));
  const options = {
    headers: { 'x-gateway-token': 'gateway secret 1', authorization: 'Bearer bearer-of-the-call', 'X-Api-Key': 'key-of-the-call' },
    query: { api_key: 'query secret 2', page: 'not secret at all' },
  };
  const error = await expectRejection(client(server.url).retrieve('x', options), ApiError);
  const everything = inspect(error, { depth: 5 }) + error.body;
  for (const secret of ['gateway secret 1', 'bearer-of-the-call', 'key-of-the-call', 'query secret 2', encodeURIComponent('query secret 2')]) expect(everything).not.toContain(secret);
  expect(error.body).toContain(encodeURIComponent('not secret at all'));
});

describe('time', () => {
  test('timeoutMs of a call: headers that do not come', async () => {
    const server = await streamingServer((request) => request.resume());
    const api = client(server.url);
    const started = Date.now();
    // For a create it is the deadline of the whole.
    await Promise.all(CALLS.map(async ([, call]) => expect(await expectRejection(call(api, { timeoutMs: 3_000 }), TimeoutError)).toMatchObject({ waitingFor: 'headers' })));
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  test('idleTimeoutMs of a call: a body that stands still', async () => {
    const server = await streamingServer((request, response) => {
      request.resume().on('end', () => response.writeHead(200, { 'content-length': 100 }).write('{'));
    });
    const api = client(server.url);
    const read = async () => {
      for await (const chunk of (await api.results('x', { idleTimeoutMs: 500 })).body) expect(chunk).toHaveLength(1);
    };
    const calls = [api.retrieve('x', { idleTimeoutMs: 500 }), api.create(BODY, { idleTimeoutMs: 500 }), read()];
    await Promise.all(calls.map(async (call) => expect(await expectRejection(call, TimeoutError)).toMatchObject({ waitingFor: 'body' })));
  });
});

describe('bodyFields', () => {
  test('of create go beside requests, byte for byte measured', async () => {
    const server = await answering();
    await client(server.url).create(BODY, { bodyFields: { note: 'ü€', left_out: undefined, more: { a: [1] } } });
    const { body, headers } = server.requests[0]!;
    expect(JSON.parse(body)).toEqual({ requests: [{ custom_id: 'a', params: { model: 'm' } }], note: 'ü€', more: { a: [1] } });
    expect(headers['content-length']).toBe(String(Buffer.byteLength(body)));
  });

  test('of cancel are its body; without them it has none', async () => {
    const server = await answering();
    const api = client(server.url);
    await api.cancel('x', { bodyFields: { reason: 'ü' } });
    await api.cancel('x', { bodyFields: {} });
    expect(server.requests.map(({ body, headers }) => [body, headers['content-type'], headers['content-length']])).toEqual([
      ['{"reason":"ü"}', 'application/json', '15'],
      ['', undefined, '0'],
    ]);
  });

  const circle: Record<string, unknown> = {};
  circle['itself'] = circle;
  test.each<[string, Record<string, unknown>, string]>([
    ['requests itself', { requests: [] }, '"requests" is given by the call itself'],
    ['a BigInt', { size: 1n }, '"size" cannot be written as JSON'],
    ['a circle', { circle }, '"circle" cannot be written as JSON'],
    ['an array', ['a'] as never, 'bodyFields is an object'],
  ])('%s: refused before any HTTP', async (_, bodyFields, words) => {
    const api = client(`http://127.0.0.1:${await unusedPort()}`);
    expect((await expectRejection(api.create(BODY, { bodyFields }), InvalidRequestError)).message).toContain(words);
  });

  test('cannot be added to a body that is serialized already', async () => {
    const api = client(`http://127.0.0.1:${await unusedPort()}`);
    const chunks = (async function* () {
      yield Buffer.from('{}');
    })();
    await expectRejection(api.create({ contentLength: 2, chunks }, { bodyFields: { a: 1 } }), InvalidRequestError);
  });
});

test('a proxy and a dispatcher together are refused', () => {
  expect(() => new MessageBatchesApi({ proxy: { http: 'http://127.0.0.1:1' }, dispatcher: {} as never })).toThrow(InvalidRequestError);
});
