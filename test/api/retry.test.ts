import { getEventListeners } from 'node:events';
import { MessageBatchesApi, RateLimitError } from '../../src/api';
import { wait } from '../../src/api/retry';
import { apiError, closeServers, expectRejection, httpServer, json } from './support/servers';

afterEach(closeServers);

test.each([
  ['0'],
  ['-5'],
  ['0.001'],
  ['Thu, 01 Jan 1970 00:00:00 GMT'],
  ['soon'],
])('retry-after: %s makes no tight loop', async (hint) => {
  const times: number[] = [];
  const server = await httpServer((_, response) => {
    times.push(performance.now());
    json(response, 429, apiError('rate_limit_error', 'slow'), { 'retry-after': hint });
  });
  const api = new MessageBatchesApi({ baseUrl: server.url, maxRetries: 1 });
  await expectRejection(api.retrieve('x'), RateLimitError);
  await api.close();
  expect(times).toHaveLength(2);
  // The least wait without a hint is 0.5 s less 25 %; a timer may be a moment early.
  expect(times[1]! - times[0]!).toBeGreaterThan(370);
});

test('an aborted wait leaves neither timer nor listener', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const abort = new AbortController();
  const waiting = wait(300_000, abort.signal).catch((error: unknown) => error);
  expect(timers()).toBe(before + 1);
  const reason = new Error('stop');
  abort.abort(reason);
  expect(await waiting).toBe(reason);
  expect(timers()).toBe(before);
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
});
