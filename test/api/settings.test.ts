import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { ApiError, apiOptionsFromEnv, ConnectionError, InvalidAnswerError, InvalidRequestError, MessageBatchesApi, type ApiOptions } from '../../src/api';
import { apiError, batch, closeServers, httpServer, json, rawServer, expectRejection, unusedPort } from './support/servers';

afterEach(closeServers);

const KEY = 'sk-ant-api03-very-secret-0123456789';

describe('apiOptionsFromEnv', () => {
  test('reads what users of the SDKs have', () => {
    expect(
      apiOptionsFromEnv({
        ANTHROPIC_API_KEY: ` ${KEY}\n`,
        ANTHROPIC_BASE_URL: 'https://gateway.example/anthropic',
        ANTHROPIC_CUSTOM_HEADERS: 'X-Team: research\r\n\n  x-url : http://a:1/b  \n',
      }),
    ).toEqual({
      credential: { kind: 'x-api-key', token: KEY },
      baseUrl: 'https://gateway.example/anthropic',
      headers: { 'X-Team': 'research', 'x-url': 'http://a:1/b' },
    });
    expect(apiOptionsFromEnv({ ANTHROPIC_AUTH_TOKEN: KEY })).toEqual({ credential: { kind: 'bearer', token: KEY } });
  });

  test('proxies, in lower case first', () => {
    expect(apiOptionsFromEnv({ HTTPS_PROXY: 'http://upper:1', https_proxy: 'http://lower:2', HTTP_PROXY: 'http://plain:3', NO_PROXY: '.internal' })).toEqual({
      proxy: { https: 'http://lower:2', http: 'http://plain:3', noProxy: '.internal' },
    });
  });

  test('a log', () => {
    expect(Object.keys(apiOptionsFromEnv({ ANTHROPIC_LOG: ' Warn ' }).hooks!).sort()).toEqual(['onError', 'onRetry']);
    expect(apiOptionsFromEnv({ ANTHROPIC_LOG: 'off' })).toEqual({});
  });

  test('a level of the log that does not exist is a warning that does not repeat it', () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    expect(apiOptionsFromEnv({ ANTHROPIC_LOG: KEY })).toEqual({});
    expect(warn.mock.calls).toEqual([['ANTHROPIC_LOG is none of debug, info, warn, error, off, so nothing is logged.']]);
    warn.mockRestore();
  });

  test('an empty variable counts as unset', () => {
    const none = { ANTHROPIC_LOG: ' ', HTTPS_PROXY: '', http_proxy: ' ', NO_PROXY: '' };
    const empty = { ANTHROPIC_API_KEY: '', ANTHROPIC_AUTH_TOKEN: ' ', ANTHROPIC_BASE_URL: '', ANTHROPIC_CUSTOM_HEADERS: '\n', ...none };
    expect(apiOptionsFromEnv({ ...empty, ANTHROPIC_CUSTOM_HEADERS: '' })).toEqual({});
    expect(apiOptionsFromEnv({ ...empty, ANTHROPIC_AUTH_TOKEN: KEY })).toEqual({ credential: { kind: 'bearer', token: KEY } });
    expect(inspect(new MessageBatchesApi(apiOptionsFromEnv(empty)))).toContain("'https://api.anthropic.com'");
  });

  test('the key goes before the token', () => {
    expect(apiOptionsFromEnv({ ANTHROPIC_API_KEY: KEY, ANTHROPIC_AUTH_TOKEN: 'other' }).credential).toEqual({ kind: 'x-api-key', token: KEY });
  });

  test.each([KEY, `: ${KEY}`])('a line that is no header is named by its number only', (line) => {
    const read = () => apiOptionsFromEnv({ ANTHROPIC_CUSTOM_HEADERS: `a: b\n${line}` });
    expect(read).toThrow(InvalidRequestError);
    expect(read).toThrow('line 2');
    expect(read).not.toThrow(KEY);
  });
});

