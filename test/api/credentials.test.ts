import { getEventListeners } from 'node:events';
import { inspect } from 'node:util';
import {
  AuthenticationError, CredentialError, DeadlinePassedError, InvalidRequestError, MessageBatchesApi, type ApiOptions, type CallOptions, type CreateBody, type TokenProvider,
} from '../../src/api';
import { Secrets } from '../../src/api/secrets';
import { closeClients, openClient } from './support/clients';
import { apiError, batch, closeServers, expectRejection, httpServer, json, rawServer, unusedPort } from './support/servers';

afterEach(async () => {
  await closeClients();
  await closeServers();
});

function client(url: string, token: string | TokenProvider, more: ApiOptions = {}): MessageBatchesApi {
  return openClient({ baseUrl: url, credential: { kind: 'bearer', token }, ...more });
}

/** Accepts some tokens, and answers 401 to others. */
function accepting(...tokens: string[]): ReturnType<typeof httpServer> {
  return httpServer(({ headers, url }, response) => {
    const token = headers.authorization?.replace(/^Bearer /, '') ?? headers['x-api-key'];
    if (!tokens.includes(String(token))) json(response, 401, apiError('authentication_error', `invalid bearer token ${String(token)}`));
    else json(response, 200, url.endsWith('/results') ? '' : { ...batch(), data: [], has_more: false });
  });
}

function tokensOf({ requests }: Awaited<ReturnType<typeof httpServer>>): unknown[] {
  return requests.map(({ headers }) => headers.authorization);
}

/** Gives one token after the other, and the last one for ever. */
function giving(...tokens: string[]): jest.Mock<string, []> {
  return jest.fn(() => (tokens.length > 1 ? tokens.shift()! : tokens[0]!));
}

const REQUESTS: CreateBody = { requests: [{ custom_id: 'a', params: {} as never }] };

type Caller = (api: MessageBatchesApi, options?: CallOptions) => Promise<unknown>;
const CALLS: [string, Caller][] = [
  ['create', (api, options) => api.create(REQUESTS, options)],
  ['retrieve', (api, options) => api.retrieve('x', options)],
  ['list', (api, options) => api.list({}, options)],
  ['cancel', (api, options) => api.cancel('x', options)],
  ['delete', (api, options) => api.delete('x', options)],
  ['results', async (api, options) => (await api.results('x', options)).close()],
];

test.each([
  ['bearer', 'authorization', 'Bearer fresh-token'],
  ['x-api-key', 'x-api-key', 'fresh-token'],
] as const)('a function gives the token (%s)', async (kind, header, value) => {
  const server = await accepting('fresh-token');
  const api = client(server.url, '', { credential: { kind, token: async () => 'fresh-token' } });
  await api.retrieve('x');
  await api.create(REQUESTS);
  expect(server.requests.map(({ headers }) => headers[header])).toEqual([value, value]);
});

test('it is asked before every attempt, those of retries as well', async () => {
  const tokens = giving('token-1', 'token-2', 'token-3', 'token-4');
  let failures = 2;
  const server = await httpServer((_, response) =>
    failures-- > 0 ? json(response, 429, apiError('rate_limit_error', 'slow'), { 'retry-after-ms': '1' }) : json(response, 200, batch()),
  );
  const api = client(server.url, tokens, { maxRetries: 2 });
  await api.retrieve('x');
  await api.create(REQUESTS);
  expect(tokensOf(server)).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-3', 'Bearer token-4']);
});

test('nothing of the wait for it stays behind', async () => {
  const server = await accepting('fresh-token');
  const { signal } = new AbortController();
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  for (const [, call] of CALLS) await call(client(server.url, async () => 'fresh-token', { timeoutMs: 600_000 }), { signal });
  // Results that were closed let go of the signal a moment later.
  while (getEventListeners(signal, 'abort').length > 0) await new Promise(setImmediate);
  // undici has one of its own for all of its timeouts.
  expect(timers()).toBeLessThanOrEqual(before + 1);
});

