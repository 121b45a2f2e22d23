/** The official SDK as a real client of the simulator: whatever it relies on, the simulator has. */
import Anthropic, { BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import { collect, KEY } from './support/both-clients';
import { questions, sdkAt, withSdk, type World } from './support/with-sdk';

describe.each([
  ['messages.batches', ({ client }: World) => client.messages.batches],
  // This SDK's beta namespace takes the names of betas as a parameter and is the same on the wire otherwise.
  ['beta.messages.batches', ({ client }: World) => client.beta.messages.batches as unknown as Anthropic.Messages.Batches],
])('%s', (_name, batchesOf) => {
  test('all six calls, from create to delete', async () => {
    await withSdk({ processingMs: Infinity }, async (world) => {
      const batches = batchesOf(world);
      const created = await batches.create({ requests: questions(30) });
      expect(created).toMatchObject({ type: 'message_batch', processing_status: 'in_progress', request_counts: { processing: 30 } });
      await expect(batches.results(created.id)).rejects.toThrow('No batch `results_url`');
      world.simulator.endBatch(created.id);
      const ended = await batches.retrieve(created.id);
      expect(ended).toMatchObject({ id: created.id, processing_status: 'ended', request_counts: { processing: 0, succeeded: 30 } });
      expect((await batches.list()).data).toEqual([ended]);

      const lines: MessageBatchIndividualResponse[] = await collect(await batches.results(created.id));
      expect(lines.map(({ custom_id }) => custom_id).sort()).toEqual(questions(30).map(({ custom_id }) => custom_id).sort());
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
      const { id } = await batches.create({ requests: questions(5) });
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
      for (let i = 0; i < 7; i++) ids.unshift((await batches.create({ requests: questions(1) })).id);
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
    const { id, request_counts: counts } = await client.messages.batches.create({ requests: [...questions(60), bad] });
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
    const { id } = await client.messages.batches.create({ requests: questions(2000) });
    expect(new Set((await collect(await client.messages.batches.results(id))).map(({ custom_id }) => custom_id)).size).toBe(2000);
  });
});

test('results of 5,000 lines, one by one, and left in the middle', async () => {
  await withSdk({ processingMs: 0, answerBytes: 2000 }, async ({ simulator, client }) => {
    const { id } = await client.messages.batches.create({ requests: questions(5000) });
    const customIds = new Set<string>();
    for await (const { custom_id, result } of await client.messages.batches.results(id)) {
      expect(result.type).toBe('succeeded');
      customIds.add(custom_id);
    }
    expect(customIds.size).toBe(5000);
    for await (const { custom_id } of await client.messages.batches.results(id)) if (customIds.has(custom_id)) break;
    // The SDK leaves its connection open; the simulator answers others all the same.
    expect((await client.messages.batches.retrieve(id)).request_counts.succeeded).toBe(5000);
    expect(simulator.stats().calls.results).toBe(2);
  });
});

test.each(['/', '/team-a/anthropic', '/team-a/anthropic/'])('a base URL that ends in %s', async (path) => {
  await withSdk({ processingMs: 0, pathPrefix: path.replace(/\/$/, '') }, async ({ simulator }) => {
    const { messages: { batches } } = sdkAt(new URL(path, simulator.url).href);
    const { id } = await batches.create({ requests: questions(3) });
    expect(await collect(await batches.results(id))).toHaveLength(3);
    expect((await batches.list()).data.map((batch) => batch.id)).toEqual([id]);
    await batches.delete(id);
  });
});

describe('betas and workspaces', () => {
  test('of a call, as parameter and as header; of the client', async () => {
    await withSdk({ processingMs: 0 }, async ({ simulator, client }) => {
      await client.beta.messages.batches.create({ requests: questions(1), betas: ['one', 'two'], workspace_id: 'wrkspc_01' });
      await client.messages.batches.create({ requests: questions(1) }, { headers: { 'anthropic-beta': 'three', 'anthropic-workspace-id': 'wrkspc_02' } });
      await sdkAt(simulator.url, { defaultHeaders: { 'anthropic-beta': 'four' } }).messages.batches.create({ requests: questions(1), workspace_id: 'wrkspc_03' });
      const recorded = simulator.stats().accepted.map(({ anthropicBeta, anthropicWorkspaceId, anthropicVersion }) => [anthropicBeta, anthropicWorkspaceId, anthropicVersion]);
      expect(recorded).toEqual([['one,two', 'wrkspc_01', '2026-10-21'], ['three', 'wrkspc_02', '2026-10-21'], ['four', 'wrkspc_03', '2026-10-21']]);
    });
  });

  test('the old beta form, where nothing else is accepted', async () => {
    await withSdk({ processingMs: 0, requiresBetaForm: true }, async ({ simulator, client }) => {
      await expect(client.beta.messages.batches.create({ requests: questions(1), betas: ['message-batches-2024-09-24'] })).rejects.toBeInstanceOf(BadRequestError);
      const { messages: { batches } } = sdkAt(simulator.url, { defaultHeaders: { 'anthropic-beta': 'message-batches-2024-09-24' }, defaultQuery: { beta: 'true' } });
      const { id } = await batches.create({ requests: questions(2) });
      expect(await collect(await batches.results(id))).toHaveLength(2);
      expect(await collect(batches.list({ limit: 1 }))).toHaveLength(1);
      await batches.delete(id);
    });
  });
});
