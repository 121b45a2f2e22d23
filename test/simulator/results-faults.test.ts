/** Results that are cut, that stall, or that do not come. */
import { once } from 'node:events';
import { get as httpGet } from 'node:http';
import { constants, gunzipSync } from 'node:zlib';
import type { Fault, Simulator } from '../../src/simulator';
import { readRaw } from './support/raw-http';
import { BATCHES, createBatch, get, HEADERS, numbered, parseLines, withSimulator } from './support/simulation';

const lines = 200;

async function withResults(fault: Fault, use: (simulator: Simulator, id: string, whole: Buffer) => Promise<void>): Promise<void> {
  await withSimulator({ processingMs: 0 }, async (simulator) => {
    const id = await createBatch(simulator.url, numbered(lines));
    const whole = await readRaw(simulator.url, `/${id}/results`);
    expect(whole.ended).toBe('properly');
    simulator.addFault(fault);
    await use(simulator, id, whole.bytes);
  });
}

test.each([0, 1, 1000, 50_000])('cut after %i bytes with the whole length announced', async (afterBytes) => {
  await withResults({ on: 'results', kind: 'cut', afterBytes, contentLength: true }, async ({ url }, id, whole) => {
    const cut = await readRaw(url, `/${id}/results`);
    expect(cut).toMatchObject({ status: 200, ended: 'broken' });
    expect(cut.headers['content-length']).toBe(String(whole.length));
    expect(cut.bytes.equals(whole.subarray(0, afterBytes))).toBe(true);
  });
});

test('cut without a length, in the middle of the encoding', async () => {
  await withResults({ on: 'results', kind: 'cut', afterBytes: 1234 }, async ({ url }, id, whole) => {
    const cut = await readRaw(url, `/${id}/results`);
    expect(cut.ended).toBe('broken');
    expect(cut.headers['content-length']).toBeUndefined();
    expect(cut.bytes.equals(whole.subarray(0, 1234))).toBe(true);
  });
});

test('cut at a line so that it looks complete', async () => {
  await withResults({ on: 'results', kind: 'cut', afterLines: 17, looksComplete: true }, async ({ url }, id, whole) => {
    const cut = await readRaw(url, `/${id}/results`);
    expect(cut.ended).toBe('properly');
    expect(cut.headers['content-length']).toBeUndefined();
    expect(whole.subarray(0, cut.bytes.length).equals(cut.bytes)).toBe(true);
    expect(parseLines(cut.bytes.toString())).toHaveLength(17);
    expect(cut.bytes.at(-1)).toBe(0x0a);
  });
});

test('cut in compressed bytes', async () => {
  await withResults({ on: 'results', kind: 'cut', afterBytes: 900, gzip: true, looksComplete: true }, async ({ url }, id, whole) => {
    const cut = await readRaw(url, `/${id}/results`);
    expect(cut).toMatchObject({ ended: 'properly', headers: { 'content-encoding': 'gzip' } });
    expect(cut.bytes).toHaveLength(900);
    const beginning = gunzipSync(cut.bytes, { finishFlush: constants.Z_SYNC_FLUSH });
    expect(whole.subarray(0, beginning.length).equals(beginning)).toBe(true);
    expect(beginning.length).toBeLessThan(whole.length);
  });
});

test('a cut behind the end changes nothing but the length header', async () => {
  await withResults({ on: 'results', kind: 'cut', afterLines: lines + 5, looksComplete: true }, async ({ url }, id, whole) => {
    const { bytes, ended } = await readRaw(url, `/${id}/results`);
    expect(ended).toBe('properly');
    expect(bytes.equals(whole)).toBe(true);
  });
});

test.each<[string, { afterBytes?: number; afterLines?: number }]>([
  ['bytes', { afterBytes: 4321 }],
  ['lines', { afterLines: 3 }],
  ['nothing', { afterBytes: 0 }],
])('stall after %s: the connection stays open', async (_what, point) => {
  await withResults({ on: 'results', kind: 'stall', ...point }, async (simulator, id, whole) => {
    const call = httpGet(`${simulator.url}${BATCHES}/${id}/results`, { headers: HEADERS });
    const [response] = await once(call, 'response');
    expect(response.headers['content-length']).toBe(String(whole.length));
    const expected = point.afterLines === undefined ? point.afterBytes! : endOfLine(whole, point.afterLines);
    const seen = { bytes: 0, ended: false };
    response.on('data', (chunk: Buffer) => (seen.bytes += chunk.length)).on('end', () => (seen.ended = true)).on('error', () => undefined);
    await simulator.waitFor('fault');
    while (seen.bytes < expected) await once(response, 'data');
    // Another call goes through meanwhile: nothing more has come on this one.
    expect((await get(simulator.url, `/${id}/results`)).status).toBe(200);
    expect([seen.bytes, seen.ended, response.destroyed]).toEqual([expected, false, false]);
    call.destroy();
  });
});

test('a 5xx, a 404, a lost answer and garbage instead of results', async () => {
  await withResults({ on: 'results', kind: 'status', status: 503 }, async (simulator, id, whole) => {
    expect((await get(simulator.url, `/${id}/results`)).status).toBe(503);
    simulator.addFault({ on: 'results', kind: 'not-found' });
    expect((await get(simulator.url, `/${id}/results`)).json.error.type).toBe('not_found_error');
    simulator.addFault({ on: 'results', kind: 'lose-answer' });
    await expect(get(simulator.url, `/${id}/results`)).rejects.toThrow('fetch failed');
    simulator.addFault({ on: 'results', kind: 'garbage' });
    expect((await get(simulator.url, `/${id}/results`)).headers.get('content-type')).toBe('text/html');
    expect((await get(simulator.url, `/${id}/results`)).text).toBe(whole.toString());
  });
});

/** Where so many lines end. */
function endOfLine(bytes: Buffer, count: number): number {
  let end = 0;
  for (let line = 0; line < count; line++) end = bytes.indexOf(0x0a, end) + 1;
  return end;
}