describe.each(CALLS)('after a 401 to %s', (_, call) => {
  test('another token is worth one more attempt, which does not count as a retry', async () => {
    const server = await accepting('fresh-token');
    const tokens = giving('stale-token', 'fresh-token');
    await call(client(server.url, tokens));
    expect(tokensOf(server)).toEqual(['Bearer stale-token', 'Bearer fresh-token']);
    expect(tokens).toHaveBeenCalledTimes(2);
  });

  test('the function is told that its token was refused', async () => {
    const server = await accepting('fresh-token');
    const told: unknown[] = [];
    // As one that keeps its token: without the word it would give the same again.
    await call(client(server.url, ({ refresh }) => {
      told.push(refresh);
      return refresh ? 'fresh-token' : 'stale-token';
    }));
    expect(told).toEqual([false, true]);
    expect(tokensOf(server)).toEqual(['Bearer stale-token', 'Bearer fresh-token']);
  });

  test('the same token again is the end', async () => {
    const server = await accepting();
    const tokens = giving('stale-token');
    await expectRejection(call(client(server.url, tokens, { maxRetries: 2 })), AuthenticationError);
    expect(tokensOf(server)).toEqual(['Bearer stale-token']);
    expect(tokens).toHaveBeenCalledTimes(2);
  });

  test('more than one is never made, even where the server asks for it', async () => {
    const server = await httpServer((__, response) => json(response, 401, apiError('authentication_error', 'no'), { 'x-should-retry': 'true' }));
    let asked = 0;
    const tokens = () => `token-${++asked}`;
    await expectRejection(call(client(server.url, tokens)), AuthenticationError);
    expect(tokensOf(server)).toEqual(['Bearer token-1', 'Bearer token-2']);
    await expectRejection(call(client(server.url, 'static-token')), AuthenticationError);
    expect(server.requests).toHaveLength(3);
  });

  test('what the function throws is the cause of a CredentialError', async () => {
    const server = await accepting();
    const cause = Object.assign(new Error('vault sealed, last token was sk-ant-secret'), { code: 'ESEALED' });
    const tokens = jest.fn(giving('stale-token')).mockImplementationOnce(() => 'stale-token').mockImplementationOnce(() => {
      throw cause;
    });
    const error = await expectRejection(call(client(server.url, tokens)), CredentialError);
    expect(error).toMatchObject({ outcomeKnown: true, retryable: false, name: 'CredentialError', cause });
    expect(error.message).toContain('ESEALED');
    expect(error.message).not.toContain('sk-ant-secret');
    expect(server.requests).toHaveLength(1);
  });
});

test('a function that does not come back ends a create at the timeout, where its deadline is later', async () => {
  const server = await accepting();
  const hanging = () => new Promise<string>(() => undefined);
  const error = await expectRejection(client(server.url, hanging).create(REQUESTS, { timeoutMs: 50, deadline: new Date(Date.now() + 600_000) }), CredentialError);
  expect(error.message).toContain('took longer than 50 ms');
  expect(server.sockets.size).toBe(0);
});

test('a call has one such further attempt, however many retries it makes', async () => {
  const server = await httpServer((_, response) => json(response, 401, apiError('authentication_error', 'no'), { 'x-should-retry': 'true' }));
  let asked = 0;
  await expectRejection(client(server.url, () => `token-${++asked}`, { maxRetries: 1 }).retrieve('x'), AuthenticationError);
  expect(tokensOf(server)).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-3']);
});

describe('a create that was refused with 401', () => {
  const WHOLE = Buffer.from(JSON.stringify(REQUESTS));
  async function* chunks(): AsyncGenerator<Buffer> {
    yield WHOLE;
  }

  test('is not made again where its body is used up', async () => {
    const server = await accepting('fresh-token');
    const tokens = giving('stale-token', 'fresh-token');
    expect(await expectRejection(client(server.url, tokens).create({ contentLength: WHOLE.length, chunks: chunks() }), AuthenticationError)).toMatchObject({ outcomeKnown: true });
    expect(tokensOf(server)).toEqual(['Bearer stale-token']);
    expect(tokens).toHaveBeenCalledTimes(1);
  });

  test('sends the same whole body again where it can be read again', async () => {
    const server = await accepting('fresh-token');
    await client(server.url, giving('stale-token', 'fresh-token')).create(REQUESTS);
    expect(server.requests.map(({ body }) => body)).toEqual([WHOLE.toString(), WHOLE.toString()]);
  });
});

