import { fork, type ChildProcess } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Agent } from 'undici';
import type { MessageBatchesApi } from '../../src/api';
import { ConnectionError, DeadlinePassedError, InvalidRequestError, TimeoutError, type ApiOptions, type ProxySettings } from '../../src/api';
import { Deadline } from '../../src/api/deadline';
import { proxyFor, proxyFromEnv } from '../../src/api/proxy';
import { closeClients, openClient } from './support/clients';
import { closeProxies, connectProxy, PROXIED_HOST, type ConnectProxy } from './support/connect-proxy';
import type { ChildJob, ChildMessage } from './support/create-child';
import type { RetrieveJob, RetrieveOutcome } from './support/retrieve-child';
import { batch, CERTIFICATE_FILE, closeServers, expectRejection, httpServer, httpsServer, json, rawServer, streamingServer, unusedPort } from './support/servers';
import { LONG, rowsOfThisForm } from '../support/long-form';
import { until } from '../support/until';

const PASSWORD = 'pass:w@rd/100%';
const ENCODED_PASSWORD = encodeURIComponent(PASSWORD);
const BODY = { requests: [{ custom_id: 'a', params: {} as never }] };

const children: ChildProcess[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await closeClients();
  await closeProxies();
  await closeServers();
});

function client(proxy: ProxySettings, more: ApiOptions = {}): MessageBatchesApi {
  return openClient({ baseUrl: `http://${PROXIED_HOST}`, proxy, ...more });
}

function inMs(milliseconds: number): Date {
  return new Date(Date.now() + milliseconds);
}

async function* chunksOf(bytes: number): AsyncGenerator<Buffer> {
  for (let given = 0; given < bytes; given += 100_000) yield Buffer.alloc(Math.min(100_000, bytes - given), 0x78);
}

