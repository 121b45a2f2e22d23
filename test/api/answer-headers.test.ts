import type { MessageBatchesApi } from '../../src/api';
import { ApiError, type ApiOptions, type ResponseEvent, type ResponseHeaders } from '../../src/api';
import { closeClients, openClient } from './support/clients';
import { apiError, batch, closeServers, expectRejection, httpServer, json } from './support/servers';

afterEach(async () => {
  await closeClients();
  await closeServers();
});

const KEY = 'sk-ant-test-0123456789';
const LIMITS = { 'anthropic-ratelimit-requests-remaining': '49', 'anthropic-ratelimit-input-tokens-remaining': '1000' };

function client(url: string, more: ApiOptions = {}): MessageBatchesApi {
  return openClient({ baseUrl: url, credential: { kind: 'x-api-key', token: KEY }, ...more });
}

/** Answers with an echo of the credential in its headers. */
function answering(status = 200): ReturnType<typeof httpServer> {
  return httpServer(({ url, method }, response) => {
    const told = { ...LIMITS, 'X-Echo': `key ${KEY}`, 'set-cookie': ['session=hush; Path=/', 'b=c'], 'x-list': ['one', 'two'] };
    const isList = method === 'GET' && /\/batches(\?|$)/.test(url);
    const answer = isList ? { data: [batch()], has_more: true, first_id: 'msgbatch_1', last_id: 'msgbatch_1' } : batch();
    json(response, status, status !== 200 ? apiError('e', 'x') : url.endsWith('/results') ? '' : answer, told);
  });
}

const CALLS: [string, (api: MessageBatchesApi) => Promise<{ headers: ResponseHeaders }>][] = [
  ['create', (api) => api.create({ requests: [{ custom_id: 'a', params: {} as never }] })],
  ['retrieve', (api) => api.retrieve('x')],
  ['list', (api) => api.list()],
  ['a further page', async (api) => (await api.list()).getNextPage()],
  ['cancel', (api) => api.cancel('x')],
  ['delete', (api) => api.delete('x')],
  ['results', async (api) => {
    const results = await api.results('x');
    results.close();
    return results;
  }],
];

test.each(CALLS)('%s gives all headers of its answer, without credentials', async (_, call) => {
  const server = await answering();
  const { headers } = await call(client(server.url));
  expect(headers).toMatchObject({ ...LIMITS, 'request-id': 'req_test', 'x-list': 'one, two', 'x-echo': 'key [redacted]', 'set-cookie': '[redacted]' });
  expect(JSON.stringify(headers)).not.toContain(KEY);
});

test('so does an error', async () => {
  const server = await answering(400);
  const { headers } = await expectRejection(client(server.url).retrieve('x'), ApiError);
  expect(headers).toMatchObject({ ...LIMITS, 'x-echo': 'key [redacted]', 'set-cookie': '[redacted]' });
});

test('limits that count tokens are not taken for credentials by the hooks', async () => {
  const server = await answering();
  const told: ResponseEvent[] = [];
  await client(server.url, { hooks: { onResponse: (event) => void told.push(event) } }).retrieve('x');
  expect(told).toHaveLength(1);
  expect(told[0]!.headers).toMatchObject(LIMITS);
});