describe('options that cannot be used are refused, and no secret is repeated', () => {
  test.each<[string, ApiOptions, string]>([
    ['no URL', { baseUrl: KEY }, 'not a URL'],
    ['another scheme', { baseUrl: 'ftp://x' }, 'ftp:'],
    ['credentials in the URL', { baseUrl: `https://user:${KEY}@api.example` }, 'holds credentials'],
    ['a user in the URL', { baseUrl: `https://${KEY}@api.example` }, 'holds credentials'],
    ['a query in the URL', { baseUrl: `https://api.example/?key=${KEY}` }, 'a query'],
    ['an empty token', { credential: { kind: 'bearer', token: '' } }, 'token is empty'],
    ['a kind that does not exist', { credential: { kind: 'basic' as never, token: KEY } }, 'credential.kind'],
    ['a line break in the token', { credential: { kind: 'x-api-key', token: `${KEY}\nx: y` } }, 'x-api-key holds characters'],
    ['a character beyond Latin-1', { headers: { 'x-secret': `${KEY}–` } }, 'x-secret holds characters'],
    ['a header of the framing', { headers: { 'Content-Length': '5' } }, 'content-length is set by the client'],
    ['a bad header name', { headers: { 'a b': KEY } }, 'name of a header'],
    ['a bad version', { apiVersion: `${KEY}\n` }, 'anthropic-version holds characters'],
    ['a timeout of 0', { timeoutMs: 0 }, 'timeoutMs'],
    ['an endless idle timeout', { idleTimeoutMs: Infinity }, 'idleTimeoutMs'],
    ['half a retry', { maxRetries: 0.5 }, 'maxRetries'],
  ])('%s', async (_, options, words) => {
    const error = await expectRejection((async () => new MessageBatchesApi(options).retrieve('x'))(), InvalidRequestError);
    expect(error.message).toContain(words);
    expect(inspect(error)).not.toContain(KEY);
  });
});

describe('the key', () => {
  function everythingAbout(error: unknown): string {
    const seen: string[] = [];
    for (let at = error; at instanceof Error; at = at.cause) {
      seen.push(at.message, String(at.stack), JSON.stringify(at), inspect(at, { depth: 10, showHidden: true }));
      if (at instanceof ApiError) seen.push(at.body, JSON.stringify(at.headers));
    }
    return seen.join('\n');
  }

  const credentials: ApiOptions[] = [
    { credential: { kind: 'x-api-key', token: KEY } },
    { credential: { kind: 'bearer', token: KEY } },
    { headers: { Authorization: `Bearer ${KEY}` } },
    { headers: { 'X-Gateway-Token': KEY } },
  ];

  test.each(credentials)('is in nothing of the client: %#', (options) => {
    const api = new MessageBatchesApi(options);
    expect(inspect(api, { depth: 10, showHidden: true })).not.toContain(KEY);
    expect(JSON.stringify(api)).not.toContain(KEY);
    expect(inspect({ api })).not.toContain(KEY);
  });

  test.each(credentials)('is in no error, even where the server echoes it: %#', async (options) => {
    const server = await httpServer(({ headers, url }, response) => {
      const echo = JSON.stringify(headers);
      if (url.includes('html')) response.writeHead(200).end(`<html>${echo}`);
      else json(response, 400, apiError('invalid_request_error', `You sent ${echo}`), { 'x-echo': encodeURI(echo), 'set-cookie': KEY });
    });
    const raw = await rawServer((socket) => socket.once('data', (data) => socket.end(data)));
    const closed = `http://127.0.0.1:${await unusedPort()}`;
    const api = (baseUrl: string) => new MessageBatchesApi({ ...options, baseUrl, maxRetries: 0 });
    const body = { requests: [{ custom_id: 'a', params: {} as never }] };
    const errors = [
      await expectRejection(api(server.url).retrieve('x'), ApiError),
      await expectRejection(api(server.url).create(body), ApiError),
      await expectRejection(api(server.url).retrieve('html'), InvalidAnswerError),
      await expectRejection(api(raw.url).retrieve('x'), ConnectionError),
      await expectRejection(api(raw.url).create(body), ConnectionError),
      await expectRejection(api(closed).retrieve('x'), ConnectionError),
      await expectRejection(api(closed).create(body), ConnectionError),
    ];
    for (const error of errors) expect(everythingAbout(error)).not.toContain(KEY);
    expect((errors[0] as ApiError).body).toContain('[redacted]');
  });

  test('cut in two at the end of what is kept of a body does not escape', async () => {
    const server = await httpServer((_, response) => response.writeHead(500).end('x'.repeat(64 * 1024 - 10) + KEY.repeat(2)));
    const error = await expectRejection(new MessageBatchesApi({ baseUrl: server.url, credential: { kind: 'bearer', token: KEY }, maxRetries: 0 }).retrieve('x'), ApiError);
    expect(error.body).not.toContain(KEY.slice(0, 8));
  });
});

