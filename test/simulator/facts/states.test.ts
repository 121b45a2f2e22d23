/** The batch and its states. */
import { DAY, describeFacts, ENDED, OPEN, type Fact } from '../support/facts';
import { BATCHES, createBatch, del, get, numbered, post, resultsOf, send } from '../support/simulation';

const batch: Fact[] = [
  ['id is opaque and can be encoded as one path segment', OPEN, async ({ url }) => {
    const id = await createBatch(url);
    expect(id).toMatch(/^msgbatch_\w+$/);
    expect((await get(url, `/${encodeURIComponent(id).replace('_', '%5F')}`)).status).toBe(200);
  }],
  ['a batch has exactly the documented fields', OPEN, async ({ url }) => {
    const { json } = await get(url, `/${await createBatch(url)}`);
    expect(Object.keys(json).sort()).toEqual(['archived_at', 'cancel_initiated_at', 'created_at', 'ended_at', 'expires_at', 'id', 'processing_status', 'request_counts', 'results_url', 'type']);
    expect(Object.keys(json.request_counts).sort()).toEqual(['canceled', 'errored', 'expired', 'processing', 'succeeded']);
    expect(json).toMatchObject({ ended_at: null, cancel_initiated_at: null, archived_at: null, results_url: null });
  }],
  ['processing_status: in_progress, then ended', { processingMs: 1000 }, async ({ url }, clock) => {
    const id = await createBatch(url);
    expect((await get(url, `/${id}`)).json.processing_status).toBe('in_progress');
    clock.advance(999);
    expect((await get(url, `/${id}`)).json.processing_status).toBe('in_progress');
    clock.advance(1);
    expect((await get(url, `/${id}`)).json.processing_status).toBe('ended');
  }],
  ['request_counts: all processing until the whole batch ends, the sum is always the total', { processingMs: 1000, erroredShare: 0.5 }, async ({ url }, clock) => {
    const id = await createBatch(url, numbered(40));
    clock.advance(999);
    expect((await get(url, `/${id}`)).json.request_counts).toEqual({ processing: 40, succeeded: 0, errored: 0, canceled: 0, expired: 0 });
    clock.advance(1);
    const counts = (await get(url, `/${id}`)).json.request_counts;
    expect(counts.processing).toBe(0);
    expect(counts.errored).toBeGreaterThan(0);
    expect(counts.succeeded + counts.errored).toBe(40);
  }],
  ['request_counts seen moving earlier', { processingMs: 1000, countsMoveEarly: true }, async ({ url }, clock) => {
    const id = await createBatch(url, numbered(40));
    clock.advance(250);
    expect((await get(url, `/${id}`)).json.request_counts).toEqual({ processing: 30, succeeded: 10, errored: 0, canceled: 0, expired: 0 });
  }],
  ['created_at is finer than a second; expires_at is 24 h later', OPEN, async ({ url }, clock) => {
    const { json } = await get(url, `/${await createBatch(url)}`);
    expect(Date.parse(json.created_at)).toBe(clock.time);
    expect(clock.time % 1000).not.toBe(0);
    expect(Date.parse(json.expires_at)).toBe(clock.time + DAY);
  }],
  ['ended_at and results_url are set when it has ended', { processingMs: 1000 }, async ({ url }, clock) => {
    const id = await createBatch(url);
    clock.advance(5000);
    const { json } = await get(url, `/${id}`);
    expect(Date.parse(json.ended_at)).toBe(Date.parse(json.created_at) + 1000);
    expect(json.results_url).toBe(`${url}${BATCHES}/${id}/results`);
    expect((await send(json.results_url, 'GET', '')).status).toBe(200);
  }],
];

