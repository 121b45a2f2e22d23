/** The six calls, their headers and limits. */
import { describeFacts, ENDED, OPEN, type Fact } from '../support/facts';
import { BATCHES, bodyOf, createBatch, del, get, HEADERS, numbered, parseLines, post, request, send } from '../support/simulation';

const VERSION = { 'anthropic-version': '2023-06-01' };

const calls: Fact[] = [
  ['create: POST /v1/messages/batches answers 200 with a MessageBatch', OPEN, async ({ url }) => {
    const { status, json } = await post(url, '', bodyOf(request('a')));
    expect(status).toBe(200);
    expect(json.type).toBe('message_batch');
  }],
  ['retrieve: GET /v1/messages/batches/{id} answers 200 with the MessageBatch', OPEN, async ({ url }) => {
    const created = await post(url, '', bodyOf(request('a')));
    const { status, json } = await get(url, `/${created.json.id}`);
    expect(status).toBe(200);
    expect(json).toEqual(created.json);
  }],
  ['list: GET /v1/messages/batches answers {data, has_more, first_id, last_id}, newest first', OPEN, async ({ url }) => {
    const [older, newer] = [await createBatch(url), await createBatch(url)];
    const { status, json } = await get(url);
    expect(status).toBe(200);
    expect(Object.keys(json).sort()).toEqual(['data', 'first_id', 'has_more', 'last_id']);
    expect(json.data.map((batch: { id: string }) => batch.id)).toEqual([newer, older]);
  }],
  ['cancel: POST /v1/messages/batches/{id}/cancel without a body answers 200 with a MessageBatch in canceling', OPEN, async ({ url }) => {
    const { status, json } = await post(url, `/${await createBatch(url)}/cancel`);
    expect(status).toBe(200);
    expect(json).toMatchObject({ type: 'message_batch', processing_status: 'canceling' });
  }],
  ['cancel may answer a batch that has ended', { ...OPEN, cancelingMs: 0 }, async ({ url }) => {
    expect((await post(url, `/${await createBatch(url)}/cancel`)).json.processing_status).toBe('ended');
  }],
  ['delete: DELETE /v1/messages/batches/{id} answers {"id","type":"message_batch_deleted"}', ENDED, async ({ url }) => {
    const id = await createBatch(url);
    const { status, json } = await del(url, `/${id}`);
    expect(status).toBe(200);
    expect(json).toEqual({ id, type: 'message_batch_deleted' });
  }],
  ['results: GET /v1/messages/batches/{id}/results answers JSONL', ENDED, async ({ url }) => {
    const { status, text, headers } = await get(url, `/${await createBatch(url, numbered(3))}/results`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/x-jsonl');
    expect(text.endsWith('\n')).toBe(true);
    expect(parseLines(text)).toHaveLength(3);
  }],
  ['results are given to whoever accepts application/x-jsonl or application/binary', ENDED, async ({ url }) => {
    const id = await createBatch(url);
    for (const accept of ['application/x-jsonl', 'application/binary']) {
      expect((await get(url, `/${id}/results`, { ...HEADERS, accept })).status).toBe(200);
    }
  }],
  ['other paths are not found, other methods not allowed', OPEN, async ({ url }) => {
    const id = await createBatch(url);
    for (const path of ['/v1/messages', '/v1/messages/batches/', `${BATCHES}/${id}/nothing`, '/']) {
      const { status, json } = await send(url, 'GET', path);
      expect([status, json.error.type]).toEqual([404, 'not_found_error']);
    }
    expect((await send(url, 'PUT', BATCHES)).status).toBe(405);
  }],
];

const headers: Fact[] = [
  ['anthropic-version is required', OPEN, async ({ url }) => {
    const { status, json } = await get(url, '', { 'x-api-key': 'k' });
    expect([status, json.error.type]).toEqual([400, 'invalid_request_error']);
    expect(json.error.message).toContain('anthropic-version');
  }],
  ['anthropic-version 2023-06-01 and 2026-10-21 have the same envelope', OPEN, async ({ url }) => {
    await createBatch(url);
    const [old, recent] = await Promise.all(['2023-06-01', '2026-10-21'].map((version) => get(url, '', { 'x-api-key': 'k', 'anthropic-version': version })));
    expect(old?.json).toEqual(recent?.json);
  }],
  ['a credential is Authorization: Bearer KEY or x-api-key: KEY', { ...OPEN, keys: ['right'] }, async ({ url }) => {
    expect((await get(url, '', { ...VERSION, authorization: 'Bearer right' })).status).toBe(200);
    expect((await get(url, '', { ...VERSION, 'x-api-key': 'right' })).status).toBe(200);
    expect((await get(url, '', { ...VERSION, authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await get(url, '', { ...VERSION, 'x-api-key': 'wrong' })).status).toBe(401);
  }],
  ['without a credential: 401 authentication_error, for every call', OPEN, async ({ url }) => {
    const id = await createBatch(url);
    const replies = await Promise.all([
      post(url, '', bodyOf(request('a')), VERSION), get(url, `/${id}`, VERSION), get(url, '', VERSION), post(url, `/${id}/cancel`, undefined, VERSION),
      get(url, `/${id}/results`, VERSION), send(url, 'DELETE', `${BATCHES}/${id}`, { headers: VERSION }),
    ]);
    for (const { status, json } of replies) expect([status, json.error.type]).toEqual([401, 'authentication_error']);
  }],
  ['an empty key is none', OPEN, async ({ url }) => {
    expect((await get(url, '', { ...VERSION, 'x-api-key': '' })).status).toBe(401);
    expect((await get(url, '', { ...VERSION, authorization: 'Bearer ' })).status).toBe(401);
  }],
  ['anthropic-beta takes several names; anthropic-workspace-id is optional', OPEN, async (simulator) => {
    const { status } = await post(simulator.url, '', bodyOf(request('a')), { ...HEADERS, 'anthropic-beta': 'one,two', 'anthropic-workspace-id': 'wrkspc_01' });
    expect(status).toBe(200);
    expect(simulator.stats().accepted.at(0)).toMatchObject({ anthropicBeta: 'one,two', anthropicVersion: '2023-06-01' });
  }],
  ['the old beta form works: header message-batches-2024-09-24 and ?beta=true on every path', ENDED, async ({ url }) => {
    const beta = { ...HEADERS, 'anthropic-beta': 'message-batches-2024-09-24' };
    const created = await post(url, '?beta=true', bodyOf(request('a')), beta);
    const id = created.json.id as string;
    expect((await get(url, `/${id}?beta=true`, beta)).json.id).toBe(id);
    expect((await get(url, '?beta=true&limit=5', beta)).json.data).toHaveLength(1);
    expect((await get(url, `/${id}/results?beta=true`, beta)).status).toBe(200);
    expect((await send(url, 'DELETE', `${BATCHES}/${id}?beta=true`, { headers: beta })).status).toBe(200);
  }],
  ['every answer of the API has a request-id of its own, and says that it is simulated', ENDED, async ({ url }) => {
    const created = await post(url, '', bodyOf(request('a')));
    const id = created.json.id as string;
    const replies = [created, await get(url, `/${id}`), await get(url), await get(url, `/${id}/results`), await post(url, `/${id}/cancel`), await get(url, '/nothing'), await del(url, `/${id}`)];
    for (const reply of replies) {
      expect(reply.headers.get('request-id')).toMatch(/^req_\w+$/);
      expect(reply.headers.get('x-message-batches-simulation')).toBe('true');
    }
    expect(new Set(replies.map((reply) => reply.headers.get('request-id'))).size).toBe(replies.length);
  }],
];

const limits: Fact[] = [
  ['requests per sliding minute over all batch endpoints together: 429 with retry-after, and anthropic-ratelimit headers', { ...OPEN, requestsPerMinute: 4 }, async (simulator, clock) => {
    const { url } = simulator;
    const id = await createBatch(url);
    clock.advance(20_000);
    const replies = [await get(url), await get(url, `/${id}`), await post(url, `/${id}/cancel`), await get(url)];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(replies.map(({ headers: received }) => received.get('anthropic-ratelimit-requests-remaining'))).toEqual(['2', '1', '0', '0']);
    const refused = replies.at(3)!;
    expect(refused.json.error.type).toBe('rate_limit_error');
    expect(refused.headers.get('anthropic-ratelimit-requests-limit')).toBe('4');
    expect(Date.parse(refused.headers.get('anthropic-ratelimit-requests-reset')!)).toBe(clock.time + 60_000);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBe(40);
    clock.advance(seconds * 1000 - 1);
    expect((await get(url)).status).toBe(429);
    expect(simulator.stats().callRate).toEqual({ peakPerMinute: 6, refused: 2 });
    clock.advance(1);
    expect((await get(url)).status).toBe(200);
    expect((await get(url)).status).toBe(429);
  }],
  ['requests waiting in the processing queue: a create beyond the limit is 429', { processingMs: 1000, queueLimit: 10 }, async (simulator, clock) => {
    await createBatch(simulator.url, numbered(6));
    const refused = await post(simulator.url, '', numbered(5));
    expect([refused.status, refused.json.error.type, refused.headers.get('retry-after')]).toEqual([429, 'rate_limit_error', '10']);
    expect(simulator.stats().accepted).toHaveLength(1);
    await createBatch(simulator.url, numbered(4));
    clock.advance(1000);
    await createBatch(simulator.url, numbered(10));
  }],
];

describeFacts('calls', calls);
describeFacts('headers', headers);
describeFacts('limits', limits);
