/** Each kind of fault, as a client sees it, and what it leaves behind. Those of results stand in results-faults.test.ts. */
import { startSimulator, type Fault, type Simulator } from '../../src/simulator';
import { openCreate, write } from './support/raw-http';
import { BATCHES, bodyOf, createBatch, del, get, HEADERS, post, request, withFolder, withSimulator, type Reply } from './support/simulation';

const BODY = bodyOf(request('a'));
const accepted = (simulator: Simulator): number => simulator.stats().accepted.length;

describe('create', () => {
  test.each([500, 503, 529, 504])('%i before and after accepting', async (status) => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'status', status });
      expect((await post(simulator.url, '', BODY)).status).toBe(status);
      expect(accepted(simulator)).toBe(0);
      simulator.addFault({ on: 'create', kind: 'status', status, when: 'afterAccept' });
      expect((await post(simulator.url, '', BODY)).status).toBe(status);
      expect(accepted(simulator)).toBe(1);
      expect((await get(simulator.url)).json.data).toHaveLength(1);
    });
  });

  test('429 with retry-after accepts nothing', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'status', status: 429, retryAfterSeconds: 2, times: 2 });
      for (let i = 0; i < 2; i++) {
        const reply = await post(simulator.url, '', BODY);
        expect([reply.status, reply.headers.get('retry-after')]).toEqual([429, '2']);
      }
      expect(accepted(simulator)).toBe(0);
      await createBatch(simulator.url);
    });
  });

  test('lose-answer: accepted, then the connection is reset', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'lose-answer' });
      await expect(post(simulator.url, '', BODY)).rejects.toThrow('fetch failed');
      expect(accepted(simulator)).toBe(1);
      expect(simulator.stats().events['create-answered']).toBe(0);
    });
  });

  test('a create that is refused meets no fault that waits for its acceptance', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'lose-answer' });
      expect((await post(simulator.url, '', '{}')).status).toBe(400);
    });
  });

  test('hold-answer: accepted, answered late', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'hold-answer', ms: 200 });
      const started = performance.now();
      const answer = post(simulator.url, '', BODY);
      await simulator.waitFor('create-accepted');
      expect(simulator.stats().events['create-answered']).toBe(0);
      expect((await answer).status).toBe(200);
      expect(performance.now() - started).toBeGreaterThan(190);
    });
  });

  test('hold-answer without a time: accepted, never answered, and closing does not wait for it', async () => {
    let answer: Promise<Reply> | undefined;
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'hold-answer' });
      answer = post(simulator.url, '', BODY);
      answer.catch(() => undefined);
      await simulator.waitFor('fault');
      expect(accepted(simulator)).toBe(1);
    });
    await expect(answer).rejects.toThrow('fetch failed');
  });

  test('freeze: the body is not read', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'freeze' });
      const large = Buffer.alloc(32 * 1024 * 1024, ' ');
      const frozen = openCreate(simulator.url, large.length);
      await simulator.waitFor('fault');
      let written = false;
      frozen.write(large, () => (written = true));
      // As much again on another connection, which is read: by then this one would have been, too.
      expect((await post(simulator.url, '', large)).status).toBe(400);
      expect(written).toBe(false);
      frozen.destroy();
      expect(accepted(simulator)).toBe(0);
    });
  });

  test('freeze-body: so many bytes are read, the rest is not, nothing is accepted', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'freeze-body', afterBytes: 10 });
      const create = openCreate(simulator.url, BODY.length);
      await write(create, BODY.slice(0, 9));
      expect(simulator.stats().events.fault).toBe(0);
      await write(create, BODY.slice(9));
      await simulator.waitFor('fault');
      create.destroy();
      expect(accepted(simulator)).toBe(0);
      expect(simulator.stats().events['create-body-read']).toBe(0);
      // The simulator is as good as before.
      await createBatch(simulator.url);
    });
  });

  test.each([undefined, 5])('reset after %p bytes: nothing is accepted', async (afterBytes) => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'create', kind: 'reset', afterBytes });
      await expect(post(simulator.url, '', BODY)).rejects.toThrow('fetch failed');
      expect(accepted(simulator)).toBe(0);
    });
  });

  test.each([
    ['html', 'text/html', /<html>/],
    ['cut-json', 'application/json', /^\{"id":"msgbatch_[^}]*$/],
    ['empty', 'application/json', /^$/],
  ] as const)('garbage: 200 with %s, accepted or not', async (form, contentType, text) => {
    await withSimulator({}, async (simulator) => {
      for (const when of ['beforeAccept', 'afterAccept'] as const) {
        simulator.addFault({ on: 'create', kind: 'garbage', form, when });
        const reply = await post(simulator.url, '', BODY);
        expect([reply.status, reply.headers.get('content-type')]).toEqual([200, contentType]);
        expect(reply.text).toMatch(text);
      }
      expect(accepted(simulator)).toBe(1);
    });
  });
});