describe.each(CALLS)('a function that fails before %s', (name, call) => {
  test.each<[string, () => unknown]>([
    ['throws', () => { throw new TypeError('no token file'); }],
    ['rejects', () => Promise.reject(new TypeError('no token file'))],
  ])('%s: nothing was sent', async (__, token) => {
    const server = await accepting();
    const error = await expectRejection(call(client(server.url, token as TokenProvider, { maxRetries: 2 })), CredentialError);
    expect(error.cause).toEqual(new TypeError('no token file'));
    expect(error).toMatchObject({ outcomeKnown: true, retryable: false });
    expect(server.sockets.size).toBe(0);
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'gave no token'],
    ['an empty text', ' ', 'gave no token'],
    ['an object', { secret: 'sk-ant-secret' }, 'gave no token'],
    ['a line break', 'sk-ant-secret\r\nx: y', 'such as a line break'],
  ])('gives %s', async (__, token, words) => {
    const api = client(`http://127.0.0.1:${await unusedPort()}`, (() => token) as TokenProvider);
    const error = await expectRejection(call(api), CredentialError);
    expect(error.message).toContain(words);
    expect(inspect(error)).not.toContain('sk-ant-secret');
  });

  test('does not come back: the timeout of the call ends the wait', async () => {
    const server = await accepting();
    let given: AbortSignal | undefined;
    const token: TokenProvider = ({ signal }) => {
      given = signal;
      return new Promise(() => undefined);
    };
    // Of a create that is the deadline of the whole: it runs before anybody is asked for a token.
    const outcome = call(client(server.url, token), { timeoutMs: name === 'create' ? 1_000 : 50 });
    if (name === 'create') await expectRejection(outcome, DeadlinePassedError);
    else expect((await expectRejection(outcome, CredentialError)).message).toContain('took longer than 50 ms');
    expect(given!.aborted).toBe(true);
    expect(server.sockets.size).toBe(0);
  });

  test('is waited for: an abort rejects at once with the reason itself, and reaches the function', async () => {
    const server = await accepting();
    const abort = new AbortController();
    const reason = { not: 'even an error' };
    let given: AbortSignal | undefined;
    const token: TokenProvider = ({ signal }) => {
      given = signal;
      setImmediate(() => abort.abort(reason));
      return new Promise(() => undefined);
    };
    expect(await call(client(server.url, token), { signal: abort.signal }).catch((error: unknown) => error)).toBe(reason);
    expect(given!.reason).toBe(reason);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    expect(server.sockets.size).toBe(0);
  });
});

test('a create waits for a token no longer than its deadline', async () => {
  const server = await accepting();
  const api = client(server.url, () => new Promise(() => undefined));
  const started = Date.now();
  await expectRejection(api.create(REQUESTS, { deadline: new Date(started + 200) }), DeadlinePassedError);
  expect(Date.now() - started).toBeLessThan(5_000);
  const token = jest.fn(() => 'token');
  await expectRejection(client(server.url, token).create(REQUESTS, { deadline: new Date(started) }), DeadlinePassedError);
  expect(token).not.toHaveBeenCalled();
  expect(server.sockets.size).toBe(0);
});

test('a token of a function that the server echoes is in no error', async () => {
  const server = await accepting();
  const raw = await rawServer((socket) => socket.once('data', (data) => socket.end(data)));
  let asked = 0;
  const token = () => `sk-ant-fresh-${'x'.repeat(8)}-${++asked}`;
  const errors = [
    await expectRejection(client(server.url, token).retrieve('x'), AuthenticationError),
    await expectRejection(client(server.url, token).create(REQUESTS), AuthenticationError),
    await expectRejection(client(raw.url, token).retrieve('x'), Error),
  ];
  for (const error of errors) expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)).not.toContain('sk-ant-fresh');
  expect((errors[0] as AuthenticationError).body).toContain('[redacted]');
  expect(errors[0]!.message).toContain('[redacted]');
});

test('the function and its tokens are in nothing of the client', async () => {
  const server = await accepting('sk-ant-fresh-token');
  const api = client(server.url, () => 'sk-ant-fresh-token');
  await api.retrieve('x');
  expect(inspect({ api }, { depth: 10, showHidden: true }) + JSON.stringify(api)).not.toContain('sk-ant-fresh');
});

test('the token of a call under way is kept out however many come after it', () => {
  const secrets = new Secrets();
  const release = secrets.hold('token-under-way');
  for (let number = 1; number <= 3_000; number++) secrets.addPassing(`passing-secret-${number}.`);
  expect(secrets.redact('token-under-way')).toBe('[redacted]');
  release();
  expect(secrets.redact('token-under-way')).toBe('[redacted]');
  for (let number = 1; number <= 3_000; number++) secrets.addPassing(`passing-secret-${number}.`);
  expect(secrets.redact('token-under-way')).toBe('token-under-way');
});

test('the latest of many tokens are kept out, those of long ago are forgotten', () => {
  const secrets = new Secrets();
  secrets.add('lasting-secret');
  for (let number = 1; number <= 3_000; number++) {
    secrets.addPassing(`passing-secret-${number}.`);
    secrets.addPassing('passing-secret-in-use');
  }
  expect(secrets.redact('lasting-secret passing-secret-3000. passing-secret-in-use passing-secret-1.')).toBe('[redacted] [redacted] [redacted] passing-secret-1.');
});

test.each([
  ['basic', 'token'],
  [undefined, 'token'],
  ['bearer', 5],
  ['bearer', null],
])('the credential %j %j is refused', (kind, token) => {
  expect(() => new MessageBatchesApi({ credential: { kind, token } as never })).toThrow(InvalidRequestError);
});
