import type { ApiOptions, CallOptions } from '../../src/api';
import { closeClients, openClient } from './support/clients';
import { batch, closeServers, httpServer, json } from './support/servers';

afterEach(async () => {
  await closeClients();
  await closeServers();
});

/** Makes every call once, and tells method, path, query and `anthropic-beta` of each. */
async function wireOf(client: ApiOptions, call?: CallOptions): Promise<[string, string, string, string | undefined][]> {
  const server = await httpServer(({ url }, response) => json(response, 200, url.includes('/results') ? '' : { ...batch(), data: [batch('b')], has_more: false, first_id: 'b', last_id: 'b' }));
  const api = openClient({ ...client, baseUrl: `${server.url}/prefix`, maxRetries: 0 });
  await api.create({ requests: [{ custom_id: 'a', params: {} as never }] }, call);
  await api.retrieve('x', call);
  await api.list({ limit: 2, beforeId: 'y' }, call);
  for await (const { id } of api.listAll({}, call)) expect(id).toBe('b');
  await api.cancel('x', call);
  await api.delete('x', call);
  (await api.results('x', call)).close();
  return server.requests.map(({ method, url, headers }) => {
    const { pathname, searchParams } = new URL(url, 'http://x');
    searchParams.sort();
    return [method, pathname, searchParams.toString(), headers['anthropic-beta'] as string | undefined];
  });
}

function expected(query: string, beta: string | undefined): [string, string, string, string | undefined][] {
  const path = '/prefix/v1/messages/batches';
  const listed = ['before_id=y', ...(query ? [query] : []), 'limit=2'].join('&');
  return [
    ['POST', path, query, beta],
    ['GET', `${path}/x`, query, beta],
    ['GET', path, listed, beta],
    ['GET', path, query, beta],
    ['POST', `${path}/x/cancel`, query, beta],
    ['DELETE', `${path}/x`, query, beta],
    ['GET', `${path}/x/results`, query, beta],
  ];
}

test('without it neither the query nor the beta is sent', async () => {
  expect(await wireOf({})).toEqual(expected('', undefined));
  expect(await wireOf({ betaApi: false, betas: ['one'] })).toEqual(expected('', 'one'));
});

test('with it both go with every call', async () => {
  expect(await wireOf({ betaApi: true })).toEqual(expected('beta=true', 'message-batches-2024-09-24'));
});

test('further betas, of client and call, go before it', async () => {
  const beta = 'one,two,three,message-batches-2024-09-24';
  expect(await wireOf({ betaApi: true, betas: ['one'], headers: { 'anthropic-beta': 'two' } }, { betas: ['three', 'one'] })).toEqual(expected('beta=true', beta));
});

test('named by the caller as well it is there once', async () => {
  expect(await wireOf({ betaApi: true, betas: ['message-batches-2024-09-24'] })).toEqual(expected('beta=true', 'message-batches-2024-09-24'));
});