const retrieveCancelDelete: Fact[] = [
  ['a 200 for a batch in progress can carry retry-after; an ended one has none', { processingMs: 1000, retryAfterSeconds: 10 }, async ({ url }, clock) => {
    const id = await createBatch(url);
    expect((await get(url, `/${id}`)).headers.get('retry-after')).toBe('10');
    clock.advance(1000);
    expect((await get(url, `/${id}`)).headers.get('retry-after')).toBeNull();
  }],
  ['404 can be seen between good polls, and on results just after the end', ENDED, async (simulator) => {
    const id = await createBatch(simulator.url);
    simulator.addFault({ on: 'retrieve', kind: 'not-found', after: 1 });
    simulator.addFault({ on: 'results', kind: 'not-found' });
    const polls = [await get(simulator.url, `/${id}`), await get(simulator.url, `/${id}`), await get(simulator.url, `/${id}`)];
    expect(polls.map(({ status }) => status)).toEqual([200, 404, 200]);
    expect((await get(simulator.url, `/${id}/results`)).status).toBe(404);
    expect((await get(simulator.url, `/${id}/results`)).status).toBe(200);
  }],
  ['a batch that never was: 404 not_found_error, for every call on it', OPEN, async ({ url }) => {
    const replies = [await get(url, '/msgbatch_none'), await post(url, '/msgbatch_none/cancel'), await del(url, '/msgbatch_none'), await get(url, '/msgbatch_none/results')];
    for (const { status, json } of replies) expect([status, json.error.type]).toEqual([404, 'not_found_error']);
  }],
  ['cancel: canceling, then ended, with partial results that are worth having', { processingMs: 1000, cancelingMs: 100 }, async ({ url }, clock) => {
    const id = await createBatch(url, numbered(10));
    clock.advance(400);
    const canceled = (await post(url, `/${id}/cancel`)).json;
    expect(canceled.processing_status).toBe('canceling');
    expect(Date.parse(canceled.cancel_initiated_at)).toBe(clock.time);
    clock.advance(100);
    const ended = (await get(url, `/${id}`)).json;
    expect(ended).toMatchObject({ processing_status: 'ended', request_counts: { processing: 0, succeeded: 4, errored: 0, canceled: 6, expired: 0 } });
    const types = [...(await resultsOf(url, id)).values()].map(({ type }) => type);
    expect(types.filter((type) => type === 'succeeded')).toHaveLength(4);
    expect(types.filter((type) => type === 'canceled')).toHaveLength(6);
  }],
  ['cancel while canceling changes nothing (a choice)', { ...OPEN, cancelingMs: 1000 }, async ({ url }, clock) => {
    const id = await createBatch(url);
    const first = await post(url, `/${id}/cancel`);
    clock.advance(10);
    const second = await post(url, `/${id}/cancel`);
    expect(second.status).toBe(200);
    expect(second.json).toEqual(first.json);
  }],
  ['cancel of an ended batch is 400 (a choice)', ENDED, async ({ url }) => {
    const { status, json } = await post(url, `/${await createBatch(url)}/cancel`);
    expect([status, json.error.type]).toEqual([400, 'invalid_request_error']);
  }],
  ['delete of a batch in progress or canceling: 400, "In progress batches cannot be deleted. Consider canceling the batch instead."', { ...OPEN, cancelingMs: 1000 }, async ({ url }) => {
    const id = await createBatch(url);
    const message = 'In progress batches cannot be deleted. Consider canceling the batch instead.';
    const open = await del(url, `/${id}`);
    await post(url, `/${id}/cancel`);
    const canceling = await del(url, `/${id}`);
    for (const { status, json } of [open, canceling]) expect([status, json.error.type, json.error.message]).toEqual([400, 'invalid_request_error', message]);
  }],
  ['a deleted batch is gone', ENDED, async ({ url }) => {
    const id = await createBatch(url);
    await del(url, `/${id}`);
    expect((await get(url, `/${id}`)).status).toBe(404);
    expect((await get(url, `/${id}/results`)).status).toBe(404);
    expect((await del(url, `/${id}`)).status).toBe(404);
    expect((await get(url)).json.data).toEqual([]);
  }],
  ['results are kept for 29 days from created_at; then archived_at is set and they are gone', ENDED, async ({ url }, clock) => {
    const id = await createBatch(url);
    clock.advance(29 * DAY - 1);
    expect((await get(url, `/${id}/results`)).status).toBe(200);
    expect((await get(url, `/${id}`)).json.archived_at).toBeNull();
    clock.advance(1);
    expect((await get(url, `/${id}/results`)).status).toBe(404);
    const archived = (await get(url, `/${id}`)).json;
    expect(Date.parse(archived.archived_at)).toBe(Date.parse(archived.created_at) + 29 * DAY);
  }],
  ['24 h to expiry: the batch ends, and what was not through is expired', { processingMs: 2 * DAY }, async ({ url }, clock) => {
    const id = await createBatch(url, numbered(10));
    clock.advance(DAY - 1);
    expect((await get(url, `/${id}`)).json.processing_status).toBe('in_progress');
    clock.advance(1);
    const ended = (await get(url, `/${id}`)).json;
    expect(ended).toMatchObject({ processing_status: 'ended', request_counts: { succeeded: 5, expired: 5 } });
    expect(ended.ended_at).toBe(ended.expires_at);
    expect([...(await resultsOf(url, id)).values()].filter(({ type }) => type === 'expired')).toHaveLength(5);
  }],
];

describeFacts('the batch', batch);
describeFacts('retrieve, cancel, delete', retrieveCancelDelete);
