import { once } from 'node:events';
import { appendFileSync, createReadStream, readdirSync, readlinkSync, rmSync, statSync, truncateSync, type ReadStream } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { ApiError, ConnectionError, DeadlinePassedError, InvalidRequestError, jsonlFile, MessageBatchesApi, RequestBodyError, type CreateBody } from '../../src/api';
import { Deadline } from '../../src/api/deadline';
import { createInChild, line, lines, removeFiles, Source, writeFile } from './support/jsonl';
import { apiError, batch, closeServers, expectRejection, httpServer, json, rawServer, streamingServer, unusedPort } from './support/servers';
import { rowsOfThisForm } from '../support/long-form';
import { until } from '../support/until';

afterEach(async () => {
  await closeServers();
  removeFiles();
});

function client(url: string, more: object = {}): MessageBatchesApi {
  return new MessageBatchesApi({ baseUrl: url, maxRetries: 0, ...more });
}

function inMs(milliseconds: number): Date {
  return new Date(Date.now() + milliseconds);
}

/** What this process has open in a folder. */
function openFiles(folder: string): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.startsWith(folder));
}

/** Takes requests and reads them, and never has a whole one. */
async function neverWhole(): Promise<{ url: string; isWhole(): boolean; sockets: Set<unknown> }> {
  let whole = false;
  const server = await streamingServer((request) => {
    request.on('error', () => undefined).on('end', () => (whole ||= request.complete)).resume();
  });
  return { url: server.url, sockets: server.sockets, isWhole: () => whole };
}

describe('a source that fails: no batch was made', () => {
  const text = lines(5_000);
  const bytes = Buffer.byteLength(text);
  const cause = new Error('the cursor is gone');
  const cases: [string, () => CreateBody, string, unknown][] = [
    ['it throws', () => ({ bytes, jsonl: () => (async function* () { yield Buffer.from(text.slice(0, 1000)); throw cause; })() }), 'failed after 1000 bytes', cause],
    ['the function throws', () => ({ bytes, jsonl: () => { throw cause; } }), 'failed after 0 bytes', cause],
    ['the function gives a promise', () => ({ bytes, jsonl: (async () => new Source(text).open()) as never }), 'failed after 0 bytes', expect.any(TypeError)],
    ['it throws undefined', () => ({ bytes, jsonl: () => (async function* () { yield Buffer.from(text); throw undefined; })() }), 'failed after', undefined],
    ['it gives text', () => ({ bytes, jsonl: () => (async function* () { yield text as never; })() }), 'gave a string after 0 bytes, but it has to give bytes (Uint8Array)', undefined],
    ['it gives too little', () => ({ bytes: bytes + 1, jsonl: new Source(text).open }), `announced with ${bytes + 1} bytes, but its source gave only ${bytes} and ended in line 5001`, undefined],
    ['it gives too much', () => ({ bytes: bytes - 1, jsonl: new Source(text).open }), `announced with ${bytes - 1} bytes, but its source gave more`, undefined],
    ['it gives nothing', () => ({ bytes, jsonl: () => (async function* () {})() }), 'gave only 0', undefined],
    ['a whole body gives text', () => ({ contentLength: 9, chunks: (async function* () { yield 'x' as never; })() }), 'gave a string', undefined],
  ];
  test.each(cases)('%s', async (_, body, words, expectedCause) => {
    const server = await neverWhole();
    const error = await expectRejection(client(server.url, { maxRetries: 2 }).create(body()), RequestBodyError);
    expect(error).toMatchObject({ outcomeKnown: true, retryable: false });
    expect(error.message).toContain(words);
    expect(error.cause).toEqual(expectedCause);
    await until(() => server.sockets.size === 0);
    expect(server.isWhole()).toBe(false);
  });

  test('the error of another call, thrown by the source, is not taken for one of this call', async () => {
    const server = await neverWhole();
    const other = new ConnectionError('another call', { sent: 'nothing', outcomeKnown: false, retryable: true });
    const jsonl = () => (async function* () { yield Buffer.from('{'); throw other; })();
    const error = await expectRejection(client(server.url, { maxRetries: 2 }).create({ jsonl, bytes: 10 }), RequestBodyError);
    expect(error).toMatchObject({ outcomeKnown: true, cause: other });
  });

  test.each<[string, (path: string) => void, string]>([
    ['vanishes', (path) => rmSync(path), 'could not be read after 0 bytes (ENOENT)'],
    ['shrinks', (path) => truncateSync(path, 300_000), 'gave only 300000'],
    ['grows', (path) => appendFileSync(path, line('new')), 'gave more'],
  ])('a file %s', async (_, change, words) => {
    const server = await neverWhole();
    const path = writeFile(text);
    const file = await jsonlFile(path);
    change(path);
    expect((await expectRejection(client(server.url).create(file), RequestBodyError)).message).toContain(words);
    await until(() => server.sockets.size === 0);
    expect(server.isWhole()).toBe(false);
    await until(() => openFiles(dirname(path)).length === 0);
  });

  test('a stream that was opened by the caller and has no file does not end the process', async () => {
    const server = await neverWhole();
    const jsonl = createReadStream('/no/such/file.jsonl');
    await new Promise<void>((resolve) => jsonl.once('error', () => undefined).once('close', resolve));
    const error = await expectRejection(client(server.url).create({ jsonl, bytes: 10 }), RequestBodyError);
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
    // While nobody reads it yet: there is no connection to read it for.
    await expectRejection(client(`http://127.0.0.1:${await unusedPort()}`).create({ jsonl: createReadStream('/no/such/file.jsonl'), bytes: 10 }), ConnectionError);
  });
});

