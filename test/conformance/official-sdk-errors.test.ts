/** Errors of the simulator as the official SDK sees them. */
import {
  APIConnectionError, AuthenticationError, BadRequestError, ConflictError, ContentTooLargeError, GatewayTimeoutError, InternalServerError, NotFoundError, OverloadedError,
  PaymentRequiredError, PermissionDeniedError, RateLimitError, RequestTimeoutError, ServiceUnavailableError, UnprocessableEntityError,
} from '@anthropic-ai/sdk';
import { questions, sdkAt, withSdk } from './support/with-sdk';

test('cancel of an ended batch, delete in progress, results before the end', async () => {
  await withSdk({ processingMs: Infinity }, async ({ simulator, client: { messages: { batches } } }) => {
    const { id } = await batches.create({ requests: questions(1) });
    await expect(batches.delete(id)).rejects.toThrow('In progress batches cannot be deleted. Consider canceling the batch instead.');
    await expect(batches.results(id)).rejects.toThrow('No batch `results_url`; Has it finished processing? in_progress');
    simulator.endBatch(id);
    await expect(batches.cancel(id)).rejects.toBeInstanceOf(BadRequestError);
    expect((await batches.retrieve(id)).cancel_initiated_at).toBeNull();
  });
});

test.each([
  [400, BadRequestError], [401, AuthenticationError], [402, PaymentRequiredError], [403, PermissionDeniedError], [404, NotFoundError], [408, RequestTimeoutError],
  [409, ConflictError], [413, ContentTooLargeError], [422, UnprocessableEntityError], [429, RateLimitError],
  [500, InternalServerError], [503, ServiceUnavailableError], [504, GatewayTimeoutError], [529, OverloadedError],
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
    const twice = [...questions(1), ...questions(1)];
    for (const bad of [[], twice, [{ ...questions(1).at(0)!, custom_id: 'not good' }]]) {
      await expect(client.messages.batches.create({ requests: bad })).rejects.toBeInstanceOf(BadRequestError);
    }
  });
});

test('a wrong key', async () => {
  await withSdk({}, async ({ simulator: { url } }) => {
    const client = sdkAt(url, { apiKey: 'wrong' });
    await expect(client.messages.batches.create({ requests: questions(1) })).rejects.toBeInstanceOf(AuthenticationError);
  });
});

test('a lost answer is a connection error, although the batch was accepted', async () => {
  await withSdk({}, async ({ simulator, client }) => {
    simulator.addFault({ on: 'create', kind: 'lose-answer' });
    await expect(client.messages.batches.create({ requests: questions(1) })).rejects.toBeInstanceOf(APIConnectionError);
    expect(simulator.stats().accepted).toHaveLength(1);
  });
});

test('the SDK resends a create after 5xx, and pays for the same batch again', async () => {
  await withSdk({}, async ({ simulator }) => {
    const client = sdkAt(simulator.url, { maxRetries: 2 });
    // Without this header the SDK would wait half a second and more.
    const headers = { 'retry-after-ms': '1' };
    simulator.addFault({ on: 'create', kind: 'status', status: 529, when: 'afterAccept', times: 2, headers });
    await client.messages.batches.create({ requests: questions(1) });
    const { accepted } = simulator.stats();
    expect(accepted).toHaveLength(3);
    expect(new Set(accepted.map(({ sha256 }) => sha256)).size).toBe(1);
  });
});
