/** How results are sent: parts, compression, speed, and what a batch's end leaves in them. */
import { gunzipSync } from 'node:zlib';
import { readRaw } from './support/raw-http';
import { Clock, createBatch, get, numbered, parseLines, post, withSimulator } from './support/simulation';

const ENDED = { processingMs: 0 };

describe('Range', () => {
  const RANGED = { ...ENDED, supportsRange: true };

  test('without supportsRange it is ignored, and nothing promises it', async () => {
    await withSimulator(ENDED, async ({ url }) => {
      const id = await createBatch(url, numbered(20));
      const { status, headers, bytes } = await readRaw(url, `/${id}/results`, { range: 'bytes=10-' });
      expect(status).toBe(200);
      expect([headers.etag, headers['accept-ranges'], headers['content-range']]).toEqual([undefined, undefined, undefined]);
      expect(parseLines(bytes.toString())).toHaveLength(20);
    });
  });

  test('an open and a closed range, with and without If-Range', async () => {
    await withSimulator(RANGED, async ({ url }) => {
      const id = await createBatch(url, numbered(20));
      const whole = await readRaw(url, `/${id}/results`);
      const size = whole.bytes.length;
      const etag = whole.headers.etag!;
      expect(whole.headers['accept-ranges']).toBe('bytes');
      for (const [range, from, to] of [['bytes=0-', 0, size], ['bytes=1000-', 1000, size], ['bytes=1000-1099', 1000, 1100], [`bytes=5-${size + 99}`, 5, size]] as const) {
        for (const headers of [{ range }, { range, 'if-range': etag }] as Record<string, string>[]) {
          const part = await readRaw(url, `/${id}/results`, headers);
          expect([part.status, part.headers['content-range'], part.headers.etag]).toEqual([206, `bytes ${from}-${to - 1}/${size}`, etag]);
          expect(part.bytes.equals(whole.bytes.subarray(from, to))).toBe(true);
        }
      }
    });
  });

  test('If-Range of something else gives the whole; a range behind the end is 416', async () => {
    await withSimulator(RANGED, async ({ url }) => {
      const id = await createBatch(url, numbered(20));
      const whole = await readRaw(url, `/${id}/results`);
      const other = await readRaw(url, `/${id}/results`, { range: 'bytes=1000-', 'if-range': '"other"' });
      expect(other.status).toBe(200);
      expect(other.bytes.equals(whole.bytes)).toBe(true);
      const behind = await readRaw(url, `/${id}/results`, { range: `bytes=${whole.bytes.length}-` });
      expect([behind.status, behind.headers['content-range']]).toEqual([416, `bytes */${whole.bytes.length}`]);
    });
  });

  test('two batches have two entity tags', async () => {
    await withSimulator(RANGED, async ({ url }) => {
      const tags = [await createBatch(url), await createBatch(url)].map(async (id) => (await readRaw(url, `/${id}/results`)).headers.etag);
      const [one, other] = await Promise.all(tags);
      expect(one).not.toBe(other);
    });
  });

  test('a part is sent uncompressed', async () => {
    await withSimulator({ ...RANGED, gzipResults: true }, async ({ url }) => {
      const id = await createBatch(url, numbered(20));
      const gzip = { 'accept-encoding': 'gzip' };
      const whole = await readRaw(url, `/${id}/results`, gzip);
      const part = await readRaw(url, `/${id}/results`, { ...gzip, range: 'bytes=100-' });
      expect([whole.headers['content-encoding'], part.headers['content-encoding']]).toEqual(['gzip', undefined]);
      expect(part.bytes.equals(gunzipSync(whole.bytes).subarray(100))).toBe(true);
    });
  });
});

test('resultsBytesPerSecond slows results down', async () => {
  await withSimulator({ ...ENDED, resultsBytesPerSecond: 100_000 }, async ({ url }) => {
    const id = await createBatch(url, numbered(60));
    const started = performance.now();
    const { bytes } = await readRaw(url, `/${id}/results`);
    const seconds = (performance.now() - started) / 1000;
    expect(bytes.length).toBeGreaterThan(30_000);
    expect(bytes.length / seconds).toBeLessThan(110_000);
  });
});

test('a client that leaves in the middle does no harm', async () => {
  await withSimulator({ ...ENDED, answerBytes: 100_000 }, async (simulator) => {
    const id = await createBatch(simulator.url, numbered(200));
    for (let i = 0; i < 3; i++) {
      const answer = await fetch(`${simulator.url}/v1/messages/batches/${id}/results`, { headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' } });
      await answer.body!.getReader().read();
      await answer.body!.cancel().catch(() => undefined);
    }
    const { text } = await get(simulator.url, `/${id}/results`);
    expect(parseLines(text)).toHaveLength(200);
  });
});

test('answerBytes: lines of several MB', async () => {
  await withSimulator({ ...ENDED, answerBytes: 6_000_000 }, async ({ url }) => {
    const lines = parseLines((await get(url, `/${await createBatch(url, numbered(3))}/results`)).text);
    expect(lines.map(({ result }) => result.message.content[0].text.length)).toEqual([6_000_000, 6_000_000, 6_000_000]);
    expect(new Set(lines.map(({ custom_id }) => custom_id)).size).toBe(3);
  });
});

test('a batch that ends before its time: counts and results agree at every moment, and all requests are there once', async () => {
  const clock = new Clock();
  await withSimulator({ now: clock.now, processingMs: 1000, cancelingMs: 0, erroredShare: 0.2, expiredShare: 0.2, faultyAttempts: Infinity }, async ({ url }) => {
    for (const moment of [0, 1, 10, 333, 500, 998, 999]) {
      const id = await createBatch(url, numbered(97));
      clock.advance(moment);
      await post(url, `/${id}/cancel`);
      const { request_counts: counts } = (await get(url, `/${id}`)).json;
      const lines = parseLines((await get(url, `/${id}/results`)).text);
      const tally: Record<string, number> = { processing: 0, succeeded: 0, errored: 0, canceled: 0, expired: 0 };
      for (const { result } of lines) tally[result.type] = (tally[result.type] ?? 0) + 1;
      expect(tally).toEqual(counts);
      expect(counts.canceled).toBe(97 - Math.floor((97 * moment) / 1000));
      expect(new Set(lines.map(({ custom_id }) => custom_id)).size).toBe(97);
    }
  });
});

test('results of a canceled batch that are fetched several times at once are whole each time', async () => {
  await withSimulator({ processingMs: Infinity, cancelingMs: 0 }, async ({ url }) => {
    const id = await createBatch(url, numbered(20_000));
    await post(url, `/${id}/cancel`);
    const texts = await Promise.all(Array.from({ length: 4 }, async () => (await get(url, `/${id}/results`)).text));
    expect(parseLines(texts.at(0)!)).toHaveLength(20_000);
    for (const text of texts) expect(text).toBe(texts.at(0));
  });
});
