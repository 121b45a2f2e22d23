import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type net from 'node:net';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConnectionError, DeadlinePassedError, MessageBatchesApi, TimeoutError } from '../../src/api';
import { CreateConnection } from '../../src/api/create-connection';
import { Deadline } from '../../src/api/deadline';
import type { ChildJob, ChildMessage } from './support/create-child';
import { batch, CERTIFICATE_FILE, closeServers, httpServer, httpsServer, json, rawServer, expectRejection, streamingServer, type TestServer } from './support/servers';
import { LONG, rowsOfThisForm } from '../support/long-form';
import { until } from '../support/until';

const children: ChildProcess[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await closeServers();
});

function api(url: string): MessageBatchesApi {
  return new MessageBatchesApi({ baseUrl: url, maxRetries: 0 });
}

function inMs(milliseconds: number): Date {
  return new Date(Date.now() + milliseconds);
}

/** Counts the bytes of bodies on the wire, after the empty line that ends the headers. */
function countingRawServer(): Promise<TestServer & { received(): string; closed: Promise<void> }> {
  let received = '';
  let close!: () => void;
  const closed = new Promise<void>((resolve) => (close = resolve));
  return rawServer((socket) => socket.on('data', (data) => (received += data.toString('latin1'))).on('close', () => close())).then((server) =>
    Object.assign(server, { received: () => received.slice(received.indexOf('\r\n\r\n') + 4), closed }),
  );
}

describe('the last bytes', () => {
  test.each([1, 2, 3, 1000])('of %d stay here until the source has ended', async (contentLength) => {
    const server = await countingRawServer();
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    let given!: () => void;
    const allGiven = new Promise<void>((resolve) => (given = resolve));
    const creating = api(server.url).create({
      contentLength,
      chunks: (async function* () {
        yield Buffer.alloc(contentLength, 'x');
        given();
        await released;
      })(),
    });
    await allGiven;
    await until(() => server.received().length >= contentLength - 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.received()).toHaveLength(contentLength - 1);
    release();
    await until(() => server.received().length === contentLength);
    await server.close();
    expect(await expectRejection(creating, ConnectionError)).toMatchObject({ sent: 'maybe', outcomeKnown: false });
  });

  test('are let go before the deadline, and the answer is taken', async () => {
    const server = await httpServer((_, response) => json(response, 200, batch('msgbatch_in_time')));
    const { data } = await api(server.url).create({ requests: [{ custom_id: 'a', params: {} as never }] }, { deadline: inMs(5_000) });
    expect(data.id).toBe('msgbatch_in_time');
  });

  test('are not sent where the source ends after the deadline, before any timer could run', async () => {
    const server = await countingRawServer();
    const creating = api(server.url).create(
      {
        contentLength: 1000,
        chunks: (async function* () {
          yield Buffer.alloc(1000, 'x');
          // Woken by I/O, and the deadline has passed meanwhile: what the event loop does next is older than its timers.
          await stat(__filename);
          jest.spyOn(Deadline.prototype, 'remainingMs').mockReturnValue(0);
        })(),
      },
      { deadline: inMs(60_000) },
    );
    expect(await expectRejection(creating, DeadlinePassedError)).toMatchObject({ outcomeKnown: true });
    await server.closed;
    expect(server.received().length).toBeLessThan(1000);
  });

  test('that the kernel has no room for are taken back, and no batch was made', async () => {
    const server = await streamingServer((request) => request.resume());
    const holds = jest.spyOn(CreateConnection.prototype, 'holdsBytes').mockReturnValueOnce(true);
    const error = await expectRejection(api(server.url).create({ contentLength: 100, chunks: chunksOf(100) }), ConnectionError);
    expect(error).toMatchObject({ sent: 'incomplete', outcomeKnown: true, retryable: true });
    expect(holds).toHaveBeenCalledTimes(1);
    await until(() => server.sockets.size === 0);
  });
});

test('of an end with white space, some may have left: the outcome is unknown', async () => {
  const server = await streamingServer((request) => request.resume());
  jest.spyOn(CreateConnection.prototype, 'holdsBytes').mockReturnValueOnce(true);
  const chunks = async function* () { yield Buffer.from('{}\n'); };
  const error = await expectRejection(api(server.url).create({ contentLength: 3, chunks }), ConnectionError);
  expect(error).toMatchObject({ sent: 'maybe', outcomeKnown: false, retryable: false });
});

