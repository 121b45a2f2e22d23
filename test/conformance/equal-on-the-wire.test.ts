/** The official SDK and this client over the same exchanges: equal requests on the wire, equal results. */
import { againstScript, againstSimulator, sameValue, type Scenario, type SimulatedSetting } from './support/both-ways';
import { BATCHES_BETA, type BatchClient, type Requests } from './support/both-clients';
import { headersOf, inShort } from './support/equal-requests';
import { json, text } from './support/recording-server';

const BATCHES = '/v1/messages/batches';
const requests = (count: number): Requests =>
  Array.from({ length: count }, (_, i) => ({
    custom_id: `question-${i}`,
    params: { model: 'claude-haiku-5-5', max_tokens: 1024, messages: [{ role: 'user', content: `What is ${i} * 23? “Ü\u2028\u2029\u{1F600}”\n\t\\` }] },
  }));

/** Every call once, from create to delete. */
const allCalls: Scenario = async (client, endBatch) => {
  const created = await client.create(requests(5));
  const { id } = created.data;
  const canceled = await client.cancel(id);
  endBatch(id);
  const ended = await client.retrieve(id);
  const page = await client.list({ limit: 10 });
  const results = await client.results(id);
  const deleted = await client.delete(id);
  return { created, canceled, ended, page, results, deleted };
};

const OPEN: SimulatedSetting = { simulator: { processingMs: Infinity, cancelingMs: Infinity } };
const ENDED: SimulatedSetting = { simulator: { processingMs: 0 } };

describe('all six calls', () => {
  test.each<[string, SimulatedSetting]>([
    ['a bearer token', {}],
    ['an x-api-key', { client: { credential: 'x-api-key' } }],
    ['a base URL with a trailing slash', { basePath: '/' }],
    ['a base URL with a path prefix', { basePath: '/team-a/anthropic' }],
    ['a base URL with a path prefix and a trailing slash', { basePath: '/team-a/anthropic/' }],
    ['betas of the client', { client: { betas: ['one-2026-01-01', 'two-2026-01-01'] } }],
    ['a workspace of the client', { client: { workspaceId: 'wrkspc_01' } }],
    ['headers and query of the client', { client: { headers: { 'X-Team': 'a', 'x-trace': 'b, c' }, query: { gateway: 'eu west', 'a&b': '1=2', flag: true, n: 1.5 } } }],
    ["the SDK's beta namespace", { namespace: 'beta', client: { betas: ['one-2026-01-01'] } }],
    ['the old beta form', { client: { betaForm: true } }],
    ['the old beta form, demanded, behind a prefix, with further betas', { basePath: '/gateway', client: { betaForm: true, betas: ['one-2026-01-01'] }, simulator: { requiresBetaForm: true } }],
  ])('%s', async (_name, setting) => {
    const runs = await againstSimulator({ ...setting, simulator: { ...OPEN.simulator, ...setting.simulator } }, allCalls);
    const prefix = setting.basePath?.replace(/\/$/, '') ?? '';
    const { created, results, deleted } = sameValue(runs) as any;
    expect([created.data.type, results.length, deleted.data.type]).toEqual(['message_batch', 5, 'message_batch_deleted']);
    const { id } = created.data;
    const query = [...Object.entries(setting.client?.query ?? {}).map(([name, value]) => `${name}=${value}`), ...(setting.client?.betaForm ? ['beta=true'] : [])];
    const line = (method: string, path: string, own: string[] = []): string => {
      const all = [...query, ...own].sort();
      return `${method} ${prefix}${BATCHES}${path}${all.length > 0 ? `?${all.join('&')}` : ''}`;
    };
    expect(runs.requests.map(inShort)).toEqual([
      line('POST', ''), line('POST', `/${id}/cancel`), line('GET', `/${id}`), line('GET', '', ['limit=10']), line('GET', `/${id}`), line('GET', `/${id}/results`), line('DELETE', `/${id}`),
    ]);
    const betas = [...(setting.client?.betas ?? []), ...(setting.client?.betaForm ? [BATCHES_BETA] : [])].sort().join(',') || undefined;
    for (const request of runs.requests) {
      const headers = headersOf(request);
      expect([headers['anthropic-beta'], headers['anthropic-workspace-id'], headers['anthropic-version']]).toEqual([betas, setting.client?.workspaceId, '2026-10-21']);
      expect('x-api-key' in headers).toBe(setting.client?.credential === 'x-api-key');
      expect('authorization' in headers).toBe(setting.client?.credential !== 'x-api-key');
    }
  });
});

