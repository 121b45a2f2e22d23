/** Answers that a client may not expect although nothing is broken: redirects, further headers and fields, changed lines of results. */
import { gunzipSync } from 'node:zlib';
import type { LineChange, Simulator, SimulatorOptions } from '../../src/simulator';
import { readRaw } from './support/raw-http';
import { BATCHES, bodyOf, createBatch, del, get, HEADERS, numbered, parseLines, post, request, resultLines, withSimulator } from './support/simulation';

const ENDED = { processingMs: 0 };

describe('redirect', () => {
  const follow = (url: string, path = ''): Promise<Response> => fetch(url + BATCHES + path, { headers: HEADERS });
  const stay = (url: string, method = 'GET'): Promise<Response> => fetch(url + BATCHES, { method, headers: HEADERS, redirect: 'manual' });

  test('to its own path, with the query, where the fault is gone', async () => {
    await withSimulator({ pathPrefix: '/gateway' }, async (simulator) => {
      await createBatch(simulator.url);
      simulator.addFault({ on: 'list', kind: 'redirect' });
      const answer = await follow(simulator.url, '?limit=7');
      expect([answer.status, answer.redirected, answer.url]).toEqual([200, true, `${simulator.url}${BATCHES}?limit=7`]);
      expect(simulator.stats()).toMatchObject({ calls: { list: 2 }, events: { fault: 1 } });
    });
  });

  test('anywhere, with every status, or without saying where to', async () => {
    await withSimulator({}, async (simulator) => {
      for (const status of [301, 302, 303, 307, 308] as const) {
        simulator.addFault({ on: 'list', kind: 'redirect', status, location: 'https://elsewhere.example/v1' });
        const answer = await stay(simulator.url);
        expect([answer.status, answer.headers.get('location')]).toEqual([status, 'https://elsewhere.example/v1']);
      }
      simulator.addFault({ on: 'list', kind: 'redirect', location: '' });
      const answer = await stay(simulator.url);
      expect([answer.status, answer.headers.get('location')]).toEqual([307, null]);
    });
  });

  test('of a create: nothing is accepted', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'redirect', status: 308 });
      const answer = await fetch(simulator.url + BATCHES, { method: 'POST', headers: HEADERS, body: bodyOf(request('a')), redirect: 'manual' });
      expect(answer.status).toBe(308);
      expect(simulator.stats().accepted).toHaveLength(0);
    });
  });
});

describe('change-answer', () => {
  test('an unknown processing_status for a while, and unknown fields', async () => {
    await withSimulator(ENDED, async (simulator) => {
      const id = await createBatch(simulator.url);
      simulator.addFault({ on: 'retrieve', kind: 'change-answer', times: 2, fields: { processing_status: 'paused', paused_by: { team: 'x' } } });
      const answers = [await get(simulator.url, `/${id}`), await get(simulator.url, `/${id}`), await get(simulator.url, `/${id}`)];
      expect(answers.map(({ json }) => json.processing_status)).toEqual(['paused', 'paused', 'ended']);
      expect(answers.at(0)!.json).toMatchObject({ id, paused_by: { team: 'x' }, request_counts: { succeeded: 1 } });
      expect(answers.at(2)!.json.paused_by).toBeUndefined();
    });
  });

  test('each batch of a list; the page stays', async () => {
    await withSimulator({}, async (simulator) => {
      const ids = [await createBatch(simulator.url), await createBatch(simulator.url)];
      simulator.addFault({ on: 'list', kind: 'change-answer', fields: { results_url: 'https://elsewhere.example/results' } });
      const { json } = await get(simulator.url);
      expect(json).toMatchObject({ has_more: false, first_id: ids[1], last_id: ids[0] });
      expect(json.data.map((batch: { results_url: string }) => batch.results_url)).toEqual(Array(2).fill('https://elsewhere.example/results'));
    });
  });

  test('create, cancel and delete take effect', async () => {
    await withSimulator({ processingMs: Infinity }, async (simulator) => {
      for (const on of ['create', 'cancel', 'delete'] as const) simulator.addFault({ on, kind: 'change-answer', fields: { more: on } });
      const { json: created } = await post(simulator.url, '', bodyOf(request('a')));
      const { json: canceled } = await post(simulator.url, `/${created.id}/cancel`);
      simulator.endBatch(created.id);
      const { json: deleted } = await del(simulator.url, `/${created.id}`);
      expect([created.more, canceled.more, deleted.more]).toEqual(['create', 'cancel', 'delete']);
      expect(simulator.stats().accepted).toMatchObject([{ id: created.id, deletedAt: expect.any(String) }]);
    });
  });

  test.each(['10', '1.5', 'Wed, 21 Oct 2026 07:28:00 GMT', '-1', 'junk'])('retry-after on a 200: %s', async (value) => {
    await withSimulator(ENDED, async (simulator) => {
      const id = await createBatch(simulator.url);
      simulator.addFault({ on: 'retrieve', kind: 'change-answer', headers: { 'retry-after': value, 'retry-after-ms': '12.5' } });
      const answer = await get(simulator.url, `/${id}`);
      expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('retry-after-ms')]).toEqual([200, value, '12.5']);
    });
  });

  test('headers of results; a call that is refused is not changed', async () => {
    await withSimulator(ENDED, async (simulator) => {
      const id = await createBatch(simulator.url);
      simulator.addFault({ on: 'results', kind: 'change-answer', headers: { 'content-type': 'text/plain' }, times: 2 });
      const answer = await get(simulator.url, `/${id}/results`);
      expect([answer.headers.get('content-type'), parseLines(answer.text)]).toEqual(['text/plain', [expect.objectContaining({ custom_id: 'a' })]]);
      expect((await get(simulator.url, '/none/results')).headers.get('content-type')).toBe('application/json');
    });
  });
});