describe('at the deadline', () => {
  /** Lets the deadline pass as soon as something is so. It stands in for the clock: how long a busy machine takes until then, nobody knows. */
  function passesOnce(reached: () => boolean): void {
    jest.spyOn(Deadline.prototype, 'remainingMs').mockImplementation(() => (reached() ? 0 : 20));
  }

  test('a server that stopped reading gets no more, and the connection is reset', async () => {
    const connections: net.Socket[] = [];
    const server = await rawServer((socket) => connections.push(socket), { pauseOnConnect: true });
    const started = Date.now();
    const error = await expectRejection(api(server.url).create({ contentLength: 50_000_000, chunks: chunksOf(50_000_000) }, { deadline: inMs(3_000) }), DeadlinePassedError);
    expect(error.outcomeKnown).toBe(true);
    expect(Date.now() - started).toBeGreaterThanOrEqual(3_000);
    expect(Date.now() - started).toBeLessThan(30_000);
    let received = 0;
    const [socket] = connections;
    socket!.on('data', (data) => (received += data.length)).resume();
    await once(socket!, 'close');
    expect(received).toBeLessThan(50_000_000);
  });

  test('what the kernels still hold is taken back', async () => {
    const connections: net.Socket[] = [];
    const server = await rawServer((socket) => connections.push(socket), { pauseOnConnect: true });
    // Small enough for the buffers of both ends: it is all sent as far as this process can tell.
    const contentLength = 1_000_000;
    const ended = jest.spyOn(CreateConnection.prototype, 'holdsBytes');
    passesOnce(() => ended.mock.calls.length > 0);
    await expectRejection(api(server.url).create({ contentLength, chunks: chunksOf(contentLength) }), TimeoutError);
    let received = 0;
    const [socket] = connections;
    socket!.on('data', (data) => (received += data.length)).resume();
    await once(socket!, 'close');
    expect(received).toBeLessThan(contentLength);
  });

  test('an answer that has not come leaves the outcome unknown, and the connection is gone', async () => {
    let whole = 0;
    const server = await streamingServer((request) => request.resume().on('end', () => whole++));
    passesOnce(() => whole > 0);
    const error = await expectRejection(api(server.url).create({ contentLength: 100, chunks: chunksOf(100) }), TimeoutError);
    expect(error).toMatchObject({ waitingFor: 'headers', sent: 'maybe', outcomeKnown: false, retryable: false });
    expect(error.message).toContain('Whether a batch was made is unknown');
    expect(whole).toBe(1);
    await until(() => server.sockets.size === 0);
  });

  test('an answer that came only in part is said to be so', async () => {
    const server = await streamingServer((request, response) => {
      request.resume().on('end', () => response.writeHead(200, { 'request-id': 'req_part', 'content-length': 500 }).write('{"id":'));
    });
    const error = await expectRejection(api(server.url).create({ contentLength: 100, chunks: chunksOf(100) }, { deadline: inMs(3_000) }), TimeoutError);
    expect(error).toMatchObject({ waitingFor: 'body', outcomeKnown: false, requestId: 'req_part' });
  });

  test('a TLS handshake that nobody answers ends, and nothing was sent', async () => {
    const server = await rawServer(() => undefined);
    const started = Date.now();
    const creating = api(server.url.replace('http:', 'https:')).create({ contentLength: 100, chunks: chunksOf(100) }, { deadline: inMs(300) });
    expect(await expectRejection(creating, DeadlinePassedError)).toMatchObject({ outcomeKnown: true });
    expect(Date.now() - started).toBeLessThan(5_000);
    await until(() => server.sockets.size === 0);
  });

  test('that has passed already nothing is connected', async () => {
    const server = await httpServer(() => undefined);
    await expectRejection(api(server.url).create({ contentLength: 100, chunks: chunksOf(100) }, { deadline: inMs(-1) }), DeadlinePassedError);
    expect(server.sockets.size).toBe(0);
  });

  test('has passed when either clock says so', () => {
    const deadline = new Deadline(inMs(1_000));
    expect(deadline.passed()).toBe(false);
    const wall = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 2_000);
    expect(deadline.passed()).toBe(true);
    wall.mockReturnValue(0);
    expect(deadline.passed()).toBe(false);
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 2_000);
    expect(deadline.passed()).toBe(true);
  });
});

