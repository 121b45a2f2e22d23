/** What stands in results. */
import { describeFacts, ENDED, OPEN, type Fact } from '../support/facts';
import { bodyOf, createBatch, get, HEADERS, numbered, outcomeOf, PARAMS, parseLines, post, request, resultsOf, withSimulator } from '../support/simulation';

const results: Fact[] = [
  ['succeeded: {"type":"succeeded","message"} with a message as the Messages API gives it', {}, async () => {
    const { type, message } = await outcomeOf(PARAMS);
    expect(type).toBe('succeeded');
    expect(message).toMatchObject({ id: expect.stringMatching(/^msg_/), type: 'message', role: 'assistant', model: PARAMS.model, stop_reason: 'end_turn', stop_sequence: null });
    expect(message.content).toEqual([{ type: 'text', text: 'Simulated answer: 17 * 23 = 391', citations: null }]);
  }],
  ['usage has service_tier "batch", input and output tokens, cache reads and writes (5 min, 1 h)', {}, async () => {
    const { usage } = (await outcomeOf(PARAMS)).message;
    expect(usage).toMatchObject({ service_tier: 'batch', cache_creation_input_tokens: 0, cache_read_input_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 } });
    expect(usage.input_tokens).toBeGreaterThan(0);
    expect(usage.output_tokens).toBeGreaterThan(0);
  }],
  ['max_tokens bounds the answer: stop_reason max_tokens', {}, async () => {
    const { message } = await outcomeOf({ ...PARAMS, max_tokens: 3 });
    expect(message.stop_reason).toBe('max_tokens');
    expect(message.usage.output_tokens).toBe(3);
  }],
  ['errored: {"type":"errored","error":{"type":"error","error":{"type","message"},"request_id"}}', { ...ENDED, overloadedShare: 1 }, async ({ url }) => {
    const result = (await resultsOf(url, await createBatch(url))).get('a');
    expect(result).toEqual({ type: 'errored', error: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' }, request_id: expect.stringMatching(/^req_/) } });
  }],
  ['canceled: {"type":"canceled"}', { ...OPEN, cancelingMs: 0 }, async ({ url }) => {
    const id = await createBatch(url);
    await post(url, `/${id}/cancel`);
    expect((await resultsOf(url, id)).get('a')).toEqual({ type: 'canceled' });
  }],
  ['expired: {"type":"expired"}', { ...ENDED, expiredShare: 1 }, async ({ url }) => {
    const id = await createBatch(url);
    expect((await resultsOf(url, id)).get('a')).toEqual({ type: 'expired' });
    expect((await get(url, `/${id}`)).json.request_counts.expired).toBe(1);
  }],
  ['order is arbitrary: never that of the requests, always the same for the same requests', ENDED, async ({ url }) => {
    for (const count of [2, 3, 10, 1000]) {
      const [first, second] = [await createBatch(url, numbered(count)), await createBatch(url, numbered(count))];
      const order = [...(await resultsOf(url, first)).keys()];
      expect(order).toHaveLength(count);
      expect(order).not.toEqual(order.toSorted((a, b) => Number(a.split('-')[1]) - Number(b.split('-')[1])));
      expect([...(await resultsOf(url, second)).keys()]).toEqual(order);
    }
  }],
  ['results of a batch are the same bytes every time', { ...ENDED, expiredShare: 0.3 }, async ({ url }) => {
    const id = await createBatch(url, numbered(50));
    expect((await get(url, `/${id}/results`)).text).toBe((await get(url, `/${id}/results`)).text);
  }],
  ['before the batch has ended: 404 not_found_error "… has no available results."', { ...OPEN, cancelingMs: 1000 }, async ({ url }) => {
    const id = await createBatch(url);
    const open = await get(url, `/${id}/results`);
    await post(url, `/${id}/cancel`);
    for (const { status, json } of [open, await get(url, `/${id}/results`)]) {
      expect([status, json.error.type]).toEqual([404, 'not_found_error']);
      expect(json.error.message).toMatch(/ has no available results\.$/);
    }
  }],
  ['records end at byte 0x0A only: U+2028, U+2029 and U+0085 stand raw inside strings', {}, async () => {
    const content = 'a\u2028b\u2029c\u0085d';
    await withSimulator(ENDED, async ({ url }) => {
      const { text } = await get(url, `/${await createBatch(url, bodyOf(request('a', { ...PARAMS, model: `claude-${content}` })))}/results`);
      expect(text).toContain(content);
      expect(parseLines(text)).toHaveLength(1);
    });
  }],
  ['gzip is negotiated', { ...ENDED, gzipResults: true }, async ({ url }) => {
    const id = await createBatch(url, numbered(100));
    const compressed = await get(url, `/${id}/results`);
    const plain = await get(url, `/${id}/results`, { ...HEADERS, 'accept-encoding': 'identity' });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(compressed.text).toBe(plain.text);
  }],
];

describeFacts('results', results);