describe('the other calls', () => {
  test('a cancel whose answer is lost was made', async () => {
    await withSimulator({ processingMs: Infinity, cancelingMs: 60_000 }, async (simulator) => {
      const id = await createBatch(simulator.url);
      simulator.addFault({ on: 'cancel', kind: 'lose-answer' });
      await expect(post(simulator.url, `/${id}/cancel`)).rejects.toThrow('fetch failed');
      expect((await get(simulator.url, `/${id}`)).json.processing_status).toBe('canceling');
    });
  });

  test('a delete that fails with 500 before it took effect deletes nothing', async () => {
    await withSimulator({ processingMs: 0 }, async (simulator) => {
      const id = await createBatch(simulator.url);
      simulator.addFault({ on: 'delete', kind: 'status', status: 500 });
      expect((await del(simulator.url, `/${id}`)).status).toBe(500);
      expect((await get(simulator.url, `/${id}`)).status).toBe(200);
    });
  });

  test('a list that freezes', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'list', kind: 'freeze' });
      const abort = new AbortController();
      const aborted = fetch(simulator.url + BATCHES, { headers: HEADERS, signal: abort.signal });
      await simulator.waitFor('fault');
      abort.abort(new Error('enough'));
      await expect(aborted).rejects.toThrow('enough');
    });
  });
});

describe('whose turn it is', () => {
  const statuses = async (simulator: Simulator, calls: number, path = ''): Promise<number[]> => {
    const found: number[] = [];
    for (let i = 0; i < calls; i++) found.push((await get(simulator.url, path)).status);
    return found;
  };

  test('times and after', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'list', kind: 'status', status: 500, after: 2, times: 2 });
      expect(await statuses(simulator, 6)).toEqual([200, 200, 500, 500, 200, 200]);
    });
  });

  test('faults follow each other in the order in which they were added', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'list', kind: 'status', status: 500 });
      simulator.addFault({ on: 'list', kind: 'status', status: 503 });
      simulator.addFault({ on: 'retrieve', kind: 'status', status: 529 });
      expect(await statuses(simulator, 3)).toEqual([500, 503, 200]);
    });
  });

  test('Infinity lasts until clearFaults', async () => {
    await withSimulator({}, async (simulator) => {
      simulator.addFault({ on: 'list', kind: 'status', status: 500, times: Infinity });
      expect(await statuses(simulator, 5)).toEqual([500, 500, 500, 500, 500]);
      simulator.clearFaults();
      expect(await statuses(simulator, 1)).toEqual([200]);
    });
  });

  test('batchId: only calls on that batch', async () => {
    await withSimulator({}, async (simulator) => {
      const [one, other] = [await createBatch(simulator.url), await createBatch(simulator.url)];
      simulator.addFault({ on: 'retrieve', kind: 'not-found', batchId: other, times: Infinity });
      expect(await statuses(simulator, 2, `/${one}`)).toEqual([200, 200]);
      expect(await statuses(simulator, 2, `/${other}`)).toEqual([404, 404]);
    });
  });

  test('faults that are still to come outlive a restart', async () => {
    await withFolder(async (folder) => {
      const first = await startSimulator({ folder });
      first.addFault({ on: 'list', kind: 'status', status: 500, times: 2 });
      first.addFault({ on: 'list', kind: 'status', status: 503, times: Infinity });
      expect(await statuses(first, 1)).toEqual([500]);
      await first.close();
      const second = await startSimulator({ folder });
      expect(await statuses(second, 3)).toEqual([500, 503, 503]);
      await second.close();
    });
  });

  test.each<[unknown, string]>([
    [{ on: 'nothing', kind: 'freeze' }, '`on` must be one of'],
    [{ on: 'create', kind: 'nothing' }, '`kind` must be one of'],
    [{ on: 'create', kind: 'freeze', times: 0 }, '`times` must be at least 1'],
    [{ on: 'create', kind: 'freeze', after: -1 }, '`after` must be a number from 0'],
    [{ on: 'create', kind: 'status', status: 200 }, '`status` must be from 400 to 599'],
    [{ on: 'create', kind: 'freeze-body' }, '`afterBytes` is missing'],
    [{ on: 'create', kind: 'cut', afterBytes: 1 }, 'for results only'],
    [{ on: 'results', kind: 'cut' }, 'give `afterBytes` or `afterLines`'],
    [{ on: 'results', kind: 'cut', afterBytes: 1, afterLines: 1 }, 'give `afterBytes` or `afterLines`'],
    [{ on: 'results', kind: 'cut', afterLines: 1, gzip: true }, 'with `gzip`, give `afterBytes`'],
    [{ on: 'results', kind: 'cut', afterBytes: 1, contentLength: true, looksComplete: true }, '`contentLength` goes with neither'],
    [{ on: 'list', kind: 'redirect', status: 304 }, '`status` must be one of 301'],
    [{ on: 'list', kind: 'change-answer' }, 'give `headers` or `fields`'],
    [{ on: 'list', kind: 'change-answer', fields: 'paused' }, 'give `headers` or `fields`'],
    [{ on: 'results', kind: 'change-answer', fields: {} }, 'use `change-lines`'],
    [{ on: 'list', kind: 'change-lines', change: 'missing' }, 'for results only'],
    [{ on: 'results', kind: 'change-lines', change: 'nothing' }, '`change` must be one of unknown-result-type'],
    [{ on: 'results', kind: 'change-lines', change: 'missing', line: 0 }, '`line` must be a number from 1'],
  ])('%j makes no sense', async (fault, message) => {
    await withSimulator({}, async (simulator) => {
      expect(() => simulator.addFault(fault as Fault)).toThrow(message);
    });
  });
});
