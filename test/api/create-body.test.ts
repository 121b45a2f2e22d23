import { InvalidRequestError, MessageBatchesApi } from '../../src/api';
import { measureBody } from '../../src/api/create-body';
import { closeServers, httpServer, expectRejection } from './support/servers';

afterEach(closeServers);

function request(custom_id: unknown, params: unknown = { model: 'm' }) {
  return { custom_id, params } as never;
}

const circular: Record<string, unknown> = {};
circular['self'] = circular;

test.each<[string, unknown, string]>([
  ['no requests', [], 'requests is empty'],
  ['not an array', 'abc', 'requests is empty'],
  ['a missing custom_id', [request('a'), request(undefined)], 'requests[1] has no custom_id'],
  ['a number as custom_id', [request(7)], 'requests[0] has no custom_id'],
  ['an empty custom_id', [request('')], 'requests[0] has the custom_id ""'],
  ['a space in it', [request('a'), request('b'), request('c d')], 'requests[2] has the custom_id "c d"'],
  ['a line feed at its end', [request('a\n')], 'requests[0]'],
  ['65 characters', [request('x'.repeat(65))], 'requests[0]'],
  ['a duplicate', [request('a'), request('b'), request('a')], 'requests[2] has the same custom_id "a" as requests[0]'],
  ['no params', [request('a', null)], 'requests[0] ("a") has no params'],
  ['not an object', [null], 'requests[0] is not an object'],
  ['a circle', [request('a', circular)], 'requests[0] ("a") cannot be written as JSON'],
  ['a BigInt', [request('a', { max_tokens: 1n })], 'requests[0] ("a") cannot be written as JSON'],
  ['100,001 requests', Array.from({ length: 100_001 }, (_, index) => request(`r${index}`)), '100001 requests'],
])('%s: refused before any HTTP', async (_, requests, words) => {
  const server = await httpServer(() => undefined);
  const api = new MessageBatchesApi({ baseUrl: server.url });
  expect((await expectRejection(api.create({ requests: requests as never }), InvalidRequestError)).message).toContain(words);
  expect(server.sockets.size).toBe(0);
});

test.each([0, -1, 1.5, NaN, 256_000_001])('contentLength %d is refused before any HTTP', async (contentLength) => {
  const api = new MessageBatchesApi();
  const chunks = (async function* () {})();
  await expectRejection(api.create({ contentLength, chunks }), InvalidRequestError);
});

test('a deadline that is no date is refused', async () => {
  await expectRejection(new MessageBatchesApi().create({ requests: [request('a')] }, { deadline: new Date('soon') }), InvalidRequestError);
});

test('bytes are measured, not characters, and large lists come in pieces', async () => {
  const requests = Array.from({ length: 5_000 }, (_, index) => request(`r-${index}`, { text: 'ü€🌍'.repeat(20) }));
  const body = await measureBody({ requests }, undefined, new AbortController().signal);
  const reader = body.open(false);
  const pieces: Uint8Array[] = [];
  for (let piece = await reader.next(); piece; piece = await reader.next()) pieces.push(piece);
  const expected = Buffer.from(JSON.stringify({ requests }));
  expect(Buffer.concat(pieces).equals(expected)).toBe(true);
  expect(body.contentLength).toBe(expected.length);
  expect(pieces.length).toBeGreaterThan(1);
});

test('more than 256 MB of bytes is refused, though it has fewer characters', async () => {
  // 100 MB of characters, three bytes each.
  const requests = Array.from({ length: 100 }, (_, index) => request(`r-${index}`, { text: '€'.repeat(1_000_000) }));
  await expect(measureBody({ requests }, undefined, new AbortController().signal)).rejects.toThrow('at most 256000000');
});