describe('settings', () => {
  test.each<[Record<string, string>, ProxySettings | undefined]>([
    [{}, undefined],
    [{ NO_PROXY: '*' }, undefined],
    [{ HTTP_PROXY: 'http://a', HTTPS_PROXY: 'http://b', NO_PROXY: 'c' }, { http: 'http://a', https: 'http://b', noProxy: 'c' }],
    [{ HTTPS_PROXY: 'http://upper', https_proxy: 'http://lower', no_proxy: 'x', NO_PROXY: 'y' }, { https: 'http://lower', noProxy: 'x' }],
    [{ http_proxy: ' ', HTTP_PROXY: 'http://upper' }, { http: 'http://upper' }],
    [{ https_proxy: '', HTTP_PROXY: '' }, undefined],
  ])('of the environment %j', (env, settings) => {
    expect(proxyFromEnv(env)).toEqual(settings);
  });

  test.each([
    ['https://api.example', { https: 'http://p:3128' }, 'http://p:3128'],
    ['https://api.example', { https: 'p:3128' }, 'http://p:3128'],
    ['https://api.example', { https: ' https://p ' }, 'https://p'],
    ['https://api.example', { http: 'http://p' }, undefined],
    ['http://api.example', { https: 'http://p' }, undefined],
    ['http://api.example', { http: 'http://p', https: '' }, 'http://p'],
    ['http://localhost:8080', { http: 'http://p' }, undefined],
    ['http://127.1', { http: 'http://p' }, undefined],
    ['http://127.255.0.9:80', { http: 'http://p' }, undefined],
    ['http://[::1]:80', { http: 'http://p' }, undefined],
    ['http://[::ffff:127.0.0.1]', { http: 'http://p' }, undefined],
    ['http://128.0.0.1', { http: 'http://p' }, 'http://p'],
    ['http://localhost.example', { http: 'http://p' }, 'http://p'],
    ['http://10.1.2.3', { http: 'http://p', noProxy: 'x, 10.0.0.0/8' }, undefined],
    ['http://11.1.2.3', { http: 'http://p', noProxy: '10.0.0.0/8,11.0.0.0/99,/,11.1.2/24' }, 'http://p'],
    ['http://[fd00::7]', { http: 'http://p', noProxy: 'fd00::/16' }, undefined],
    ['http://[fd00::7]', { http: 'http://p', noProxy: 'fd00::7' }, undefined],
  ])('%s with %j goes through %s', (origin, settings, expected) => {
    expect(proxyFor(settings, origin)?.origin).toBe(expected);
  });

  test('what is not used may be anything', () => {
    expect(proxyFor({ https: 'socks5h://p' }, 'http://127.0.0.1:8080')).toBeUndefined();
    expect(proxyFor({ http: 'socks5h://p' }, 'http://localhost')).toBeUndefined();
    expect(proxyFor({ https: 'socks5h://p' }, 'http://api.test')).toBeUndefined();
  });

  test.each([
    ['no URL', 'http://user:hush@', 'is not a URL'],
    ['a bad port', 'http://hush:1:2', 'is not a URL'],
    ['another scheme', 'socks5://user:hush@p', 'begins with socks5:'],
    ['a stray %', 'http://user:hush%zz@p', 'percent-encoding'],
  ])('%s is refused, and not repeated', (_, value, words) => {
    for (const scheme of ['http', 'https']) {
      let error: unknown;
      try {
        client({ [scheme]: value }, { baseUrl: `${scheme}://${PROXIED_HOST}` });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(InvalidRequestError);
      expect((error as Error).message).toContain(words);
      expect(inspect(error, { showHidden: true, depth: 10 })).not.toMatch(/hush|w@rd/);
    }
  });

  test('a proxy and a dispatcher are one too many', () => {
    expect(() => client({ http: 'http://p' }, { dispatcher: new Agent() })).toThrow(InvalidRequestError);
  });
});

describe('calls', () => {
  test('go through tunnels, and keep them', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    const proxy = await connectProxy({ target: server.port });
    const api = client({ http: proxy.url });
    for (const id of ['a', 'b', 'c', 'd', 'e']) await api.retrieve(id);
    expect(server.requests.map(({ url, headers }) => [url, headers.host])).toEqual(['a', 'b', 'c', 'd', 'e'].map((id) => [`/v1/messages/batches/${id}`, PROXIED_HOST]));
    // undici may begin the second call while it still tidies up after the first.
    expect(proxy.tunnels.length).toBeLessThanOrEqual(2);
    expect(proxy).toMatchObject({ tunnels: expect.arrayContaining([`${PROXIED_HOST}:80`]), forwarded: [] });
    await api.close();
    await until(() => proxy.clients.size === 0);
  });

  test('at the same time have tunnels of their own', async () => {
    let waiting = 0;
    const server = await httpServer((_, response) => {
      if (++waiting === 3) for (const finish of pending) finish();
      else pending.push(() => json(response, 200, batch()));
      if (waiting === 3) json(response, 200, batch());
    });
    const pending: (() => void)[] = [];
    const proxy = await connectProxy({ target: server.port });
    const api = client({ http: proxy.url });
    await Promise.all([api.retrieve('a'), api.retrieve('b'), api.retrieve('c')]);
    expect(proxy.tunnels).toHaveLength(3);
  });

  test('to loopback and to what noProxy names are made directly', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    const proxy = await connectProxy({ target: server.port });
    await client({ http: proxy.url }, { baseUrl: server.url }).retrieve('x');
    await client({ http: proxy.url }, { baseUrl: server.url.replace('127.0.0.1', 'localhost') }).create(BODY);
    // Nobody knows this name, so that a direct call fails.
    for (const noProxy of [PROXIED_HOST, 'test', '.test', '*', `other:1,${PROXIED_HOST}:80`]) {
      await expectRejection(client({ http: proxy.url, noProxy }).retrieve('x'), ConnectionError);
      expect(await expectRejection(client({ http: proxy.url, noProxy }).create(BODY), ConnectionError)).toMatchObject({ sent: 'nothing' });
    }
    expect(proxy.tunnels).toHaveLength(0);
    await client({ http: proxy.url, noProxy: 'i.test, other.example' }).retrieve('x');
    expect(proxy.tunnels).toHaveLength(1);
  });

  test('take nothing from the environment of the process', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    const [named, inEnvironment] = [await connectProxy({ target: server.port }), await connectProxy({ target: server.port })];
    const before = { ...process.env };
    Object.assign(process.env, { HTTP_PROXY: inEnvironment.url, HTTPS_PROXY: inEnvironment.url, NO_PROXY: '*' });
    try {
      await client({ http: named.url }).retrieve('x');
      await client({ http: named.url }).create(BODY);
      await expectRejection(client({ http: named.url }, { baseUrl: `https://${PROXIED_HOST}` }).retrieve('x'), ConnectionError);
    } finally {
      process.env = before;
    }
    expect([named.tunnels.length, inEnvironment.tunnels.length]).toEqual([2, 0]);
  });

  test('show the proxy its credentials, and nobody else', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    const proxy = await connectProxy({ target: server.port, credentials: `me:${PASSWORD}` });
    const told: unknown[] = [];
    const hooks = { onRequest: (event: object) => void told.push(event), onResponse: (event: object) => void told.push(event) };
    const api = client({ http: proxy.url }, { hooks });
    await api.retrieve('x');
    await api.create(BODY);
    expect(proxy.tunnels).toHaveLength(2);
    for (const { headers } of server.requests) expect(headers).not.toHaveProperty('proxy-authorization');
    const seen = [inspect(api, { showHidden: true, depth: 20 }), JSON.stringify(api), inspect(told, { depth: 20 })].join();
    for (const secret of [PASSWORD, ENCODED_PASSWORD, Buffer.from(`me:${PASSWORD}`).toString('base64')]) expect(seen).not.toContain(secret);
  });

  test('with a user alone', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    const proxy = await connectProxy({ target: server.port, credentials: 'token:' });
    await client({ http: proxy.url.replace(':@', '@') }).retrieve('x');
    expect(proxy.tunnels).toHaveLength(1);
  });
});

