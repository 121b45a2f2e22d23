/** What create refuses at once, and what shows up in the results only. */
import { describeFacts, OPEN, type Fact } from '../support/facts';
import { bodyOf, createBatch, HEADERS, outcomeOf, PARAMS, post, request } from '../support/simulation';

const create: Fact[] = [
  ['100,000 requests are accepted, 100,001 are not', OPEN, async (simulator) => {
    const tiny = (count: number): string => `{"requests":[${Array.from({ length: count }, (_, i) => `{"custom_id":"${i}","params":{}}`).join()}]}`;
    const refused = await post(simulator.url, '', tiny(100_001));
    expect([refused.status, refused.json.error.type]).toEqual([400, 'invalid_request_error']);
    expect(simulator.stats().accepted).toHaveLength(0);
    expect((await post(simulator.url, '', tiny(100_000))).json.request_counts.processing).toBe(100_000);
  }],
  ['a batch needs at least one request', OPEN, async ({ url }) => {
    const { status, json } = await post(url, '', bodyOf());
    expect([status, json.error.type]).toEqual([400, 'invalid_request_error']);
  }],
  ['more than 256 MB: 413 by the CDN, HTML, without request-id', OPEN, async (simulator) => {
    const oversized = await post(simulator.url, '', new Uint8Array(256_000_001));
    expect(oversized.status).toBe(413);
    expect(oversized.headers.get('content-type')).toBe('text/html');
    expect(oversized.headers.get('request-id')).toBeNull();
    expect(oversized.headers.get('x-message-batches-simulation')).toBe('true');
    expect(simulator.stats().accepted).toHaveLength(0);
  }],
  ['custom_id matches ^[a-zA-Z0-9_-]{1,64}$, else 400 at once', OPEN, async ({ url }) => {
    for (const bad of ['', 'a b', 'é', 'a.b', 'a\n', 'x'.repeat(65), 7, null]) {
      const { status, json } = await post(url, '', bodyOf(request('good'), { custom_id: bad, params: PARAMS }));
      expect([status, json.error.type]).toEqual([400, 'invalid_request_error']);
      expect(json.error.message).toContain('requests.1.custom_id');
    }
    expect((await post(url, '', bodyOf(request('x'.repeat(64)), request('-'), request('Az09_')))).status).toBe(200);
  }],
  ['a missing custom_id is 400 at once', OPEN, async ({ url }) => {
    const { status, json } = await post(url, '', bodyOf({ params: PARAMS }));
    expect([status, json.error.message]).toEqual([400, 'requests.0.custom_id: Field required']);
  }],
  ['a custom_id is unique in its batch, else 400 at once', OPEN, async ({ url }) => {
    const { status, json } = await post(url, '', bodyOf(request('a'), request('b'), request('a')));
    expect([status, json.error.type]).toEqual([400, 'invalid_request_error']);
    expect(json.error.message).toContain('requests.2.custom_id');
  }],
  ['the same custom_id in another batch is no problem', OPEN, async ({ url }) => {
    await createBatch(url, bodyOf(request('a')));
    await createBatch(url, bodyOf(request('a')));
  }],
  ['invalid JSON is 400 at once', OPEN, async (simulator) => {
    const good = bodyOf(request('a'));
    const bad = ['', ' ', '{', '[]', 'null', '"requests"', '{"requests":1}', '{"requests":{}}', '{}', '{"requests":[1]}', '{"requests":["a"]}', '{"requests":[[]]}',
      good.slice(0, -1), good.slice(0, -2), `${good}}`, `${good},`, good.replace(']', ',]'), good.replace('[', '[,'), good.replace('"params"', 'params'),
      good.replace('[', '[{"custom_id":"b","params":{}} '), '{"requests":[{"custom_id":"a","params":{]}}]}', `${good}${good}`, `\uFEFF${good}`,
      `{"requests":[],"requests":[${JSON.stringify(request('a'))}]}`];
    for (const body of bad) {
      const reply = await post(simulator.url, '', body);
      expect([body, reply.status, reply.json.error.type]).toEqual([body, 400, 'invalid_request_error']);
    }
    const notUtf8 = Buffer.from(good.replace('"a"', '"\u00e9"'), 'latin1');
    expect((await post(simulator.url, '', notUtf8)).status).toBe(400);
    expect(simulator.stats().accepted).toHaveLength(0);
  }],
  ['there is no idempotency key: the same body twice makes two batches', OPEN, async (simulator) => {
    const headersWithKey = { ...HEADERS, 'idempotency-key': 'same' };
    const [first, second] = [await post(simulator.url, '', bodyOf(request('a')), headersWithKey), await post(simulator.url, '', bodyOf(request('a')), headersWithKey)];
    expect(first.json.id).not.toBe(second.json.id);
    expect(new Set(simulator.stats().accepted.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(simulator.stats().accepted.map(({ seenBefore }) => seenBefore)).toEqual([0, 1]);
  }],
];

const badParams: [what: string, params: object, message: string][] = [
  ['missing model', { ...PARAMS, model: undefined }, 'model: Field required'],
  ['unknown model', { ...PARAMS, model: 'gpt-4' }, 'model: gpt-4'],
  ['missing max_tokens', { ...PARAMS, max_tokens: undefined }, 'max_tokens: Field required'],
  ['max_tokens that is no whole number', { ...PARAMS, max_tokens: 'many' }, 'max_tokens: Input should be a valid integer'],
  ['missing messages', { ...PARAMS, messages: undefined }, 'messages: Field required'],
  ['empty messages', { ...PARAMS, messages: [] }, 'messages: at least one message is required'],
  ['a message without content', { ...PARAMS, messages: [{ role: 'user' }] }, 'messages.0.content: Field required'],
  ['a message with an unknown role', { ...PARAMS, messages: [{ role: 'robot', content: 'Hi' }] }, "messages.0.role: Input should be 'user' or 'assistant' or 'system'"],
  ['stream: true', { ...PARAMS, stream: true }, 'stream: Streaming is not supported in a batch'],
  ['betas inside params', { ...PARAMS, betas: ['one'] }, 'betas: Extra inputs are not permitted'],
];

const later: Fact[] = [
  ...badParams.map(([what, params, message]): Fact => [
    `${what}: accepted by create, an errored result later, nested twice`, {}, () => expectErrored(params, message),
  ]),
  ['temperature, top_p and top_k have left params in version 2026-10-21', {}, async () => {
    for (const name of ['temperature', 'top_p', 'top_k']) {
      expect((await outcomeOf({ ...PARAMS, [name]: 1 })).type).toBe('succeeded');
      expect((await outcomeOf({ ...PARAMS, [name]: 1 }, { ...HEADERS, 'anthropic-version': '2026-10-21' })).error.error.message).toBe(`${name}: Extra inputs are not permitted`);
    }
  }],
];

async function expectErrored(params: object, message: string): Promise<void> {
  const error = { type: 'error', error: { type: 'invalid_request_error', message }, request_id: expect.stringMatching(/^req_/) };
  expect(await outcomeOf(params)).toEqual({ type: 'errored', error });
}

describeFacts('create', create);
describeFacts('params are checked later', later);
