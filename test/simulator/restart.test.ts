/** What a simulator still knows when it was killed and started again, and what it takes for accepted. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { startSimulator, type SimulatorOptions } from '../../src/simulator';
import { openCreate, write } from './support/raw-http';
import { SimulatorProcess } from './support/simulator-process';
import { BATCHES, bodyOf, createBatch, get, HEADERS, numbered, PARAMS, post, request, resultsOf, withFolder, withSimulator } from './support/simulation';

const running: SimulatorProcess[] = [];

async function start(options: SimulatorOptions): Promise<SimulatorProcess> {
  const simulator = await SimulatorProcess.start(options);
  running.push(simulator);
  return simulator;
}

afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.kill();
});

const ids = async (url: string): Promise<string[]> => (await get(url, '?limit=1000')).json.data.map(({ id }: { id: string }) => id);

describe('a killed simulator', () => {
  test('during the body: nothing was accepted, nothing is left behind', async () => {
    await withFolder(async (folder) => {
      const killed = await start({ folder });
      const body = numbered(1000);
      const create = openCreate(killed.url, body.length);
      await write(create, body.slice(0, -1));
      await killed.waitFor('create-received');
      await killed.kill();
      const again = await start({ folder });
      expect((await again.stats()).accepted).toEqual([]);
      expect(await ids(again.url)).toEqual([]);
      expect(await readdir(join(folder, 'incoming'))).toEqual([]);
    });
  });

  test('between accepting and answering: the batch is known', async () => {
    await withFolder(async (folder) => {
      const killed = await start({ folder });
      await killed.addFault({ on: 'create', kind: 'hold-answer' });
      const body = numbered(1000);
      const lost = post(killed.url, '', body).catch(() => 'lost');
      await killed.waitFor('create-accepted');
      await killed.kill();
      expect(await lost).toBe('lost');
      const again = await start({ folder });
      const { accepted } = await again.stats();
      expect(accepted).toHaveLength(1);
      expect(accepted.at(0)).toMatchObject({ requests: 1000, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex'), seenBefore: 0 });
      expect(await ids(again.url)).toEqual(accepted.map(({ id }) => id));
    });
  });

  test('in the middle of many creates: every batch that was answered is known', async () => {
    await withFolder(async (folder) => {
      const killed = await start({ folder });
      const creates = Array.from({ length: 40 }, (_, i) => post(killed.url, '', numbered(300, `create-${i}-`)).then(({ json }) => json.id as string, () => undefined));
      await killed.waitFor('create-answered', 10);
      await killed.kill();
      const answered = (await Promise.all(creates)).filter((id) => id !== undefined);
      expect(answered.length).toBeGreaterThan(0);
      const again = await start({ folder });
      const known = await ids(again.url);
      expect(known).toEqual(expect.arrayContaining(answered));
      expect((await again.stats()).accepted).toHaveLength(known.length);
    });
  });

  test('time went on, by the clock, from created_at; results are the same bytes', async () => {
    await withFolder(async (folder) => {
      const killed = await start({ folder, processingMs: 1500, expiredShare: 0.3 });
      const quick = await createBatch(killed.url, numbered(50));
      while ((await get(killed.url, `/${quick}`)).json.processing_status !== 'ended') await get(killed.url);
      const results = (await get(killed.url, `/${quick}/results`)).text;
      const slow = (await post(killed.url, '', numbered(50))).json;
      await killed.kill();
      // Its own options do not matter for batches that were accepted before.
      const again = await start({ folder, processingMs: 60_000 });
      expect((await get(again.url, `/${quick}/results`)).text).toBe(results);
      let after = (await get(again.url, `/${slow.id}`)).json;
      expect(after.created_at).toBe(slow.created_at);
      while (after.processing_status !== 'ended') after = (await get(again.url, `/${slow.id}`)).json;
      expect(Date.parse(after.ended_at)).toBe(Date.parse(slow.created_at) + 1500);
      expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(after.ended_at));
    });
  });

  test('canceled, ended and deleted batches stay so', async () => {
    await withFolder(async (folder) => {
      const killed = await start({ folder, processingMs: 600_000, cancelingMs: 0 });
      const [canceled, ended, gone] = [await createBatch(killed.url), await createBatch(killed.url), await createBatch(killed.url)];
      await post(killed.url, `/${canceled}/cancel`);
      for (const id of [ended, gone]) await fetch(`${killed.url}/simulator/batches/${id}/end`, { method: 'POST' });
      await fetch(`${killed.url}${BATCHES}/${gone}`, { method: 'DELETE', headers: HEADERS });
      const before = [(await get(killed.url, `/${canceled}`)).json, (await get(killed.url, `/${ended}`)).json];
      await killed.kill();
      const again = await start({ folder });
      const after = [(await get(again.url, `/${canceled}`)).json, (await get(again.url, `/${ended}`)).json];
      for (const batch of [...before, ...after]) if (batch.results_url) batch.results_url = new URL(batch.results_url).pathname;
      expect(after).toEqual(before);
      expect((await resultsOf(again.url, canceled)).get('a')).toEqual({ type: 'canceled' });
      expect((await get(again.url, `/${gone}`)).status).toBe(404);
      expect((await again.stats()).accepted.map(({ id }) => id)).toEqual([canceled, ended, gone]);
    });
  });

  test('what never ends by itself does not end by a restart', async () => {
    await withFolder(async (folder) => {
      const first = await startSimulator({ folder, processingMs: Infinity, cancelingMs: Infinity });
      const [open, canceling] = [await createBatch(first.url), await createBatch(first.url)];
      await post(first.url, `/${canceling}/cancel`);
      await first.close();
      const again = await startSimulator({ folder });
      const statuses = [(await get(again.url, `/${open}`)).json.processing_status, (await get(again.url, `/${canceling}`)).json.processing_status];
      expect(statuses).toEqual(['in_progress', 'canceling']);
      await again.close();
    });
  });

  test('custom_ids that were seen before are still known', async () => {
    await withFolder(async (folder) => {
      const killed = await start({ folder, processingMs: 0, expiredShare: 1 });
      const first = await createBatch(killed.url);
      expect((await resultsOf(killed.url, first)).get('a').type).toBe('expired');
      await killed.kill();
      const again = await start({ folder, processingMs: 0, expiredShare: 1 });
      const second = await createBatch(again.url, bodyOf(request('a'), request('b')));
      const results = await resultsOf(again.url, second);
      expect([results.get('a').type, results.get('b').type]).toEqual(['succeeded', 'expired']);
      expect((await again.stats()).accepted.map(({ seenBefore }) => seenBefore)).toEqual([0, 1]);
    });
  });
});

describe('the folder', () => {
  test('belongs to one simulator at a time, also while it is stopped; a killed one gives it back', async () => {
    await withFolder(async (folder) => {
      const first = await start({ folder });
      await expect(startSimulator({ folder })).rejects.toThrow(`The simulator at ${first.url} (process ${first.pid}) works with ${folder} already.`);
      first.stop();
      await expect(startSimulator({ folder })).rejects.toThrow('works with');
      await first.kill();
      const second = await startSimulator({ folder });
      await second.close();
      await (await startSimulator({ folder })).close();
    });
  });

  test('of a killed one is free, though whoever has its port now does not answer', async () => {
    await withFolder(async (folder) => {
      const killed = await start({ folder });
      await killed.kill();
      const held: Socket[] = [];
      const deaf = createServer((socket) => void held.push(socket)).listen(Number(new URL(killed.url).port), '127.0.0.1');
      await once(deaf, 'listening');
      try {
        const next = await startSimulator({ folder });
        expect(next.url).not.toBe(killed.url);
        await next.close();
      } finally {
        for (const socket of held) socket.destroy();
        deaf.close();
      }
    });
  });

  test('a port that is taken is an error that says so', async () => {
    await withSimulator({}, async ({ port }) => {
      await withFolder((folder) => expect(startSimulator({ folder, port })).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken.`));
    });
  });

  test('options out of range are errors that name them', async () => {
    await withFolder(async (folder) => {
      await expect(startSimulator({ folder, erroredShare: 2 })).rejects.toThrow("The simulator's option erroredShare must be a number from 0 to 1, not 2.");
      await expect(startSimulator({ folder, erroredShare: 0.6, expiredShare: 0.6 })).rejects.toThrow('must not be more than 1 together');
      await expect(startSimulator({ folder, processing: 1 } as SimulatorOptions)).rejects.toThrow('The simulator has no option processing.');
    });
  });
});

describe('a client that goes away', () => {
  /** From some bytes to 3 MB: the larger ones are not read as fast as they arrive. */
  const bodies = Array.from({ length: 20 }, (_, i) => {
    const params = { ...PARAMS, messages: [{ role: 'user', content: 'A long prompt. '.repeat(200) }] };
    return bodyOf(...Array.from({ length: 1 + 50 * i }, (_, index) => request(`${i}-${index}`, params)));
  });

  /** A create over a bare connection, which is closed as soon as the bytes were handed to the operating system. */
  async function sendAndLeave(port: number, contentLength: number, body: string): Promise<void> {
    const head = Object.entries({ ...HEADERS, host: 'simulator', 'content-length': contentLength }).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(`POST ${BATCHES} HTTP/1.1\r\n${head}\r\n${body}`, () => socket.destroy()));
      socket.on('close', () => resolve()).on('error', reject);
    });
  }

  test('behind its body: the batch is accepted', async () => {
    await withSimulator({}, async (simulator) => {
      for (const [index, body] of bodies.entries()) {
        await sendAndLeave(simulator.port, body.length, body);
        await simulator.waitFor('create-accepted', index + 1);
      }
      expect(simulator.stats().accepted.map(({ bytes }) => bytes)).toEqual(bodies.map(({ length }) => length));
    });
  });

  test('one byte before its end: it is not, and nothing is left of it', async () => {
    await withSimulator({}, async (simulator, folder) => {
      for (const body of bodies) await sendAndLeave(simulator.port, body.length, body.slice(0, -1));
      await simulator.waitFor('create-received', bodies.length);
      await createBatch(simulator.url);
      while ((await readdir(join(folder, 'incoming'))).length > 0) await get(simulator.url);
      expect(simulator.stats().accepted).toHaveLength(1);
      expect(simulator.stats().events['create-body-read']).toBe(1);
    });
  });
});