describe('create', () => {
  test('the body is the same to the byte', async () => {
    const asked = requests(200);
    const { requests: [request] } = await againstSimulator(ENDED, (client) => client.create(asked));
    expect(request!.body.toString()).toBe(JSON.stringify({ requests: asked }));
    expect(headersOf(request!)).toMatchObject({ 'content-type': 'application/json', 'content-length': String(request!.body.length) });
  });

  test('betas, workspace, version, headers and query of one call', async () => {
    const runs = await againstSimulator(ENDED, (client) =>
      client.create(requests(1), { betas: ['one', 'two'], workspaceId: 'wrkspc_02', apiVersion: '2023-06-01', headers: { 'X-Team': 'b' }, query: { dry: 'run me', n: 1 } }),
    );
    sameValue(runs);
    expect(headersOf(runs.requests[0]!)).toMatchObject({ 'anthropic-beta': 'one,two', 'anthropic-workspace-id': 'wrkspc_02', 'anthropic-version': '2023-06-01', 'x-team': 'b' });
    expect(inShort(runs.requests[0]!)).toBe(`POST ${BATCHES}?dry=run me&n=1`);
  });

  test('betas as a parameter of the beta namespace', async () => {
    const runs = await againstSimulator({ ...ENDED, namespace: 'beta' }, (client) => client.create(requests(1), { betas: ['one', 'two'] }));
    expect(headersOf(runs.requests[0]!)['anthropic-beta']).toBe('one,two');
  });

  test('further fields of the body', async () => {
    const setting = { answers: () => [json(200, batch('msgbatch_1'))] };
    const runs = await againstScript(setting, (client) => client.create(requests(2), { bodyFields: { priority: 'low', nested: { a: [1, null] } } }));
    sameValue(runs);
    expect(JSON.parse(runs.requests[0]!.body.toString())).toEqual({ requests: requests(2), priority: 'low', nested: { a: [1, null] } });
  });
});

describe('options of one call', () => {
  const calls: [string, (client: BatchClient, settings: object) => Promise<unknown>][] = [
    ['create', (client, settings) => client.create(requests(1), settings)],
    ['retrieve', (client, settings) => client.retrieve('msgbatch_1', settings)],
    ['list', (client, settings) => client.list({ limit: 3 }, settings)],
    ['cancel', (client, settings) => client.cancel('msgbatch_1', settings)],
    ['delete', (client, settings) => client.delete('msgbatch_1', settings)],
  ];
  const answer = json(200, { ...batch('msgbatch_1'), data: [], has_more: false, first_id: null, last_id: null });

  test.each(calls)('%s: they go before those of the client', async (_name, call) => {
    const client = { workspaceId: 'wrkspc_client', headers: { 'x-team': 'client', 'x-other': 'stays' }, query: { a: 'client', b: 'stays' } };
    const runs = await againstScript({ answers: () => [answer], client }, (both) =>
      call(both, { workspaceId: 'wrkspc_call', apiVersion: '2023-06-01', headers: { 'X-Team': 'call' }, query: { a: 'call', c: 3 } }),
    );
    const headers = headersOf(runs.requests[0]!);
    expect(headers).toMatchObject({ 'anthropic-workspace-id': 'wrkspc_call', 'anthropic-version': '2023-06-01', 'x-team': 'call', 'x-other': 'stays' });
    expect(inShort(runs.requests[0]!)).toMatch(/\?a=call&b=stays&c=3(&limit=3)?$/);
  });

  test.each(calls)('%s: null removes a header of the client', async (_name, call) => {
    const runs = await againstScript({ answers: () => [answer], client: { headers: { 'x-team': 'client' } } }, (both) => call(both, { removedHeaders: ['X-Team'] }));
    expect(headersOf(runs.requests[0]!)['x-team']).toBeUndefined();
  });

  test('cancel with a body', async () => {
    const runs = await againstScript({ answers: () => [answer] }, (client) => client.cancel('msgbatch_1', { bodyFields: { reason: 'too late' } }));
    expect([runs.requests[0]!.body.toString(), headersOf(runs.requests[0]!)['content-type']]).toEqual(['{"reason":"too late"}', 'application/json']);
  });

  test('results: of both of its requests', async () => {
    const runs = await againstSimulator(ENDED, async (client) => {
      const { data } = await client.create(requests(3));
      return client.results(data.id, { betas: ['one'], workspaceId: 'wrkspc_03', headers: { 'x-team': 'r' }, query: { part: 'all' } });
    });
    expect(sameValue(runs)).toHaveLength(3);
    for (const request of runs.requests.slice(1)) {
      expect(headersOf(request)).toMatchObject({ 'anthropic-beta': 'one', 'anthropic-workspace-id': 'wrkspc_03', 'x-team': 'r' });
      expect(inShort(request)).toMatch(/\?part=all$/);
    }
  });
});