test('headers of the caller replace those of the client, whatever their case', async () => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  const api = new MessageBatchesApi({ baseUrl: server.url, credential: { kind: 'x-api-key', token: KEY }, headers: { 'User-Agent': 'mine', 'X-Api-Key': 'another-key' } });
  await api.retrieve('x');
  expect(server.requests[0]!.headers).toMatchObject({ 'user-agent': 'mine', 'x-api-key': 'another-key' });
  await api.close();
});

test.each([
  ['Authorization: Bearer of-the-gateway', 'ANTHROPIC_API_KEY', { authorization: 'Bearer of-the-gateway', 'x-api-key': KEY }],
  ['Authorization: Bearer of-the-gateway', 'ANTHROPIC_AUTH_TOKEN', { authorization: 'Bearer of-the-gateway' }],
  ['x-api-key: of-the-gateway', 'ANTHROPIC_API_KEY', { 'x-api-key': 'of-the-gateway' }],
  ['x-api-key: of-the-gateway', 'ANTHROPIC_AUTH_TOKEN', { authorization: `Bearer ${KEY}`, 'x-api-key': 'of-the-gateway' }],
  ['Authorization: Bearer one\nX-Api-Key: other', 'ANTHROPIC_API_KEY', { authorization: 'Bearer one', 'x-api-key': 'other' }],
  ['Authorization: Bearer one\nX-Api-Key: other', 'ANTHROPIC_AUTH_TOKEN', { authorization: 'Bearer one', 'x-api-key': 'other' }],
])('of ANTHROPIC_CUSTOM_HEADERS %j goes in place of %s where that has the same header, else beside it', async (lines, variable, expected) => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  {
    const api = new MessageBatchesApi(apiOptionsFromEnv({ ANTHROPIC_BASE_URL: server.url, ANTHROPIC_CUSTOM_HEADERS: lines, [variable]: KEY }));
    await api.retrieve('x');
    await api.create({ requests: [{ custom_id: 'a', params: {} as never }] });
    await api.close();
  }
  expect(server.requests).toHaveLength(2);
  for (const { headers } of server.requests) {
    expect(Object.fromEntries(Object.entries(headers).filter(([name]) => ['authorization', 'x-api-key'].includes(name)))).toEqual(expected);
  }
});

test('a header for what stands before the API may authorize, but not where there is a proxy of the client', async () => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  const api = new MessageBatchesApi(apiOptionsFromEnv({ ANTHROPIC_BASE_URL: server.url, ANTHROPIC_CUSTOM_HEADERS: `Proxy-Authorization: Bearer ${KEY}` }));
  await api.retrieve('x');
  await api.create({ requests: [{ custom_id: 'a', params: {} as never }] });
  expect(server.requests.map(({ headers }) => headers['proxy-authorization'])).toEqual([`Bearer ${KEY}`, `Bearer ${KEY}`]);
  await expect(api.retrieve('x', { headers: { 'Proxy-Authorization': 'x' } })).rejects.toThrow('proxy-authorization');
  await api.close();
  expect(() => new MessageBatchesApi({ headers: { 'Proxy-Authorization': 'x' }, proxy: { https: 'http://p' } })).toThrow('http://user:password@host');
});

