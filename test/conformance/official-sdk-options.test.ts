/** The official SDK's options of one call, and answers that nobody knows today, against the simulator. */
import { APIConnectionTimeoutError, APIUserAbortError, ServiceUnavailableError } from '@anthropic-ai/sdk';
import { collect } from './support/both-clients';
import { questions, withSdk } from './support/with-sdk';

describe('options of one call', () => {
  test('headers and query are accepted; the answer can be seen', async () => {
    await withSdk({ processingMs: 0 }, async ({ client }) => {
      const { id } = await client.messages.batches.create({ requests: questions(1) }, { headers: { 'x-team': 'a' }, query: { a: 'b c' } });
      const { data, response, request_id } = await client.messages.batches.retrieve(id, {}, { headers: { 'anthropic-version': '2023-06-01' } }).withResponse();
      expect([data.id, response.headers.get('x-message-batches-simulation'), request_id]).toEqual([id, 'true', response.headers.get('request-id')]);
    });
  });

  test('a timeout', async () => {
    await withSdk({}, async ({ simulator, client }) => {
      simulator.addFault({ on: 'list', kind: 'hold-answer' });
      await expect(client.messages.batches.list({}, { timeout: 50 })).rejects.toBeInstanceOf(APIConnectionTimeoutError);
    });
  });

  test('an abort signal', async () => {
    await withSdk({}, async ({ simulator, client }) => {
      simulator.addFault({ on: 'list', kind: 'freeze' });
      const controller = new AbortController();
      const listing = client.messages.batches.list({}, { signal: controller.signal });
      await simulator.waitFor('fault');
      controller.abort();
      await expect(listing).rejects.toBeInstanceOf(APIUserAbortError);
    });
  });

  test('retries, after the time that the simulator asks for', async () => {
    await withSdk({}, async ({ simulator, client }) => {
      const hints: Record<string, string>[] = [{ 'retry-after-ms': '1.5' }, { 'retry-after': '0.001' }, { 'retry-after': new Date().toUTCString(), 'retry-after-ms': '1' }];
      for (const headers of hints) {
        simulator.addFault({ on: 'list', kind: 'status', status: 429, headers });
      }
      expect((await client.messages.batches.list({}, { maxRetries: 3 })).data).toEqual([]);
      simulator.addFault({ on: 'list', kind: 'status', status: 503, headers: { 'x-should-retry': 'false' } });
      await expect(client.messages.batches.list({}, { maxRetries: 3 })).rejects.toBeInstanceOf(ServiceUnavailableError);
      expect(simulator.stats().calls.list).toBe(5);
    });
  });

  test('a redirect of a GET is followed', async () => {
    await withSdk({}, async ({ simulator, client }) => {
      simulator.addFault({ on: 'list', kind: 'redirect', status: 308 });
      expect((await client.messages.batches.list({ limit: 3 })).data).toEqual([]);
      expect(simulator.stats().calls.list).toBe(2);
    });
  });
});

describe('what is not known today passes through the SDK', () => {
  test('statuses and fields of a batch', async () => {
    await withSdk({ processingMs: 0 }, async ({ simulator, client }) => {
      const { id } = await client.messages.batches.create({ requests: questions(1) });
      simulator.addFault({ on: 'retrieve', kind: 'change-answer', fields: { processing_status: 'paused', more: [1] } });
      expect(await client.messages.batches.retrieve(id)).toMatchObject({ id, processing_status: 'paused', more: [1] });
      expect((await client.messages.batches.retrieve(id)).processing_status).toBe('ended');
    });
  });

  test.each(['unknown-result-type', 'unknown-error-type', 'unknown-fields', 'unknown-custom-id', 'repeated', 'contradicted', 'missing'] as const)('results: %s', async (change) => {
    await withSdk({ processingMs: 0 }, async ({ simulator, client }) => {
      const { id } = await client.messages.batches.create({ requests: questions(4) });
      simulator.addFault({ on: 'results', kind: 'change-lines', change });
      const lines = await collect(await client.messages.batches.results(id));
      expect(lines).toHaveLength({ repeated: 5, contradicted: 5, missing: 3 }[change as string] ?? 4);
    });
  });
});
