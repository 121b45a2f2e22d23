/** The official SDK as a real client of the simulator: whatever it relies on, the simulator has. */
import Anthropic, {
  APIConnectionError, AuthenticationError, BadRequestError, ConflictError, InternalServerError, NotFoundError, PermissionDeniedError, RateLimitError,
} from '@anthropic-ai/sdk';
import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator';

const KEY = 'conformance-key';

interface World {
  simulator: Simulator;
  client: Anthropic;
}

async function withSdk(options: Partial<SimulatorOptions>, use: (world: World) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  const simulator = await startSimulator({ folder, keys: [KEY], ...options });
  try {
    await use({ simulator, client: new Anthropic({ apiKey: KEY, baseURL: simulator.url, maxRetries: 0 }) });
  } finally {
    await simulator.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const requests = (count: number): Anthropic.Messages.BatchCreateParams.Request[] =>
  Array.from({ length: count }, (_, i) => ({
    custom_id: `question-${i}`,
    params: { model: 'claude-haiku-5-5', max_tokens: 1024, messages: [{ role: 'user', content: `What is ${i} * 23?` }] },
  }));

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe.each([
  ['messages.batches', ({ client }: World) => client.messages.batches],
  // The old beta form: ?beta=true on every path and the header of the beta.
  ['beta.messages.batches', ({ client }: World) => client.beta.messages.batches as unknown as Anthropic.Messages.Batches],
])('%s', (_name, batchesOf) => {
  test('all six calls, from create to delete', async () => {
    await withSdk({ processingMs: Infinity }, async (world) => {
      const batches = batchesOf(world);
      const created = await batches.create({ requests: requests(30) });
      expect(created).toMatchObject({ type: 'message_batch', processing_status: 'in_progress', request_counts: { processing: 30 } });
      await expect(batches.results(created.id)).rejects.toThrow('No batch `results_url`');
      world.simulator.endBatch(created.id);
      const ended = await batches.retrieve(created.id);
      expect(ended).toMatchObject({ id: created.id, processing_status: 'ended', request_counts: { processing: 0, succeeded: 30 } });
      expect((await batches.list()).data).toEqual([ended]);

      const lines: MessageBatchIndividualResponse[] = await collect(await batches.results(created.id));
      expect(lines.map(({ custom_id }) => custom_id).sort()).toEqual(requests(30).map(({ custom_id }) => custom_id).sort());
      for (const { custom_id, result } of lines) {
        if (result.type !== 'succeeded') throw new Error(`${custom_id} ${result.type}`);
        const [block] = result.message.content;
        const factor = Number(custom_id.split('-')[1]);
        expect(block).toMatchObject({ type: 'text', text: `Simulated answer: ${factor} * 23 = ${factor * 23}` });
      }
      expect(await batches.delete(created.id)).toEqual({ id: created.id, type: 'message_batch_deleted' });
      await expect(batches.retrieve(created.id)).rejects.toBeInstanceOf(NotFoundError);
      expect(world.simulator.stats().calls).toMatchObject({ create: 1, list: 1, delete: 1 });
    });
  });

  test('cancel, and the partial results', async () => {
    await withSdk({ processingMs: Infinity, cancelingMs: 60_000, erroredShare: 1 }, async (world) => {
      const batches = batchesOf(world);
      const { id } = await batches.create({ requests: requests(5) });
      expect((await batches.cancel(id)).processing_status).toBe('canceling');
      world.simulator.endBatch(id);
      expect((await batches.retrieve(id)).request_counts.canceled).toBe(5);
      expect((await collect(await batches.results(id))).map(({ result }) => result)).toEqual(Array.from({ length: 5 }, () => ({ type: 'canceled' })));
    });
  });

  test('auto-paging in both directions', async () => {
    await withSdk({}, async (world) => {
      const batches = batchesOf(world);
      const ids: string[] = [];
      for (let i = 0; i < 7; i++) ids.unshift((await batches.create({ requests: requests(1) })).id);
      const idsOf = async (page: AsyncIterable<{ id: string }>): Promise<string[]> => (await collect(page)).map(({ id }) => id);
      const listCalls = (): number => world.simulator.stats().calls.list;

      expect(await idsOf(batches.list({ limit: 3 }))).toEqual(ids);
      expect(listCalls()).toBe(3);
      expect(await idsOf(batches.list({ limit: 2, after_id: ids[2] }))).toEqual(ids.slice(3));
      expect(listCalls()).toBe(5);
      // Newer ones, page by page away from the cursor; each page is newest first.
      expect(await idsOf(batches.list({ limit: 2, before_id: ids[5] }))).toEqual([ids[3], ids[4], ids[1], ids[2], ids[0]]);
      expect(listCalls()).toBe(8);
      expect(await idsOf(batches.list({ before_id: ids[0] }))).toEqual([]);

      const firstPage = await batches.list({ limit: 4 });
      expect([firstPage.hasNextPage(), (await firstPage.getNextPage()).hasNextPage()]).toEqual([true, false]);
    });
  });
});

test('both credential styles', async () => {
  await withSdk({}, async ({ simulator: { url } }) => {
    const styles = [
      new Anthropic({ apiKey: KEY, baseURL: url }),
      new Anthropic({ authToken: KEY, apiKey: null, baseURL: url }),
      new Anthropic({ apiKey: null, baseURL: url, defaultHeaders: { 'x-api-key': KEY } }),
    ];
    for (const client of styles) expect((await client.messages.batches.list()).data).toEqual([]);
  });
});

test('errored and expired results', async () => {
  await withSdk({ processingMs: 0, expiredShare: 0.3, overloadedShare: 0.3 }, async ({ client }) => {
    const bad = { custom_id: 'bad', params: { model: 'unknown', max_tokens: 1, messages: [] } };
    const { id, request_counts: counts } = await client.messages.batches.create({ requests: [...requests(60), bad] });
    const lines = await collect(await client.messages.batches.results(id));
    const tally: Record<string, number> = {};
    for (const { result } of lines) tally[result.type] = (tally[result.type] ?? 0) + 1;
    expect(tally).toEqual({ succeeded: counts.succeeded, errored: counts.errored, expired: counts.expired });
    const errors = lines.flatMap(({ result }) => (result.type === 'errored' ? [result.error.error.type] : []));
    expect(new Set(errors)).toEqual(new Set(['overloaded_error', 'invalid_request_error']));
  });
});

test('results of some size, compressed', async () => {
  await withSdk({ processingMs: 0, gzipResults: true, answerBytes: 5000 }, async ({ client }) => {
    const { id } = await client.messages.batches.create({ requests: requests(2000) });
    expect(new Set((await collect(await client.messages.batches.results(id))).map(({ custom_id }) => custom_id)).size).toBe(2000);
  });
});

describe('errors', () => {
  test.each([
    [401, AuthenticationError], [403, PermissionDeniedError], [404, NotFoundError], [409, ConflictError], [429, RateLimitError],
    [500, InternalServerError], [503, InternalServerError], [529, InternalServerError],
  ])('%i', async (status, type) => {
    await withSdk({}, async ({ simulator, client }) => {
      simulator.addFault({ on: 'list', kind: 'status', status });
      const error = await client.messages.batches.list().then(() => undefined, (reason) => reason);
      expect(error).toBeInstanceOf(type);
      expect(error.status).toBe(status);
      expect(error.requestID).toMatch(/^req_/);
    });
  });

  test('what create refuses is a BadRequestError', async () => {
    await withSdk({}, async ({ client }) => {
      const twice = [...requests(1), ...requests(1)];
      for (const bad of [[], twice, [{ ...requests(1).at(0)!, custom_id: 'not good' }]]) {
        await expect(client.messages.batches.create({ requests: bad })).rejects.toBeInstanceOf(BadRequestError);
      }
    });
  });

  test('a wrong key', async () => {
    await withSdk({}, async ({ simulator: { url } }) => {
      const client = new Anthropic({ apiKey: 'wrong', baseURL: url });
      await expect(client.messages.batches.create({ requests: requests(1) })).rejects.toBeInstanceOf(AuthenticationError);
    });
  });

  test('a lost answer is a connection error, although the batch was accepted', async () => {
    await withSdk({}, async ({ simulator, client }) => {
      simulator.addFault({ on: 'create', kind: 'lose-answer' });
      await expect(client.messages.batches.create({ requests: requests(1) })).rejects.toBeInstanceOf(APIConnectionError);
      expect(simulator.stats().accepted).toHaveLength(1);
    });
  });

  test('the SDK resends a create after 5xx, and pays for the same batch again', async () => {
    await withSdk({}, async ({ simulator }) => {
      const client = new Anthropic({ apiKey: KEY, baseURL: simulator.url, maxRetries: 2 });
      // Without this header the SDK would wait half a second and more.
      const headers = { 'retry-after-ms': '1' };
      simulator.addFault({ on: 'create', kind: 'status', status: 529, when: 'afterAccept', times: 2, headers });
      await client.messages.batches.create({ requests: requests(1) });
      const { accepted } = simulator.stats();
      expect(accepted).toHaveLength(3);
      expect(new Set(accepted.map(({ sha256 }) => sha256)).size).toBe(1);
    });
  });
});
