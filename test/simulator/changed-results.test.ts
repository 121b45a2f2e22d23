/** Results that say something else at the next download, and the count of what was sent. */
import { once } from 'node:events';
import { get as httpGet } from 'node:http';
import type { Simulator, SimulatorOptions } from '../../src/simulator';
import { readRaw } from './support/raw-http';
import { BATCHES, createBatch, get, HEADERS, numbered, withSimulator } from './support/simulation';

const LINES = 200;

async function withResults(options: Partial<SimulatorOptions>, use: (simulator: Simulator, id: string, whole: Buffer) => Promise<void>): Promise<void> {
  await withSimulator({ processingMs: 0, ...options }, async (simulator) => {
    const id = await createBatch(simulator.url, numbered(LINES));
    await use(simulator, id, (await readRaw(simulator.url, `/${id}/results`)).bytes);
  });
}

test('the texts of chosen lines differ, in as many bytes, once', async () => {
  await withResults({}, async (simulator, id, whole) => {
    simulator.addFault({ on: 'results', kind: 'changed-results', line: 3, count: 2 });
    const changed = await readRaw(simulator.url, `/${id}/results`);
    expect(changed.headers['content-length']).toBe(String(whole.length));
    const [before, after] = [whole.toString().split('\n'), changed.bytes.toString().split('\n')];
    expect(after.flatMap((line, index) => (line === before[index] ? [] : [index + 1]))).toEqual([3, 4]);
    expect(after.map((line) => JSON.parse(line || '{}') as { custom_id?: string }).map(({ custom_id }) => custom_id)).toEqual(before.map((line) => (JSON.parse(line || '{}') as { custom_id?: string }).custom_id));
    expect((await readRaw(simulator.url, `/${id}/results`)).bytes.equals(whole)).toBe(true);
  });
});

test('with Range: an entity tag of their own, and parts of the changed results', async () => {
  await withResults({ supportsRange: true }, async (simulator, id) => {
    simulator.addFault({ on: 'results', kind: 'changed-results', times: 3 });
    const changed = await get(simulator.url, `/${id}/results`);
    const tag = changed.headers.get('etag')!;
    const path = `${simulator.url}${BATCHES}/${id}/results`;
    const part = await fetch(path, { headers: { ...HEADERS, range: 'bytes=1000-', 'if-range': tag } });
    expect([part.status, await part.text()]).toEqual([206, changed.text.slice(1000)]);
    const original = (await fetch(path, { headers: { ...HEADERS, range: 'bytes=1000-', 'if-range': tag.replace('-changed', '') } })).status;
    expect(original).toBe(200);
    // The fault is over: now the tag of the changed results is the stale one.
    const over = await fetch(path, { headers: { ...HEADERS, range: 'bytes=1000-', 'if-range': tag } });
    expect([over.status, over.headers.get('etag')]).toEqual([200, tag.replace('-changed', '')]);
    await over.text();
  });
});

test('counts what was sent of results, call by call', async () => {
  await withResults({ supportsRange: true }, async (simulator, id, whole) => {
    const answer = await fetch(`${simulator.url}${BATCHES}/${id}/results`, { headers: { ...HEADERS, range: 'bytes=1000-' } });
    await answer.text();
    await simulator.waitFor('results-closed', 2);
    expect(simulator.stats().results).toEqual([
      { batchId: id, offset: 0, bytes: whole.length, open: false },
      { batchId: id, offset: 1000, bytes: whole.length - 1000, open: false },
    ]);
  });
});

test('tells when a client has left a body that stalls', async () => {
  await withResults({}, async (simulator, id) => {
    simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 500 });
    const call = httpGet(`${simulator.url}${BATCHES}/${id}/results`, { headers: HEADERS });
    const [answer] = (await once(call, 'response')) as [NodeJS.ReadableStream & { destroy(): void }];
    await once(answer, 'data');
    expect(simulator.stats().results.at(-1)).toMatchObject({ bytes: 500, open: true });
    answer.destroy();
    await simulator.waitFor('results-closed', 2);
    expect(simulator.stats().results.at(-1)).toMatchObject({ bytes: 500, open: false });
  });
});