describe('a proxy that refuses', () => {
  const table: [string, number | 'wrong password' | 'refused', boolean, RegExp][] = [
    ['wants other credentials', 'wrong password', false, /refused to connect to http:\/\/api\.test: it answered 407; nothing was sent\. It wants other credentials/],
    ['wants credentials and says so with 401', 401, false, /it answered 401; nothing was sent\. It wants other credentials/],
    ['forbids it', 403, false, /it answered 403; nothing was sent\.$/],
    ['does not reach the API', 502, true, /it answered 502; nothing was sent\.$/],
    ['is busy', 429, true, /it answered 429/],
    ['leads elsewhere', 302, false, /it answered 302/],
    ['is not there', 'refused', true, /refused, or could not be reached \(ECONNREFUSED\); nothing was sent\.$/],
  ];
  test.each(table)('because it %s', async (_, refusal, retryable, words) => {
    const server = await httpServer((__, response) => json(response, 200, batch()));
    const proxy = await connectProxy({ target: server.port, credentials: `me:${PASSWORD}` });
    if (typeof refusal === 'number') proxy.refusal = refusal;
    const { host } = proxy;
    const url = refusal === 'wrong password' ? proxy.url.replace('me:', 'hush:') : proxy.url;
    if (refusal === 'refused') await proxy.close();
    const api = client({ http: url });
    for (const call of [() => api.retrieve('x'), () => api.cancel('x'), () => api.create(BODY)]) {
      const error = await expectRejection(call(), ConnectionError);
      expect(error).toMatchObject({ sent: 'nothing', outcomeKnown: true, retryable });
      expect(error.message).toContain(`the proxy ${host} refused`);
      expect(error.message).toMatch(words);
      expect(`${inspect(error, { showHidden: true, depth: 10 })}${JSON.stringify(error)}`).not.toMatch(/hush|secret|w@rd|w%40rd|Basic/);
    }
    expect(server.requests).toHaveLength(0);
  });

  test('is asked again where that may help, by a create as well', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch()));
    const proxy = await connectProxy({ target: server.port });
    const api = client({ http: proxy.url }, { maxRetries: 1, hooks: { onRetry: () => void (proxy.refusal = undefined) } });
    for (const call of [() => api.retrieve('x'), () => api.create(BODY)]) {
      proxy.refusal = 503;
      await call();
    }
    expect(proxy.tunnels).toHaveLength(4);
    expect(server.requests).toHaveLength(2);
  });

  test('by saying nothing: the call ends in time, and nothing was sent', async () => {
    const proxy = await connectProxy({ target: await unusedPort() });
    proxy.refusal = 'silence';
    const api = client({ http: proxy.url }, { timeoutMs: 500 });
    const error = await expectRejection(api.cancel('x'), ConnectionError);
    expect(error).toMatchObject({ sent: 'nothing', outcomeKnown: true, retryable: true, code: 'UND_ERR_HEADERS_TIMEOUT' });
    expect(error).not.toBeInstanceOf(TimeoutError);
    await expectRejection(api.create(BODY, { deadline: inMs(300) }), DeadlinePassedError);
    await until(() => proxy.clients.size === 0);
  });

  test('by saying nothing: an abort rejects at once and leaves no listener', async () => {
    const proxy = await connectProxy({ target: await unusedPort() });
    proxy.refusal = 'silence';
    const api = client({ http: proxy.url });
    const reason = new Error('stop');
    for (const call of [(signal: AbortSignal) => api.retrieve('x', { signal }), (signal: AbortSignal) => api.create(BODY, { signal })]) {
      const abort = new AbortController();
      const tunnels = proxy.tunnels.length;
      const outcome = call(abort.signal).catch((error: unknown) => error);
      await until(() => proxy.tunnels.length > tunnels);
      abort.abort(reason);
      expect(await outcome).toBe(reason);
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    }
    await api.close();
    await until(() => proxy.clients.size === 0);
  });
});