describe('a source that stalls', () => {
  /** Gives a line and then nothing, for ever; tells whether it was asked for more, and whether to return. */
  function stalled(): { iterable: AsyncIterable<Uint8Array>; asked(): boolean; returned(): boolean } {
    let asked = false;
    let returned = false;
    const chunks = [Buffer.from(`${line('a')}\n`)];
    const iterator = {
      next: () => {
        if (chunks.length > 0) return Promise.resolve({ done: false as const, value: chunks.shift()! });
        asked = true;
        return new Promise<never>(() => undefined);
      },
      return: () => {
        returned = true;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    };
    return { iterable: { [Symbol.asyncIterator]: () => iterator }, asked: () => asked, returned: () => returned };
  }

  test.each<[string, (iterable: AsyncIterable<Uint8Array>) => CreateBody]>([
    ['while it is sent', (iterable) => ({ jsonl: iterable, bytes: 1_000 })],
    ['while it is measured', (iterable) => ({ jsonl: () => iterable })],
    ['as a whole body', (iterable) => ({ chunks: iterable, contentLength: 1_000 })],
  ])('ends at the deadline and on an abort, and is closed: %s', async (_, body) => {
    const server = await neverWhole();
    const late = stalled();
    // The deadline passes as soon as the source stalls, however long a busy machine takes until then.
    const clock = jest.spyOn(Deadline.prototype, 'remainingMs').mockImplementation(() => (late.asked() ? 0 : 20));
    await expectRejection(client(server.url, { maxRetries: 2 }).create(body(late.iterable)), DeadlinePassedError);
    clock.mockRestore();
    await until(late.returned);
    const aborted = stalled();
    const abort = new AbortController();
    const reason = new Error('enough');
    const outcome = client(server.url).create(body(aborted.iterable), { signal: abort.signal }).catch((error: unknown) => error);
    await until(aborted.asked);
    abort.abort(reason);
    expect(await outcome).toBe(reason);
    await until(aborted.returned);
    await until(() => server.sockets.size === 0);
    expect(server.isWhole()).toBe(false);
  });

  test.each<[string, Buffer]>([['nothing', Buffer.alloc(0)], ['blank lines', Buffer.from('\n')]])('for a source that gives %s, at once and for ever', async (_, chunk) => {
    const jsonl = () => (async function* () { for (;;) yield chunk; })();
    await expectRejection(client('http://127.0.0.1:9').create({ jsonl }, { deadline: inMs(200) }), DeadlinePassedError);
    const server = await neverWhole();
    await expectRejection(client(server.url).create({ jsonl, bytes: 200_000_000 }, { deadline: inMs(200) }), DeadlinePassedError);
    await until(() => server.sockets.size === 0);
  });

  test('a stream is destroyed though its read never ends', async () => {
    const server = await neverWhole();
    const stream = new Readable({ read: () => undefined });
    stream.push(line('a'));
    await expectRejection(client(server.url).create({ jsonl: stream, bytes: 1_000 }, { deadline: inMs(200) }), DeadlinePassedError);
    await until(() => stream.destroyed);
  });
});

describe('no file stays open', () => {
  const large = lines(20_000, 'x'.repeat(1_000));
  const broken = `${large}${line('r-5')}\n`;
  type Ending = { content?: string; run(body: CreateBody): Promise<unknown> };
  const endings: [string, Ending][] = [
    ['after a success', { run: async (body) => client((await httpServer((_, response) => json(response, 200, batch()))).url).create(body) }],
    ['where the answer comes early', { run: async (body) => {
      const server = await streamingServer((request, response) => {
        request.on('error', () => undefined);
        request.once('data', () => json(response, 413, apiError('request_too_large', 'no')));
      });
      await expectRejection(client(server.url).create(body), ApiError);
    } }],
    ['where the connection is refused', { run: async (body) => expectRejection(client(`http://127.0.0.1:${await unusedPort()}`).create(body), ConnectionError) }],
    ['where the connection is reset', { run: async (body) => {
      const server = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
      await expectRejection(client(server.url).create(body), ConnectionError);
    } }],
    ['at the deadline, of a server that does not read', { run: async (body) => {
      const server = await rawServer(() => undefined, { pauseOnConnect: true });
      await expectRejection(client(server.url).create(body, { deadline: inMs(300) }), DeadlinePassedError);
    } }],
    ['past the deadline', { run: async (body) => expectRejection(client('http://127.0.0.1:9').create(body, { deadline: inMs(-1) }), DeadlinePassedError) }],
    ['on an abort', { run: async (body) => {
      const server = await rawServer(() => undefined, { pauseOnConnect: true });
      const abort = new AbortController();
      setTimeout(() => abort.abort(new Error('enough')), 200);
      expect(await expectRejection(client(server.url).create(body, { signal: abort.signal }), Error)).toMatchObject({ message: 'enough' });
    } }],
    ['aborted beforehand', { run: async (body) => expectRejection(client('http://127.0.0.1:9').create(body, { signal: AbortSignal.abort(new Error('enough')) }), Error) }],
    ['where a line is wrong', { content: broken, run: async (body) => expectRejection(client((await neverWhole()).url).create(body), InvalidRequestError) }],
    ['where an option is wrong', { run: async (body) => expectRejection(client('http://127.0.0.1:9').create(body, { bodyFields: { requests: 1 } }), InvalidRequestError) }],
  ];
  type Given = [what: string, source: (path: string, bytes: number) => Promise<CreateBody>];
  const sources: Given[] = [
    ['jsonlFile', (path) => jsonlFile(path)],
    ['a stream of the caller', async (path, bytes) => ({ jsonl: await opened(path), bytes })],
  ];
  const furtherSources: Given[] = [
    ['a file that is read twice', async (path) => ({ jsonl: (await jsonlFile(path)).jsonl })],
    ['a whole body of a stream', async (path, bytes) => ({ chunks: await opened(path), contentLength: bytes })],
    ['a generator over a stream', async (path, bytes) => ({ jsonl: async function* () { yield* createReadStream(path); }, bytes })],
  ];
  // A whole body is sent as it is: its lines are not looked at.
  const all = endings.flatMap(([when, ending]) => rowsOfThisForm(sources, furtherSources).map(([what, source]) => [when, what, ending, source] as const)).filter(([, what, { content }]) => !(content && what.startsWith('a whole body')));

  test.each(all)('%s: %s', async (_, __, { content, run }, source) => {
    const path = writeFile(content ?? large);
    await run(await source(path, Buffer.byteLength(content ?? large)));
    await until(() => openFiles(dirname(path)).length === 0);
    expect(openFiles(dirname(path))).toEqual([]);
  });

  async function opened(path: string): Promise<ReadStream> {
    const stream = createReadStream(path);
    await once(stream, 'open');
    expect(openFiles(dirname(path))).toHaveLength(1);
    return stream;
  }
});

test('256 MB go from disk to the API in flat memory', async () => {
  const path = writeFile('');
  const content = 'x'.repeat(2_450);
  for (let from = 0; from < 100_000; from += 10_000) {
    appendFileSync(path, Array.from({ length: 10_000 }, (_, index) => `${line(`r-${from + index}`, content)}\n`).join(''));
  }
  const { size } = statSync(path);
  expect(size).toBeGreaterThan(250_000_000);
  let received = 0;
  const server = await streamingServer((request, response) => {
    request.on('data', (data: Buffer) => (received += data.length)).on('end', () => json(response, 200, batch()));
  });
  const message = await createInChild(server.url, path);
  expect(message.error).toBeUndefined();
  expect(received).toBe(size + 15);
  expect(message.growthMb).toBeLessThan(60);
  expect(message.peakMemoryMb).toBeLessThan(150);
});