describe('a process that is frozen over its deadline and woken again', () => {
  async function start(job: ChildJob): Promise<{ child: ChildProcess; next: <E extends ChildMessage['event']>(event: E) => Promise<ChildMessage & { event: E }> }> {
    const child = fork(join(__dirname, 'support/create-child.ts'), [JSON.stringify(job)], {
      execArgv: ['-r', join(__dirname, '..', 'support', 'typescript-hook.js')],
      env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: CERTIFICATE_FILE },
    });
    children.push(child);
    const messages: ChildMessage[] = [];
    child.on('message', (message) => messages.push(message as ChildMessage));
    return {
      child,
      next: async (event) => {
        const found = () => messages.find((message) => message.event === event);
        while (!found()) await once(child, 'message');
        return found() as never;
      },
    };
  }

  async function freezeUntil(child: ChildProcess, deadline: number): Promise<void> {
    child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, deadline - Date.now() + 300));
  }

  /** Counts requests that a server has read whole. */
  function counting(): { whole: number; received: number; listener: import('node:http').RequestListener } {
    const counts = {
      whole: 0,
      received: 0,
      listener: (request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => {
        request.on('error', () => undefined).on('data', (data: Buffer) => (counts.received += data.length));
        request.on('end', () => {
          if (!request.complete) return;
          counts.whole++;
          json(response, 200, batch());
        });
      },
    };
    return counts;
  }

  test.each(rowsOfThisForm(['https'], ['http']))('while it waits for the end of its source (%s)', async (scheme) => {
    const counts = counting();
    const server = await (scheme === 'http' ? streamingServer : httpsServer)(counts.listener);
    const { child, next } = await start({ url: server.url, contentLength: 100_000, chunkBytes: 16_384, bytesAfterGo: 10, deadlineMs: 5_000 });
    await next('waiting');
    // The last byte of what was given is held too: white space alone might follow.
    await until(() => counts.received === 100_000 - 11);
    await freezeUntil(child, (await next('begun')).deadline);
    child.send('go');
    child.kill('SIGCONT');
    expect((await next('ended')).error).toMatchObject({ name: 'DeadlinePassedError', outcomeKnown: true });
    await until(() => server.sockets.size === 0);
    expect(counts.whole).toBe(0);
  });

  test.each(rowsOfThisForm(['https'], ['http']))('while the server does not read: what is queued is not the whole (%s)', async (scheme) => {
    const counts = counting();
    const server = await (scheme === 'http' ? streamingServer : httpsServer)((request, response) => {
      request.pause();
      waiting = () => {
        counts.listener(request, response);
        request.resume();
      };
    });
    let waiting: (() => void) | undefined;
    const contentLength = 20_000_000;
    const { child, next } = await start({ url: server.url, contentLength, chunkBytes: 1_000_000, bytesAfterGo: 0, deadlineMs: 5_000 });
    const { deadline } = await next('begun');
    await until(() => waiting !== undefined);
    await freezeUntil(child, deadline);
    waiting!();
    // The kernel delivers what it had; then the server waits for more.
    for (let before = -1; before !== counts.received; ) {
      before = counts.received;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    child.kill('SIGCONT');
    expect((await next('ended')).error).toMatchObject({ name: 'DeadlinePassedError', outcomeKnown: true });
    await until(() => server.sockets.size === 0);
    expect(counts.whole).toBe(0);
    expect(counts.received).toBeLessThan(contentLength);
  });

  test('the same without a freeze is one whole body (https)', async () => {
    const counts = counting();
    const server = await httpsServer(counts.listener);
    const { child, next } = await start({ url: server.url, contentLength: 3_000_000, chunkBytes: 100_000, bytesAfterGo: 10, deadlineMs: 20_000 });
    await next('waiting');
    child.send('go');
    expect((await next('ended')).error).toBeUndefined();
    expect(counts).toMatchObject({ whole: 1, received: 3_000_000 });
  });

  // `npm test` has it in create-source.
  if (LONG) test('256 MB go out in flat memory', async () => {
    const counts = counting();
    const server = await streamingServer(counts.listener);
    const { next } = await start({ url: server.url, contentLength: 256_000_000, chunkBytes: 256 * 1024, bytesAfterGo: 0, deadlineMs: 60_000 });
    const { error, maxRssGrowthMb } = await next('ended');
    expect(error).toBeUndefined();
    expect(counts).toMatchObject({ whole: 1, received: 256_000_000 });
    expect(maxRssGrowthMb).toBeLessThan(80);
  });
});

async function* chunksOf(bytes: number, size = 100_000): AsyncGenerator<Buffer> {
  for (let given = 0; given < bytes; given += size) yield Buffer.alloc(Math.min(size, bytes - given), 'x');
}
