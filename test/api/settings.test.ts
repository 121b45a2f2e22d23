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

  test('an empty variable counts as unset', () => {
    const empty = { ANTHROPIC_API_KEY: '', ANTHROPIC_AUTH_TOKEN: ' ', ANTHROPIC_BASE_URL: '', ANTHROPIC_CUSTOM_HEADERS: '\n' };
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