describe('a create', () => {
  test('has a tunnel of its own, which is gone afterwards', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch('msgbatch_new')));
    const proxy = await connectProxy({ target: server.port });
    const api = client({ http: proxy.url });
    await api.retrieve('x');
    expect((await api.create({ contentLength: 3_000_000, chunks: chunksOf(3_000_000) })).data.id).toBe('msgbatch_new');
    await api.create(BODY);
    expect(proxy.tunnels).toHaveLength(3);
    expect(server.requests[1]!.body).toHaveLength(3_000_000);
    // That of the retrieve is kept for the next call, for some seconds.
    await until(() => proxy.clients.size <= 1);
  });

  test('holds its last byte back until the source has ended, and sends none after the deadline', async () => {
    let received = '';
    const server = await rawServer((socket) => socket.on('data', (data) => (received += data.toString('latin1'))));
    const proxy = await connectProxy({ target: server.port });
    const bodyOnTheWire = () => received.slice(received.indexOf('\r\n\r\n') + 4);
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const creating = client({ http: proxy.url }).create(
      {
        contentLength: 100_000,
        chunks: (async function* () {
          yield Buffer.alloc(100_000, 'x');
          await released;
          // The deadline passes here, and no timer has told of it: what the event loop does next is older than its timers.
          jest.spyOn(Deadline.prototype, 'remainingMs').mockReturnValue(0);
        })(),
      },
      { deadline: inMs(60_000) },
    );
    const error = expectRejection(creating, DeadlinePassedError);
    await until(() => bodyOnTheWire().length === 99_999);
    release();
    expect(await error).toMatchObject({ outcomeKnown: true });
    await until(() => proxy.clients.size === 0 && server.sockets.size === 0);
    expect(bodyOnTheWire()).toHaveLength(99_999);
  });

  // More than the buffers of both ends hold, and less: all of that is sent as far as this process can tell.
  type Reset = [contentLength: number, type: typeof DeadlinePassedError | typeof TimeoutError];
  test.each(rowsOfThisForm<Reset>([[1_000_000, TimeoutError]], [[50_000_000, DeadlinePassedError]]))('of %d bytes is reset at the deadline where the proxy takes none: what the kernels hold is taken back', async (contentLength, type) => {
    const server = await rawServer((socket) => socket.resume());
    const proxy = await connectProxy({ target: server.port });
    proxy.pause();
    const error = await expectRejection<ConnectionError | DeadlinePassedError>(
      client({ http: proxy.url }).create({ contentLength, chunks: chunksOf(contentLength) }, { deadline: inMs(3_000) }),
      type,
    );
    expect(error.outcomeKnown).toBe(type === DeadlinePassedError);
    proxy.resume();
    await until(() => proxy.clients.size === 0 && server.sockets.size === 0);
    expect(proxy.received).toBeLessThan(contentLength);
  });

  test('whose answer does not come has an unknown outcome, and the tunnel is gone', async () => {
    let whole = 0;
    const server = await streamingServer((request) => request.resume().on('end', () => whole++));
    const proxy = await connectProxy({ target: server.port });
    const error = await expectRejection(client({ http: proxy.url }).create(BODY, { deadline: inMs(3_000) }), TimeoutError);
    expect(error).toMatchObject({ waitingFor: 'headers', sent: 'maybe', outcomeKnown: false, retryable: false });
    expect(whole).toBe(1);
    await until(() => proxy.clients.size === 0 && server.sockets.size === 0);
  });

  test('whose tunnel breaks after the body has an unknown outcome, in the middle of it a known one', async () => {
    const server = await streamingServer((request) => void request.resume().on('end', () => request.socket.resetAndDestroy()));
    const proxy = await connectProxy({ target: server.port });
    const api = client({ http: proxy.url }, { maxRetries: 2 });
    expect(await expectRejection(api.create(BODY), ConnectionError)).toMatchObject({ sent: 'maybe', outcomeKnown: false, retryable: false });
    expect(proxy.tunnels).toHaveLength(1);
    const breaking = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const again = await connectProxy({ target: breaking.port });
    const half = client({ http: again.url }).create({ contentLength: 20_000_000, chunks: chunksOf(20_000_000) });
    expect(await expectRejection(half, ConnectionError)).toMatchObject({ sent: 'incomplete', outcomeKnown: true });
  });
});