describe('list', () => {
  const listed = async (client: BatchClient, count: number): Promise<string[]> => {
    const ids: string[] = [];
    for (let i = 0; i < count; i++) ids.unshift((await client.create(requests(1))).data.id);
    return ids;
  };

  test('one page in each direction, and all pages', async () => {
    const runs = await againstSimulator(ENDED, async (client) => {
      const ids = await listed(client, 7);
      return {
        ids,
        first: await client.list(),
        older: await client.list({ limit: 2, afterId: ids[2] }),
        newer: await client.list({ limit: 2, beforeId: ids[4] }),
        empty: await client.list({ beforeId: ids[0] }),
        all: await client.all({ limit: 3 }),
        allOlder: await client.all({ limit: 2, afterId: ids[2] }),
        allNewer: await client.all({ limit: 2, beforeId: ids[5] }),
      };
    });
    const { ids, all, allNewer } = sameValue(runs) as any;
    expect(all.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(allNewer.map(({ id }: { id: string }) => id)).toEqual([ids[3], ids[4], ids[1], ids[2], ids[0]]);
    // 7 creates, 4 pages, then 3, 2 and 3 pages.
    expect(runs.requests).toHaveLength(7 + 4 + 3 + 2 + 3);
  });

  test('page by page: hasNextPage and getNextPage', async () => {
    const runs = await againstSimulator(ENDED, async (client) => {
      const ids = await listed(client, 5);
      return { older: await client.pages(3, { limit: 2 }), newer: await client.pages(2, { limit: 2, beforeId: ids[4] }) };
    });
    const { older, newer } = sameValue(runs) as any;
    expect(older.map(({ hasNextPage }: { hasNextPage: boolean }) => hasNextPage)).toEqual([true, true, false]);
    expect(newer.map(({ hasNextPage }: { hasNextPage: boolean }) => hasNextPage)).toEqual([true, false]);
  });

  test('options and query of the call go with every page', async () => {
    const runs = await againstSimulator(ENDED, async (client) => {
      await listed(client, 3);
      return client.all({ limit: 1 }, { betas: ['one'], workspaceId: 'wrkspc_04', headers: { 'x-team': 'l' }, query: { of: 'mine' } });
    });
    expect(sameValue(runs)).toHaveLength(3);
    for (const request of runs.requests.slice(3)) {
      expect(headersOf(request)).toMatchObject({ 'anthropic-beta': 'one', 'anthropic-workspace-id': 'wrkspc_04', 'x-team': 'l' });
      expect(inShort(request)).toMatch(/\?(after_id=\w+&)?limit=1&of=mine$/);
    }
  });
});

test.each(['a b', 'a/b', 'a?b', 'a#b', 'ä€😀', '%2F', '..a', "!$&'()*+,;=:@~", 'a\\b', '{"<>"}'])('an id of odd characters is one path segment: %s', async (id) => {
  const answers = [json(200, batch(id)), json(200, batch(id)), json(200, { id, type: 'message_batch_deleted' }), json(200, { data: [], has_more: false, first_id: null, last_id: null })];
  const runs = await againstScript({ answers: () => answers }, async (client) => [await client.retrieve(id), await client.cancel(id), await client.delete(id), await client.list({ afterId: id })]);
  sameValue(runs);
  expect(runs.requests.map(inShort)).toEqual([`GET ${BATCHES}/${id}`, `POST ${BATCHES}/${id}/cancel`, `DELETE ${BATCHES}/${id}`, `GET ${BATCHES}?after_id=${id}`]);
});

describe('answers that hold more than is known today', () => {
  test('unknown fields and statuses of a batch', async () => {
    const fields = { processing_status: 'paused', paused_until: '2027-01-01', request_counts: { processing: 1, succeeded: 0, errored: 0, canceled: 0, expired: 0, deferred: 7 }, deep: [{ a: null }] };
    const prepare: SimulatedSetting['prepare'] = (simulator) => {
      for (const on of ['create', 'retrieve', 'list', 'cancel', 'delete'] as const) simulator.addFault({ on, kind: 'change-answer', fields });
    };
    const runs = await againstSimulator({ ...OPEN, prepare }, async (client, endBatch) => {
      const created = await client.create(requests(1));
      const { id } = created.data;
      const rest = [await client.retrieve(id), await client.list(), await client.cancel(id)];
      endBatch(id);
      return [created, ...rest, await client.delete(id)];
    });
    for (const { data } of sameValue(runs) as any[]) expect(data.data?.at(0) ?? data).toMatchObject(fields);
  });

  test.each(['unknown-result-type', 'unknown-error-type', 'unknown-fields', 'unknown-custom-id', 'repeated', 'contradicted'] as const)('results: %s', async (change) => {
    const prepare: SimulatedSetting['prepare'] = (simulator) => simulator.addFault({ on: 'results', kind: 'change-lines', change, line: 2, count: 3 });
    const runs = await againstSimulator({ ...ENDED, prepare }, async (client) => client.results((await client.create(requests(6))).data.id));
    const lines = sameValue(runs) as { result: { type: string } }[];
    expect(lines).toHaveLength(change === 'repeated' || change === 'contradicted' ? 9 : 6);
    if (change === 'unknown-result-type') expect(lines.map(({ result }) => result.type)).toEqual(['succeeded', 'deferred', 'deferred', 'deferred', 'succeeded', 'succeeded']);
  });
});

describe('results', () => {
  test.each<[string, SimulatedSetting]>([
    ['of every kind', { simulator: { processingMs: 0, erroredShare: 0.3, overloadedShare: 0.2, expiredShare: 0.3 } }],
    ['compressed', { simulator: { processingMs: 0, gzipResults: true } }],
    ['long lines', { simulator: { processingMs: 0, answerBytes: 200_000 } }],
  ])('%s', async (_name, setting) => {
    const runs = await againstSimulator(setting, async (client) => client.results((await client.create(requests(60))).data.id));
    expect(sameValue(runs)).toHaveLength(60);
  });

  const line = (id: string): string => JSON.stringify({ custom_id: id, result: { type: 'canceled' } });
  test.each<[string, string]>([
    ['no final line feed', `${line('a')}\n${line('b')}`],
    ['CRLF', `${line('a')}\r\n${line('b')}\r\n`],
    ['raw U+2028, U+2029 and U+0085', `{"custom_id":"a","result":{"type":"canceled"},"x":"\u2028\u2029\u0085"}\n${line('b')}\n`],
  ])('%s', async (_name, body) => {
    const answers = (url: string) => [json(200, { ...batch('msgbatch_1'), results_url: `${url}${BATCHES}/msgbatch_1/results` }), text(200, body, {})];
    const runs = await againstScript({ answers }, (client) => client.results('msgbatch_1'));
    expect(sameValue(runs)).toHaveLength(2);
  });
});

test('a GET is made again after a passing failure, as often and with the same request', async () => {
  const prepare: SimulatedSetting['prepare'] = (simulator) => {
    for (const status of [503, 429]) simulator.addFault({ on: 'list', kind: 'status', status, headers: { 'retry-after-ms': '1' } });
  };
  const runs = await againstSimulator({ prepare, client: { maxRetries: 2 } }, (client) => client.list({ limit: 5 }));
  sameValue(runs);
  expect(runs.requests.map(inShort)).toEqual(Array.from({ length: 3 }, () => `GET ${BATCHES}?limit=5`));
});

function batch(id: string): object {
  const request_counts = { processing: 0, succeeded: 1, errored: 0, canceled: 0, expired: 0 };
  return { id, type: 'message_batch', processing_status: 'ended', request_counts, ended_at: '2026-11-21T11:00:00Z', results_url: null };
}
