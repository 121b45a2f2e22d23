/** Servers that close their connections, and readers that are slower than the network. */
import { setImmediate } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import type net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { Agent, buildConnector, Client, type Dispatcher } from 'undici';
import { ConnectionError, MessageBatchesApi } from '../../src/api';
import { withOrderlyEnd } from '../../src/api/connection-end';
import { closeProxies, connectProxy, PROXIED_HOST } from './support/connect-proxy';
import { batch, CERTIFICATE_FILE, closeServers, expectRejection, rawServer, type TestServer } from './support/servers';

const LINE = '{"custom_id":"a","result":{"type":"expired"}}\n';
const clients: (MessageBatchesApi | Dispatcher)[] = [];
const uncaught: unknown[] = [];
const onUncaught = (error: unknown) => void uncaught.push(error);

// Jest's own listeners would end the test, and say nothing of where it came from.
let others: NodeJS.UncaughtExceptionListener[];
beforeEach(() => {
  others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', onUncaught);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((one) => ('destroy' in one ? one.destroy() : one.close())));
  await closeProxies();
  await closeServers();
  process.removeListener('uncaughtException', onUncaught);
  for (const listener of others) process.on('uncaughtException', listener);
  expect(uncaught.splice(0)).toEqual([]);
});

const FRAMINGS = {
  'a length': (body: Buffer) => [`content-length: ${body.length}\r\n`, body],
  'a length and "connection: close"': (body: Buffer) => [`connection: close\r\ncontent-length: ${body.length}\r\n`, body],
  chunks: (body: Buffer) => ['transfer-encoding: chunked\r\n', chunked(body)],
  'chunks and "connection: close"': (body: Buffer) => ['connection: close\r\ntransfer-encoding: chunked\r\n', chunked(body)],
  'the end of the connection': (body: Buffer) => ['', body],
} satisfies Record<string, (body: Buffer) => [string, Buffer]> as Record<string, (body: Buffer) => [string, Buffer]>;

function chunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += 10_000) {
    const part = body.subarray(at, at + 10_000);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

type Scheme = 'http' | 'https';

/** Answers every request with these bytes, and then does something with the connection. */
async function server(scheme: Scheme, answer: Buffer, then: (socket: net.Socket, tcp: net.Socket) => void): Promise<TestServer> {
  const secret = { cert: readFileSync(CERTIFICATE_FILE), key: readFileSync(join(__dirname, 'support', 'localhost-key.pem')) };
  const raw = await rawServer((tcp) => {
    const socket = scheme === 'http' ? tcp : new tls.TLSSocket(tcp, { isServer: true, ...secret });
    socket.on('error', () => undefined);
    let head = '';
    socket.on('data', (data) => {
      head += data.toString('latin1');
      if (!/\r\n\r\n/.test(head) || (head.startsWith('POST') && !head.endsWith(']}'))) return;
      head = '';
      socket.write(answer, () => then(socket, tcp));
    });
  });
  return { ...raw, url: `${scheme}://127.0.0.1:${raw.port}` };
}

const ends = (socket: net.Socket) => void socket.end();

/** Rounds of the event loop, which is the reader's too: a reset that is found together with the last bytes looks like an orderly end. */
const ROUNDS = 20;

async function resetsAfter(rounds: number, tcp: net.Socket): Promise<void> {
  for (let round = 0; round < rounds; round++) await setImmediate();
  tcp.resetAndDestroy();
}

const resets = (_: net.Socket, tcp: net.Socket) => void resetsAfter(ROUNDS, tcp);

function answerOf(framing: string, body: Buffer, cutBytes = 0): Buffer {
  const [headers, framed] = FRAMINGS[framing]!(body);
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${headers}\r\n`), framed.subarray(0, framed.length - cutBytes)]);
}

/** The client's own connections trust the certificate of the tests only in another process: here they are made as it makes them. */
function agent(scheme: Scheme): Dispatcher {
  const made = new Agent({ connect: withOrderlyEnd(buildConnector({ timeout: 10_000, ...(scheme === 'https' && { ca: readFileSync(CERTIFICATE_FILE) }) })) });
  clients.push(made);
  return made;
}

function client(scheme: Scheme, url: string): MessageBatchesApi {
  const api = new MessageBatchesApi({ baseUrl: url, maxRetries: 0, ...(scheme === 'https' && { dispatcher: agent(scheme) }) });
  clients.push(api);
  return api;
}

const tick = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** How a reader takes its time: from the first byte on, or after it. */
const READERS: Record<string, { first: number; everyChunk?: number }> = { fast: { first: 0 }, late: { first: 30 }, slow: { first: 0, everyChunk: 2 } };

async function read(api: MessageBatchesApi, { first, everyChunk }: { first: number; everyChunk?: number }): Promise<number> {
  const results = await api.results('b');
  if (first > 0) await tick(first);
  let bytes = 0;
  for await (const chunk of results.body) {
    bytes += chunk.length;
    if (everyChunk !== undefined) await tick(everyChunk);
  }
  return bytes;
}

const everyWay = (['http', 'https'] as const).flatMap((scheme) => Object.keys(FRAMINGS).flatMap((framing) => Object.keys(READERS).map((reader) => [scheme, framing, reader] as const)));

// 70,000 stop the reading right at the end, 300,000 in the middle.
test.each(everyWay)('%s, framed by %s, read by a %s reader: everything arrives before the end of the connection does', async (scheme, framing, reader) => {
  for (const size of [1, 66_000, 70_000, 300_000]) {
    const body = Buffer.alloc(size, LINE);
    const api = client(scheme, (await server(scheme, answerOf(framing, body), ends)).url);
    expect(await read(api, READERS[reader]!)).toBe(size);
  }
});

describe.each(everyWay.filter(([, framing]) => framing !== 'the end of the connection'))('%s, framed by %s, read by a %s reader', (scheme, framing, reader) => {
  test('what was cut off in order is an error', async () => {
    for (const size of [70_000]) {
      const api = client(scheme, (await server(scheme, answerOf(framing, Buffer.alloc(size, LINE), 7), ends)).url);
      await expectRejection(read(api, READERS[reader]!), ConnectionError);
    }
  });
});

describe.each(everyWay)('%s, framed by %s, read by a %s reader', (scheme, framing, reader) => {
  test('a reset after everything costs nothing but where only an end could tell', async () => {
    const size = 70_000;
    const api = client(scheme, (await server(scheme, answerOf(framing, Buffer.alloc(size, LINE)), resets)).url);
    if (framing === 'the end of the connection') await expectRejection(read(api, READERS[reader]!), ConnectionError);
    else expect(await read(api, READERS[reader]!)).toBe(size);
  });

  test('a reset before the end is an error', async () => {
    const api = client(scheme, (await server(scheme, answerOf(framing, Buffer.alloc(70_000, LINE), 7), resets)).url);
    const error = await expectRejection(read(api, READERS[reader]!), ConnectionError);
    expect(error.outcomeKnown).toBe(true);
  });
});

test.each(['http', 'https'] as const)('%s: results that are left unread free their connection, ended or not', async (scheme) => {
  for (const then of [ends, () => undefined]) {
    const source = await server(scheme, answerOf('a length and "connection: close"', Buffer.alloc(300_000, LINE)), then);
    const api = client(scheme, source.url);
    const unread = await api.results('b');
    const begun = (await api.results('b')).body[Symbol.asyncIterator]();
    await begun.next();
    await tick(30);
    unread.close();
    await begun.return!();
    while (source.sockets.size > 0) await tick(2);
    expect(source.sockets.size).toBe(0);
  }
});

test('an error of a read that comes while a connection stands idle costs no call', async () => {
  const source = await server('http', Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${LINE.length}\r\n\r\n${LINE}`), (socket) => resets(socket, socket));
  const api = client('http', source.url);
  for (let time = 0; time < 3; time++) {
    expect(await read(api, READERS['fast']!)).toBe(LINE.length);
    while (source.sockets.size > 0) await tick(2);
    await tick(5);
  }
});

test('through a tunnel, of a connection that ends', async () => {
  for (const framing of Object.keys(FRAMINGS)) {
    const source = await server('http', answerOf(framing, Buffer.alloc(70_000, LINE)), ends);
    const proxy = await connectProxy({ target: source.port });
    const api = new MessageBatchesApi({ baseUrl: `http://${PROXIED_HOST}`, maxRetries: 0, proxy: { http: proxy.url } });
    clients.push(api);
    expect([framing, await read(api, READERS['late']!)]).toEqual([framing, 70_000]);
  }
});

test('a create whose long answer is being read when its connection ends has its batch', async () => {
  const body = Buffer.from(JSON.stringify({ ...batch(), padding: 'x'.repeat(300_000) }));
  for (const framing of Object.keys(FRAMINGS)) {
    const source = await server('http', answerOf(framing, body), ends);
    const answer = await client('http', source.url).create({ requests: [{ custom_id: 'a', params: {} as never }] });
    expect(answer.data.id).toBe('msgbatch_1');
  }
});

test('a connection that is reset from here while an answer is held back fails that call, and nothing else', async () => {
  const source = await server('http', answerOf('the end of the connection', Buffer.alloc(70_000, LINE)), () => undefined);
  let socket: net.Socket | undefined;
  const connect = withOrderlyEnd(buildConnector({}));
  const single = new Client(source.url, {
    connect: (options, callback) =>
      connect(options, (...result) => {
        socket = result[1] as net.Socket;
        callback(...result);
      }),
  });
  clients.push(single);
  const { body } = await single.request({ path: '/', method: 'GET' });
  await tick(50);
  socket!.resetAndDestroy();
  await new Promise((resolve) => body.on('error', () => undefined).on('close', resolve));
  expect(body.errored).toMatchObject({ code: 'UND_ERR_SOCKET' });
});
