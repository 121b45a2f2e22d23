import { InvalidAnswerError, InvalidRequestError, MessageBatchesApi, type MessageBatchesPage } from '../../src/api';
import { batch, closeServers, httpServer, json, expectRejection, unusedPort } from './support/servers';

afterEach(closeServers);

/** Ids of batches, newest first, served in pages as the API does. */
async function serving(ids: string[], pageSize: number) {
  return httpServer(({ url }, response) => {
    const query = new URL(url, 'http://x').searchParams;
    const after = query.get('after_id');
    const before = query.get('before_id');
    const end = before === null ? undefined : ids.indexOf(before);
    const page =
      end === undefined ? ids.slice(after === null ? 0 : ids.indexOf(after) + 1).slice(0, pageSize) : ids.slice(Math.max(0, end - pageSize), end);
    const has_more = end === undefined ? page.at(-1) !== ids.at(-1) && page.length > 0 : page[0] !== ids[0] && page.length > 0;
    json(response, 200, { data: page.map((id) => batch(id)), has_more, first_id: page[0] ?? null, last_id: page.at(-1) ?? null });
  });
}

function client(url: string): MessageBatchesApi {
  return new MessageBatchesApi({ baseUrl: url, maxRetries: 0 });
}

async function idsOf(batches: AsyncIterable<{ id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of batches) ids.push(id);
  return ids;
}

test('one page as it is', async () => {
  const server = await serving(['c', 'b', 'a'], 2);
  const { data, requestId } = await client(server.url).list({ limit: 2, afterId: 'c' });
  expect(data).toMatchObject({ data: [{ id: 'b' }, { id: 'a' }], has_more: false, first_id: 'b', last_id: 'a' });
  expect(requestId).toBe('req_test');
  expect(server.requests.map(({ url }) => url)).toEqual(['/v1/messages/batches?limit=2&after_id=c']);
});

describe('page by page', () => {
  async function idsByPage(first: MessageBatchesPage): Promise<string[][]> {
    const pages: string[][] = [];
    for (let page = first; ; page = await page.getNextPage()) {
      pages.push(page.data.data.map(({ id }) => id));
      if (!page.hasNextPage()) return pages;
    }
  }

  test('older ones', async () => {
    const server = await serving(['e', 'd', 'c', 'b', 'a'], 2);
    expect(await idsByPage(await client(server.url).list({ limit: 2 }))).toEqual([['e', 'd'], ['c', 'b'], ['a']]);
    expect(server.requests.map(({ url }) => url.split('?')[1])).toEqual(['limit=2', 'limit=2&after_id=d', 'limit=2&after_id=b']);
  });

  test('older ones, from a batch on', async () => {
    const server = await serving(['e', 'd', 'c', 'b', 'a'], 2);
    expect(await idsByPage(await client(server.url).list({ afterId: 'd' }))).toEqual([['c', 'b'], ['a']]);
  });

  test('newer ones', async () => {
    const server = await serving(['e', 'd', 'c', 'b', 'a'], 2);
    expect(await idsByPage(await client(server.url).list({ limit: 2, beforeId: 'a' }))).toEqual([['c', 'b'], ['e', 'd']]);
    expect(server.requests.map(({ url }) => url.split('?')[1])).toEqual(['limit=2&before_id=a', 'limit=2&before_id=c']);
  });

  test('each page tells what its own headers told, and its options are those of the first', async () => {
    let number = 0;
    const server = await httpServer((_, response) => {
      const page = { data: [batch(`b${++number}`)], has_more: number === 1, first_id: `b${number}`, last_id: `b${number}` };
      json(response, 200, page, { 'request-id': `req_${number}`, 'retry-after': String(number), 'x-message-batches-simulation': String(number === 2) });
    });
    const first = await client(server.url).list({}, { betas: ['one'], headers: { 'x-trace': 'abc' } });
    const second = await first.getNextPage();
    expect(first).toMatchObject({ requestId: 'req_1', retryAfterMs: 1_000, simulated: false, serverTime: expect.any(Date) as Date });
    expect(second).toMatchObject({ requestId: 'req_2', retryAfterMs: 2_000, simulated: true });
    expect(server.requests.map(({ headers }) => [headers['anthropic-beta'], headers['x-trace']])).toEqual([['one', 'abc'], ['one', 'abc']]);
  });

  test('a page may be asked for again, and iterated again', async () => {
    const server = await serving(['c', 'b', 'a'], 2);
    const page = await client(server.url).list({ limit: 2 });
    expect(await idsOf(page)).toEqual(['c', 'b', 'a']);
    expect(await idsOf(page)).toEqual(['c', 'b', 'a']);
    expect((await page.getNextPage()).data.first_id).toBe('a');
    expect(server.requests).toHaveLength(4);
  });

  test('as an iteration that begins with this page', async () => {
    const server = await serving(['e', 'd', 'c', 'b', 'a'], 2);
    const first = await client(server.url).list({ limit: 2 });
    const pages: MessageBatchesPage[] = [];
    for await (const page of first.iterPages()) pages.push(page);
    expect(pages[0]).toBe(first);
    expect(pages.map(({ data }) => data.data.map(({ id }) => id))).toEqual([['e', 'd'], ['c', 'b'], ['a']]);
    expect(server.requests).toHaveLength(3);
  });

  test('an iteration that is left asks for no further page', async () => {
    const server = await serving(['c', 'b', 'a'], 1);
    for await (const page of (await client(server.url).list()).iterPages()) if (page.data.first_id === 'b') break;
    expect(server.requests).toHaveLength(2);
  });

  test('after the last page there is none, and nothing is asked', async () => {
    const server = await serving(['a'], 2);
    const page = await client(server.url).list();
    expect(page.hasNextPage()).toBe(false);
    await expectRejection(page.getNextPage(), InvalidRequestError);
    expect(server.requests).toHaveLength(1);
  });

  test('a page that promises more and leads nowhere says so when it is left', async () => {
    const server = await httpServer((_, response) => json(response, 200, { data: [], has_more: true, first_id: null, last_id: null }));
    const page = await client(server.url).list();
    expect(page.hasNextPage()).toBe(true);
    expect((await expectRejection(page.getNextPage(), InvalidAnswerError)).message).toContain('page 1 says that there are more batches but is empty');
    expect(server.requests).toHaveLength(1);
  });
});