describe('TLS', () => {
  const env = { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: CERTIFICATE_FILE };
  const execArgv = ['-r', join(__dirname, '..', 'support', 'typescript-hook.js')];

  async function retrieve(job: RetrieveJob, trust = true): Promise<RetrieveOutcome> {
    const child = fork(join(__dirname, 'support/retrieve-child.ts'), [JSON.stringify(job)], { execArgv, env: trust ? env : { PATH: env.PATH } });
    children.push(child);
    return ((await once(child, 'message')) as [RetrieveOutcome])[0];
  }

  const through: [scheme: string, secureProxy: boolean][] = [['http', true], ['https', false], ['https', true]];

  async function serve(scheme: string, secure: boolean, listener: import('node:http').RequestListener): Promise<{ url: string; proxy: ConnectProxy; settings: ProxySettings; open: () => number }> {
    const server = await (scheme === 'http' ? streamingServer : httpsServer)(listener);
    const proxy = await connectProxy({ target: server.port, secure, credentials: `me:${PASSWORD}` });
    return { url: `${scheme}://${PROXIED_HOST}`, proxy, settings: { [scheme]: proxy.url }, open: () => server.sockets.size };
  }

  test.each(through)('a call to %s: in a tunnel (TLS to the proxy: %s)', async (scheme, secure) => {
    const { url, proxy, settings } = await serve(scheme, secure, (request, response) => json(response, 200, batch(request.url!.split('/').pop())));
    expect(await retrieve({ url, proxy: settings })).toEqual({ ids: ['msgbatch_1', 'msgbatch_2'] });
    expect(new Set(proxy.tunnels)).toEqual(new Set([`${PROXIED_HOST}:${scheme === 'https' ? 443 : 80}`]));
  });

  test('certificates that are not good: of the target, of the proxy, for another name', async () => {
    const target = await serve('https', false, (_, response) => json(response, 200, batch()));
    expect(await retrieve({ url: target.url, proxy: target.settings }, false)).toMatchObject({ error: { name: 'ConnectionError', sent: 'nothing', retryable: false, message: expect.stringContaining('NODE_EXTRA_CA_CERTS') } });
    expect(await retrieve({ url: 'https://other.test', proxy: target.settings })).toMatchObject({ error: { name: 'ConnectionError', sent: 'nothing', retryable: false } });
    const proxied = await serve('http', true, (_, response) => json(response, 200, batch()));
    const outcome = await retrieve({ url: proxied.url, proxy: proxied.settings }, false);
    expect(outcome).toMatchObject({ error: { name: 'ConnectionError', sent: 'nothing', retryable: false, message: expect.stringContaining(`the proxy ${proxied.proxy.host} refused`) } });
    expect(JSON.stringify(outcome)).not.toMatch(/w@rd|w%40rd/);
    expect(proxied.proxy.tunnels).toEqual([]);
  });

  async function create(job: ChildJob): Promise<{ child: ChildProcess; next: <E extends ChildMessage['event']>(event: E) => Promise<ChildMessage & { event: E }> }> {
    const child = fork(join(__dirname, 'support/create-child.ts'), [JSON.stringify(job)], { execArgv, env });
    children.push(child);
    const messages: ChildMessage[] = [];
    child.on('message', (message) => messages.push(message as ChildMessage));
    const next = async (event: ChildMessage['event']) => {
      const found = () => messages.find((message) => message.event === event);
      while (!found()) await once(child, 'message');
      return found() as never;
    };
    return { child, next };
  }

  test.each(rowsOfThisForm(through.slice(-1), through.slice(0, -1)))('a create to %s: goes through whole (TLS to the proxy: %s)', async (scheme, secure) => {
    let whole = 0;
    const { url, settings } = await serve(scheme, secure, (request, response) => {
      let received = 0;
      request.on('data', (data: Buffer) => (received += data.length)).on('end', () => {
        if (received === 3_000_000) whole++;
        json(response, 200, batch());
      });
    });
    const { next } = await create({ url, proxy: settings, contentLength: 3_000_000, chunkBytes: 100_000, bytesAfterGo: 0, deadlineMs: 20_000 });
    expect((await next('ended')).error).toBeUndefined();
    expect(whole).toBe(1);
  });

  /** Serves a create of a process that is frozen from `when` until after its deadline; gives how much of it arrived. */
  async function freeze(scheme: string, secure: boolean, job: Omit<ChildJob, 'url' | 'deadlineMs'>, thaw: (proxy: ConnectProxy, child: ChildProcess) => void, when: (proxy: ConnectProxy) => boolean): Promise<number> {
    let received = 0;
    let whole = 0;
    const { url, proxy, settings, open } = await serve(scheme, secure, (request) => {
      request.on('error', () => undefined).on('data', (data: Buffer) => (received += data.length)).on('end', () => request.complete && whole++);
    });
    const { child, next } = await create({ ...job, url, proxy: settings, deadlineMs: 6_000 });
    const { deadline } = await next('begun');
    // The last byte of what was given is held too: white space alone might follow.
    await until(() => when(proxy) || received === job.contentLength - job.bytesAfterGo - 1);
    child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, deadline - Date.now() + 200));
    thaw(proxy, child);
    child.kill('SIGCONT');
    expect((await next('ended')).error).toMatchObject({ name: 'DeadlinePassedError', outcomeKnown: true });
    await until(() => proxy.clients.size === 0 && open() === 0);
    expect(whole).toBe(0);
    return received;
  }

  test.each(rowsOfThisForm<[string, boolean]>([['https', true]], [['http', false], ...through.slice(0, -1)]))('a process that creates at %s: and is frozen over its deadline sends no last byte (TLS to the proxy: %s)', async (scheme, secure) => {
    const received = await freeze(scheme, secure, { contentLength: 100_000, chunkBytes: 16_384, bytesAfterGo: 10 }, (_, child) => child.send('go'), () => false);
    expect(received).toBeLessThanOrEqual(100_000 - 10);
    expect(received).toBeGreaterThanOrEqual(100_000 - 11);
  });

  if (LONG) test('nor does one whose proxy takes nothing in the meantime', async () => {
    const whilePaused = (proxy: ConnectProxy) => {
      if (proxy.received > 0) proxy.pause();
      return proxy.received > 0;
    };
    expect(await freeze('https', true, { contentLength: 20_000_000, chunkBytes: 1_000_000, bytesAfterGo: 0 }, (proxy) => proxy.resume(), whilePaused)).toBeLessThan(20_000_000);
  });
});
