/** What results say was used: the factor, and the prompt cache. */
import { startSimulator } from '../../src/simulator';
import { bodyOf, createBatch, PARAMS, request, resultsOf, withFolder, withSimulator } from './support/simulation';

const SYSTEM = 'All requests begin with this. '.repeat(20);
const cached = (question: string, cacheControl: object = { type: 'ephemeral' }, system = SYSTEM) => ({
  ...PARAMS,
  system: [{ type: 'text', text: system, cache_control: cacheControl }],
  messages: [{ role: 'user', content: question }],
});

async function usageOf(url: string, id: string, customId: string): Promise<any> {
  return (await resultsOf(url, id)).get(customId).message.usage;
}

test('usageFactor multiplies the tokens, whatever they are', async () => {
  await withSimulator({ processingMs: 0 }, async (simulator) => {
    const { url } = simulator;
    const plain = await usageOf(url, await createBatch(url, bodyOf(request('a'))), 'a');
    simulator.setOptions({ usageFactor: 3 });
    const more = await usageOf(url, await createBatch(url, bodyOf(request('a'))), 'a');
    expect(more).toEqual({ ...plain, input_tokens: 3 * plain.input_tokens, output_tokens: 3 * plain.output_tokens });
    expect(() => simulator.setOptions({ usageFactor: -1 })).toThrow(/usageFactor must be a number from 0/);
  });
});

test('the first request of a prefix writes it to the cache, those of later batches read it', async () => {
  await withSimulator({ processingMs: Infinity }, async (simulator) => {
    const { url } = simulator;
    const first = await createBatch(url, bodyOf(request('a', cached('A?')), request('b', cached('B?'))));
    const meanwhile = await createBatch(url, bodyOf(request('c', cached('C?'))));
    simulator.endBatch(first);
    const later = await createBatch(url, bodyOf(request('d', cached('D?')), request('e', cached('E?', undefined, `${SYSTEM}!`)), request('f')));
    for (const id of [meanwhile, later]) simulator.endBatch(id);

    const [a, b] = [await usageOf(url, first, 'a'), await usageOf(url, first, 'b')];
    expect(a.cache_creation_input_tokens).toBeGreaterThan(SYSTEM.length / 5);
    expect(a).toMatchObject({ cache_read_input_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: a.cache_creation_input_tokens, ephemeral_1h_input_tokens: 0 } });
    for (const usage of [b, await usageOf(url, meanwhile, 'c'), await usageOf(url, later, 'f')]) expect(usage).toMatchObject({ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 });
    const d = await usageOf(url, later, 'd');
    expect(d).toMatchObject({ cache_creation_input_tokens: 0, cache_read_input_tokens: a.cache_creation_input_tokens });
    // Cached or not, a prompt has the same length.
    expect(Math.abs(d.input_tokens + d.cache_read_input_tokens - b.input_tokens)).toBeLessThanOrEqual(2);
    expect(await usageOf(url, later, 'e')).toMatchObject({ cache_read_input_tokens: 0 });
  });
});

test('a longer prefix is read up to where it is known and written from there on, for an hour where that is asked', async () => {
  await withSimulator({ processingMs: 0 }, async ({ url }) => {
    const a = await usageOf(url, await createBatch(url, bodyOf(request('a', cached('A?', { type: 'ephemeral', ttl: '1h' })))), 'a');
    expect(a.cache_creation).toEqual({ ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: a.cache_creation_input_tokens });
    const b = await usageOf(url, await createBatch(url, bodyOf(request('b', { ...cached('B?'), messages: [{ role: 'user', content: [{ type: 'text', text: SYSTEM, cache_control: { type: 'ephemeral' } }] }] }))), 'b');
    expect(b.cache_read_input_tokens).toBe(a.cache_creation_input_tokens);
    expect(b.cache_creation.ephemeral_5m_input_tokens).toBeGreaterThan(SYSTEM.length / 5);
  });
});

test('what was written is known after a restart; an errored request writes nothing', async () => {
  await withFolder(async (folder) => {
    const first = await startSimulator({ folder, processingMs: 0, erroredShare: 1 });
    await createBatch(first.url, bodyOf(request('a', cached('A?'))));
    first.setOptions({ erroredShare: 0 });
    const b = await usageOf(first.url, await createBatch(first.url, bodyOf(request('b', cached('B?')))), 'b');
    await first.close();
    const second = await startSimulator({ folder, processingMs: 0 });
    const c = await usageOf(second.url, await createBatch(second.url, bodyOf(request('c', cached('C?')))), 'c');
    await second.close();
    expect(b.cache_creation_input_tokens).toBeGreaterThan(0);
    expect(c.cache_read_input_tokens).toBe(b.cache_creation_input_tokens);
  });
});