test('many pages take a call each, and neither time nor stack of those before', async () => {
  const pages = 3_000;
  let number = 0;
  const server = await httpServer((_, response) => {
    number++;
    json(response, 200, { data: [batch(`b${number}`)], has_more: number < pages, first_id: `b${number}`, last_id: `b${number}` });
  });
  expect(await idsOf(client(server.url).listAll({ limit: 1 }))).toHaveLength(pages);
  expect(server.requests).toHaveLength(pages);
});

test('an empty list is one call', async () => {
  const server = await serving([], 20);
  expect(await idsOf(client(server.url).listAll())).toEqual([]);
  expect(server.requests.map(({ url }) => url)).toEqual(['/v1/messages/batches']);
});

test('two pages are exactly two calls', async () => {
  const server = await serving(['d', 'c', 'b', 'a'], 2);
  expect(await idsOf(client(server.url).listAll({ limit: 2 }))).toEqual(['d', 'c', 'b', 'a']);
  expect(server.requests.map(({ url }) => url)).toEqual(['/v1/messages/batches?limit=2', '/v1/messages/batches?limit=2&after_id=c']);
});

test('beforeId keeps its direction', async () => {
  const server = await serving(['e', 'd', 'c', 'b', 'a'], 2);
  expect(await idsOf(client(server.url).listAll({ limit: 2, beforeId: 'a' }))).toEqual(['c', 'b', 'e', 'd']);
  expect(server.requests.map(({ url }) => url)).toEqual(['/v1/messages/batches?limit=2&before_id=a', '/v1/messages/batches?limit=2&before_id=c']);
});

test('a caller that stops early makes no further call', async () => {
  const server = await serving(['d', 'c', 'b', 'a'], 2);
  for await (const { id } of client(server.url).listAll({ limit: 2 })) if (id === 'c') break;
  expect(server.requests).toHaveLength(1);
});

describe('pages that lead nowhere stop with a diagnosis', () => {
  const one = batch('a');
  test.each([
    ['has_more with an empty page', [{ data: [], has_more: true, first_id: null, last_id: null }], 'page 1 says that there are more batches but is empty'],
    ['a repeated cursor', [{ data: [one], has_more: true, first_id: 'a', last_id: 'a' }], 'page 2 says that there are more batches but leads back to a'],
    [
      'a circle',
      [
        { data: [one], has_more: true, first_id: 'a', last_id: 'a' },
        { data: [batch('b')], has_more: true, first_id: 'b', last_id: 'b' },
      ],
      'page 3 says that there are more batches but leads back to a',
    ],
  ])('%s', async (_, pages, words) => {
    let call = 0;
    const server = await httpServer((__, response) => json(response, 200, pages[call++ % pages.length]));
    const error = await expectRejection(idsOf(client(server.url).listAll()), InvalidAnswerError);
    expect(error.message).toContain(words);
    expect(error.requestId).toBe('req_test');
  });

  test('the cursor that the caller gave counts as seen', async () => {
    const server = await httpServer((_, response) => json(response, 200, { data: [one], has_more: true, first_id: 'a', last_id: 'z' }));
    expect((await expectRejection(idsOf(client(server.url).listAll({ afterId: 'z' })), InvalidAnswerError)).message).toContain('page 1');
  });
});

test('has_more without ids on the page goes on from its last batch', async () => {
  let call = 0;
  const server = await httpServer((_, response) => json(response, 200, { data: [batch(`b${call}`)], has_more: call++ === 0 }));
  expect(await idsOf(client(server.url).listAll())).toEqual(['b0', 'b1']);
  expect(server.requests[1]!.url).toBe('/v1/messages/batches?after_id=b0');
});

test.each([
  [{ limit: 0 }, 'limit'],
  [{ limit: 1001 }, 'limit'],
  [{ limit: 1.5 }, 'limit'],
  [{ limit: NaN }, 'limit'],
  [{ afterId: 'a', beforeId: 'b' }, 'only one of'],
  [{ afterId: '' }, 'afterId: the id'],
  [{ beforeId: ' ' }, 'beforeId: the id'],
])('%j is refused before any HTTP', async (params, words) => {
  const api = client(`http://127.0.0.1:${await unusedPort()}`);
  expect((await expectRejection(api.list(params), InvalidRequestError)).message).toContain(words);
  await expectRejection(idsOf(api.listAll(params)), InvalidRequestError);
});
