/** The simulator's own endpoints and methods. */
import { createHash } from 'node:crypto';
import { bodyOf, createBatch, get, HEADERS, post, request, send, withSimulator } from './support/simulation';

const admin = (url: string, method: string, path: string, body?: unknown) => send(url, method, `/simulator/${path}`, { body: body === undefined ? undefined : JSON.stringify(body), headers: {} });

test('stats: what was accepted, calls and events', async () => {
  await withSimulator({ processingMs: 0 }, async (simulator) => {
    const { url } = simulator;
    const body = bodyOf(request('a'), request('b'));
    const id = await createBatch(url, body);
    await get(url, `/${id}`);
    await get(url, `/${id}/results`);
    await simulator.waitFor('results-finished');
    const { json } = await admin(url, 'GET', 'stats');
    expect(json.accepted).toEqual([
      { id, requests: 2, sha256: createHash('sha256').update(body).digest('hex'), bytes: body.length, createdAt: expect.any(String), seenBefore: 0, anthropicVersion: '2023-06-01' },
    ]);
    expect(json.calls).toEqual({ create: 1, retrieve: 1, list: 0, cancel: 0, delete: 0, results: 1 });
    expect(json.events).toMatchObject({ 'create-received': 1, 'create-body-read': 1, 'create-accepted': 1, 'create-answered': 1, poll: 1, 'results-started': 1, 'results-finished': 1, fault: 0 });
    expect(JSON.parse(JSON.stringify(simulator.stats()))).toEqual(json);
  });
});

test('calls that were refused or went wrong are counted too', async () => {
  await withSimulator({}, async (simulator) => {
    simulator.addFault({ on: 'list', kind: 'status', status: 500 });
    await get(simulator.url);
    await get(simulator.url, '', {});
    await post(simulator.url, '', 'junk');
    expect(simulator.stats().calls).toMatchObject({ list: 2, create: 1 });
  });
});

test('wait: answers when the event has happened so often, at once if it already has', async () => {
  await withSimulator({}, async (simulator) => {
    const { url } = simulator;
    let reached = false;
    const waiting = admin(url, 'GET', 'wait?event=create-accepted&count=2').then((reply) => {
      reached = true;
      return reply;
    });
    const here = simulator.waitFor('create-accepted', 2);
    await createBatch(url);
    expect(reached).toBe(false);
    await createBatch(url);
    expect((await waiting).json).toEqual({ event: 'create-accepted', count: 2 });
    await here;
    await simulator.waitFor('create-accepted');
    expect((await admin(url, 'GET', 'wait?event=create-accepted')).status).toBe(200);
    expect((await admin(url, 'GET', 'wait?event=nothing')).json.error.message).toContain('It has: create-received, ');
    await expect(simulator.waitFor('nothing' as 'poll')).rejects.toThrow('no event');
  });
});

test('who still waits when the simulator is closed is told so', async () => {
  let here: Promise<void> | undefined;
  let there: Promise<unknown> | undefined;
  await withSimulator({}, async (simulator) => {
    here = simulator.waitFor('poll');
    here.catch(() => undefined);
    there = admin(simulator.url, 'GET', 'wait?event=poll');
    there.catch(() => undefined);
    await admin(simulator.url, 'GET', 'stats');
  });
  await expect(here).rejects.toThrow('closed before the event poll');
  await expect(there).rejects.toThrow('fetch failed');
});

test('faults: add one, add several, look at them, forget them', async () => {
  await withSimulator({}, async ({ url }) => {
    await admin(url, 'POST', 'faults', { on: 'list', kind: 'status', status: 500, times: 'Infinity' });
    const { json } = await admin(url, 'POST', 'faults', [{ on: 'retrieve', kind: 'freeze' }, { on: 'create', kind: 'reset' }]);
    expect(json).toEqual([{ on: 'list', kind: 'status', status: 500, times: 'Infinity' }, { on: 'retrieve', kind: 'freeze' }, { on: 'create', kind: 'reset' }]);
    expect([(await get(url)).status, (await get(url)).status]).toEqual([500, 500]);
    await admin(url, 'DELETE', 'faults');
    expect((await admin(url, 'GET', 'faults')).json).toEqual([]);
    expect((await get(url)).status).toBe(200);
    const refused = await admin(url, 'POST', 'faults', { on: 'list', kind: 'nonsense' });
    expect([refused.status, refused.json.error.message]).toEqual([400, expect.stringContaining('`kind` must be one of')]);
  });
});