test.each([
  ['JSON, a slash', (key: string) => key.replace('/', '\\/')],
  ['JSON, hexadecimal', (key: string) => key.replace('+', '\\u002B')],
  ['JSON, a quote', (key: string) => JSON.stringify(key).slice(1, -1)],
  ['JSON within JSON', (key: string) => JSON.stringify(JSON.stringify(key)).slice(1, -1)],
  ['a URL', encodeURIComponent],
])('a key that is echoed with the escapes of %s is in no error', async (_, escape) => {
  const key = 'sk-ant/api03+AbC"dEf_0123456789';
  const server = await httpServer((_request, response) => json(response, 401, `{"type":"error","error":{"type":"a","message":"bad ${escape(key)}","details":{"error_code":"${escape(key)}"}}}`, { 'request-id': key }));
  const api = new MessageBatchesApi({ baseUrl: server.url, credential: { kind: 'x-api-key', token: key } });
  const error = await api.retrieve('x').then(() => undefined, (thrown: ApiError) => thrown);
  const told = [error!.message, error!.requestId, error!.body, error!.errorCode, JSON.stringify(error!.headers)].join(' ');
  expect(told.match(/\[redacted\]/g)).toHaveLength(7);
  expect(decodeURIComponent(told.replaceAll('\\', ''))).not.toMatch(/api03|AbC/);
  await api.close();
});

test('a key that an error body ends within is in no error', async () => {
  for (const cut of [1, 5, 20]) {
    const server = await httpServer((_, response) => {
      response.writeHead(401, { 'content-length': 500 });
      response.write(`bad ${KEY.slice(0, -cut)}`, () => response.destroy());
    });
    const api = new MessageBatchesApi({ baseUrl: server.url, credential: { kind: 'x-api-key', token: KEY } });
    await expect(api.retrieve('x')).rejects.toMatchObject({ body: 'bad [redacted]' });
    await api.close();
  }
});

test('the user agent has the version of the package', async () => {
  const server = await httpServer((_, response) => json(response, 200, batch()));
  const api = new MessageBatchesApi({ baseUrl: server.url });
  await api.retrieve('x');
  await api.close();
  const { version } = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string };
  expect(server.requests[0]!.headers['user-agent']).toBe(`temporal-message-batches/${version}`);
});

test('what a process logs because of its environment holds no credential, no prompt and no answer', async () => {
  const secrets = [KEY, 'gateway-secret-1', 'proxy-password', 'query-secret-2', 'a whole prompt', 'a whole answer'];
  const server = await httpServer(({ method, url, headers, body }, response) => {
    const echo = `${JSON.stringify(headers)} ${url} ${body} a whole answer`;
    const told = { location: `/elsewhere?key=${KEY}`, 'set-cookie': KEY, 'x-echo': encodeURI(JSON.stringify(headers)) };
    if (url.includes('results')) response.writeHead(200, told).end(`${echo}\n`);
    else if (url.includes('moved')) json(response, 302, echo, told);
    else if (url.includes('busy')) json(response, 529, apiError('overloaded_error', echo), told);
    else json(response, method === 'GET' ? 200 : 400, method === 'GET' ? `<html>${echo}` : apiError('invalid_request_error', echo), told);
  });
  const child = spawn(process.execPath, ['-r', join(__dirname, '..', 'support', 'typescript-hook.js'), join(__dirname, 'support', 'logging-child.ts')], {
    env: {
      PATH: process.env['PATH'],
      ANTHROPIC_LOG: 'debug',
      ANTHROPIC_API_KEY: KEY,
      ANTHROPIC_BASE_URL: server.url,
      ANTHROPIC_CUSTOM_HEADERS: 'x-gateway-secret: gateway-secret-1',
      HTTP_PROXY: 'http://user:proxy-password@proxy.invalid:3128',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const log = await text(child.stderr);
  for (const words of ['create attempt 1: POST', 'create: 400 invalid_request_error (req_test)', 'retrieve busy: 529', '"x-api-key":"[redacted]"', 'results r ended', 'cancel moved']) {
    expect(log).toContain(words);
  }
  for (const secret of secrets) {
    expect(log).not.toContain(secret);
    expect(log).not.toContain(encodeURIComponent(secret));
  }
});