describe('change-lines', () => {
  interface Changed {
    before: { custom_id: string; result: any }[];
    /** The lines as text, without the last line feed. */
    after: string[];
    simulator: Simulator;
    id: string;
  }

  async function withChange(change: LineChange, use: (changed: Changed) => void | Promise<void>, options: Partial<SimulatorOptions> = {}): Promise<void> {
    await withSimulator({ ...ENDED, ...options }, async (simulator) => {
      const id = await createBatch(simulator.url, numbered(10));
      const before = await resultLines(simulator.url, id);
      simulator.addFault({ on: 'results', kind: 'change-lines', change, line: 4, count: 2, times: Infinity });
      const { text } = await get(simulator.url, `/${id}/results`);
      const after = text.split('\n').slice(0, -1);
      const more = after.length - before.length;
      const untouched = [...after.slice(0, 3), ...after.slice(5 + more)].map((line) => JSON.parse(line));
      expect(untouched).toEqual([...before.slice(0, 3), ...before.slice(5)]);
      await use({ before, after: after.slice(3, 5 + more), simulator, id });
    });
  }

  test('unknown-result-type', () =>
    withChange('unknown-result-type', ({ before, after }) => {
      expect(after.map((line) => JSON.parse(line))).toEqual(before.slice(3, 5).map(({ custom_id }) => ({ custom_id, result: { type: 'deferred', deferred_until: expect.any(String) } })));
    }));

  test('unknown-error-type', () =>
    withChange('unknown-error-type', ({ before, after }) => {
      const error = expect.objectContaining({ type: 'error', error: expect.objectContaining({ type: 'weather_error' }), request_id: expect.any(String) });
      expect(after.map((line) => JSON.parse(line))).toEqual(before.slice(3, 5).map(({ custom_id }) => ({ custom_id, result: { type: 'errored', error } })));
    }));

  test('unknown-fields', () =>
    withChange('unknown-fields', ({ before, after }) => {
      const [line, original] = [JSON.parse(after[0]!), before[3]!];
      expect(line).toMatchObject({ ...original, simulated_field: {}, result: { ...original.result, simulated_field: 'more' } });
      expect(line.result.message).toEqual({ ...original.result.message, simulated_field: [1, { two: null }] });
    }));

  test('unknown-custom-id', () =>
    withChange('unknown-custom-id', ({ before, after }) => {
      expect(after.map((line) => JSON.parse(line))).toEqual([4, 5].map((number) => ({ ...before[number - 1], custom_id: `not-in-the-batch-${number}` })));
    }));

  test('repeated', () =>
    withChange('repeated', ({ before, after }) => {
      expect(after.map((line) => JSON.parse(line))).toEqual([before[3], before[3], before[4], before[4]]);
    }));

  test('contradicted', () =>
    withChange('contradicted', ({ before, after }) => {
      const expired = (index: number) => ({ custom_id: before[index]!.custom_id, result: { type: 'expired' } });
      expect(after.map((line) => JSON.parse(line))).toEqual([before[3], expired(3), before[4], expired(4)]);
    }));

  test('missing', () => withChange('missing', ({ after }) => expect(after).toEqual([])));

  test('corrupted', () =>
    withChange('corrupted', ({ before, after }) => {
      for (const [index, line] of after.entries()) {
        const whole = JSON.stringify(before[index + 3]);
        expect(line).toBe(whole.slice(0, whole.length / 2));
      }
    }));

  test('blank-line-before', () =>
    withChange('blank-line-before', ({ before, after }) => {
      expect(after).toEqual(['', JSON.stringify(before[3]), '', JSON.stringify(before[4])]);
    }));

  test('they are the same every time, come without a length, and compressed where that is set', () =>
    withChange(
      'corrupted',
      async ({ simulator: { url }, id }) => {
        const [plain, zipped] = [await readRaw(url, `/${id}/results`), await readRaw(url, `/${id}/results`, { 'accept-encoding': 'gzip' })];
        expect([plain.ended, plain.headers['content-length'], zipped.headers['content-encoding']]).toEqual(['properly', undefined, 'gzip']);
        expect(gunzipSync(zipped.bytes).equals(plain.bytes)).toBe(true);
      },
      { gzipResults: true },
    ));

  test('a part is not given, and nothing says that it could go on from somewhere', () =>
    withChange(
      'missing',
      async ({ simulator, id }) => {
        const { url } = simulator;
        const changed = await readRaw(url, `/${id}/results`, { range: 'bytes=100-200' });
        expect([changed.status, changed.headers.etag, changed.headers['accept-ranges']]).toEqual([200, undefined, undefined]);
        expect(parseLines(changed.bytes.toString())).toHaveLength(8);
        simulator.clearFaults();
        expect((await readRaw(url, `/${id}/results`, { range: 'bytes=100-200' })).status).toBe(206);
      },
      { supportsRange: true },
    ));

  test('without line and count: the first one', async () => {
    await withSimulator(ENDED, async (simulator) => {
      const id = await createBatch(simulator.url, numbered(3));
      const before = await resultLines(simulator.url, id);
      simulator.addFault({ on: 'results', kind: 'change-lines', change: 'missing' });
      expect(await resultLines(simulator.url, id)).toEqual(before.slice(1));
    });
  });
});