test('options: changed one by one, taken away by null, never shown with keys', async () => {
  await withSimulator({ processingMs: 5000 }, async ({ url }) => {
    const { json } = await admin(url, 'POST', 'options', { processingMs: 'Infinity', retryAfterSeconds: 7, keys: ['secret'] });
    expect(json).toMatchObject({ processingMs: 'Infinity', retryAfterSeconds: 7, cancelingMs: 300 });
    expect(JSON.stringify([json, (await admin(url, 'GET', 'options')).json])).not.toContain('secret');
    expect((await admin(url, 'POST', 'options', { retryAfterSeconds: null })).json.retryAfterSeconds).toBeUndefined();
    for (const bad of [{ expiredShare: -1 }, { folder: '/' }, { keys: 'one' }, { supportsRange: 1 }, []]) {
      expect([bad, (await admin(url, 'POST', 'options', bad)).status]).toEqual([bad, 400]);
    }
    expect((await send(url, 'POST', '/simulator/options', { body: '{', headers: {} })).status).toBe(400);
  });
});

test('keys can be refused in the middle and given back', async () => {
  await withSimulator({}, async (simulator) => {
    const status = async (): Promise<number> => (await get(simulator.url)).status;
    expect(await status()).toBe(200);
    simulator.setKeys(['another']);
    expect(await status()).toBe(401);
    simulator.setKeys([HEADERS['x-api-key']]);
    expect(await status()).toBe(200);
    simulator.setKeys([]);
    expect(await status()).toBe(401);
    simulator.setKeys();
    expect(await status()).toBe(200);
  });
});

test('a change of processingMs is for batches that come later', async () => {
  await withSimulator({ processingMs: Infinity }, async (simulator) => {
    const before = await createBatch(simulator.url);
    simulator.setOptions({ processingMs: 0 });
    const after = await createBatch(simulator.url);
    expect((await get(simulator.url, `/${before}`)).json.processing_status).toBe('in_progress');
    expect((await get(simulator.url, `/${after}`)).json.processing_status).toBe('ended');
  });
});

test('a batch can be ended at will, also while it is canceling', async () => {
  await withSimulator({ processingMs: Infinity, cancelingMs: Infinity }, async (simulator) => {
    const { url } = simulator;
    const [one, other, canceled] = [await createBatch(url), await createBatch(url), await createBatch(url)];
    simulator.endBatch(one);
    expect((await get(url, `/${one}`)).json).toMatchObject({ processing_status: 'ended', request_counts: { succeeded: 1 } });
    expect((await admin(url, 'POST', `batches/${other}/end`)).json.processing_status).toBe('ended');
    const endedAt = (await get(url, `/${one}`)).json.ended_at;
    simulator.endBatch(one);
    expect((await get(url, `/${one}`)).json.ended_at).toBe(endedAt);
    await post(url, `/${canceled}/cancel`);
    simulator.endBatch(canceled);
    expect((await get(url, `/${canceled}`)).json).toMatchObject({ processing_status: 'ended', request_counts: { canceled: 1 } });
    expect(() => simulator.endBatch('msgbatch_none')).toThrow('msgbatch_none was not found');
    expect((await admin(url, 'POST', 'batches/msgbatch_none/end')).status).toBe(404);
    expect((await admin(url, 'GET', 'nothing')).json.error.message).toContain('GET stats');
  });
});

test('closing twice is allowed', async () => {
  await withSimulator({}, async (simulator) => {
    await simulator.close();
    await expect(simulator.close()).resolves.toBeUndefined();
  });
});
