import { inspect } from 'node:util';
import * as api from '../../src/api';
import { ApiError, MessageBatchesApi, MessageBatchesError, ServerError } from '../../src/api';
import { apiError, closeServers, expectRejection, httpServer, json } from './support/servers';

afterEach(closeServers);

const NO_CONTENT = [{ custom_id: 'a', params: { prompt: 'a prompt' } as never }];

/** Class, what it also is, and what is known after it: of a create, and of a cancel. */
const TABLE: [number, typeof ApiError, { known: boolean; retryable: boolean }][] = [
  [400, api.BadRequestError, { known: true, retryable: false }],
  [401, api.AuthenticationError, { known: true, retryable: false }],
  [402, api.BillingError, { known: true, retryable: false }],
  [403, api.PermissionError, { known: true, retryable: false }],
  [404, api.NotFoundError, { known: true, retryable: false }],
  [408, api.RequestTimeoutError, { known: false, retryable: true }],
  [409, api.ConflictError, { known: true, retryable: true }],
  [413, api.RequestTooLargeError, { known: true, retryable: false }],
  [418, ApiError, { known: true, retryable: false }],
  [422, api.UnprocessableEntityError, { known: true, retryable: false }],
  [429, api.RateLimitError, { known: true, retryable: true }],
  [499, ApiError, { known: false, retryable: true }],
  [500, api.InternalServerError, { known: false, retryable: true }],
  [502, ServerError, { known: false, retryable: true }],
  [503, api.ServiceUnavailableError, { known: false, retryable: true }],
  [504, api.GatewayTimeoutError, { known: false, retryable: true }],
  [529, api.OverloadedError, { known: false, retryable: true }],
  [599, ServerError, { known: false, retryable: true }],
];

describe.each(TABLE)('%d', (status, type, { known, retryable }) => {
  async function errors(body: unknown, headers = {}): Promise<{ create: ApiError; cancel: ApiError; retrieve: ApiError; results: ApiError; list: ApiError; delete: ApiError }> {
    const server = await httpServer((_, response) => json(response, status, body, { 'retry-after-ms': '1500', ...headers }));
    const client = new MessageBatchesApi({ baseUrl: server.url, maxRetries: 0 });
    const all = {
      create: await expectRejection(client.create({ requests: NO_CONTENT }), ApiError),
      cancel: await expectRejection(client.cancel('x'), ApiError),
      retrieve: await expectRejection(client.retrieve('x'), ApiError),
      results: await expectRejection(client.results('x'), ApiError),
      list: await expectRejection(client.list(), ApiError),
      delete: await expectRejection(client.delete('x'), ApiError),
    };
    expect(server.requests).toHaveLength(6);
    await client.close();
    return all;
  }

  test('is one class, with all that the answer told', async () => {
    const body = apiError('some_error', 'Some words.', { error_code: 'some_code' });
    for (const error of Object.values(await errors(body))) {
      expect(error.constructor).toBe(type);
      expect(error).toBeInstanceOf(MessageBatchesError);
      expect(error instanceof ServerError).toBe(status >= 500);
      expect(error).toMatchObject({ name: type.name, status, type: 'some_error', errorCode: 'some_code', requestId: 'req_test', retryAfterMs: 1500 });
      expect(error.headers).toMatchObject({ 'retry-after-ms': '1500', 'content-type': 'application/json' });
      expect(JSON.parse(error.body)).toEqual(body);
      expect(error.message).toContain(`${status} some_error: Some words. (request req_test)`);
    }
  });

  test('says what is known', async () => {
    const { create, cancel, delete: deleted, ...reads } = await errors(apiError('some_error', 'Some words.'));
    expect(create).toMatchObject({ outcomeKnown: known, retryable: known && retryable });
    for (const error of [cancel, deleted]) expect(error).toMatchObject({ outcomeKnown: known, retryable });
    for (const error of Object.values(reads)) expect(error).toMatchObject({ outcomeKnown: true, retryable });
    expect(create.message.includes('Whether a batch was made is unknown')).toBe(!known);
  });

  test('an unknown create is not made again even where the server asks for it', async () => {
    const { create, retrieve } = await errors(apiError('some_error', 'Some words.'), { 'x-should-retry': 'true' });
    expect(create.retryable).toBe(known);
    expect(retrieve.retryable).toBe(true);
  });

  test('without a body of the API', async () => {
    for (const body of ['<html>Something in between</html>', '', '{"type":"error","err', '[1]', 'null']) {
      const { create } = await errors(body);
      expect(create.constructor).toBe(type);
      expect(create).toMatchObject({ status, requestId: 'req_test', body });
      expect(create).not.toHaveProperty('type');
      expect(create).not.toHaveProperty('errorCode');
      expect(create.message).not.toContain('Something in between');
    }
  });
});

test('the request id of the body does where the header is missing', async () => {
  const server = await httpServer((_, response) => response.writeHead(500).end(JSON.stringify({ ...apiError('api_error', 'x'), request_id: 'req_body' })));
  expect(await expectRejection(new MessageBatchesApi({ baseUrl: server.url, maxRetries: 0 }).retrieve('x'), ApiError)).toMatchObject({ requestId: 'req_body' });
});

describe('details and workspace', () => {
  const body = apiError('rate_limit_error', 'x', { error_code: 'spend_limit_reached', resets: ['soon'] });

  async function errorOf(answer: unknown, headers = {}): Promise<ApiError> {
    const server = await httpServer((_, response) => json(response, 429, answer, headers));
    const client = new MessageBatchesApi({ baseUrl: server.url, maxRetries: 0, credential: { kind: 'bearer', token: 'sk-ant-secret-0123' } });
    return expectRejection(client.retrieve('x'), ApiError);
  }

  test('are what the answer told', async () => {
    const error = await errorOf(body, { 'anthropic-workspace-id': 'wrkspc_1' });
    expect(error.details).toEqual({ error_code: 'spend_limit_reached', resets: ['soon'] });
    expect(error.workspaceId).toBe('wrkspc_1');
  });

  test('the details are kept out of logs and JSON, and hold no credential', async () => {
    const error = await errorOf(apiError('rate_limit_error', 'x', { error_code: 'a', echo: 'only in details sk-ant-secret-0123' }));
    expect(error.details).toEqual({ error_code: 'a', echo: 'only in details [redacted]' });
    expect(inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)).not.toContain('only in details');
  });

  test.each([apiError('e', 'x'), apiError('e', 'x', 'words'), apiError('e', 'x', ['words']), '<html>', '{"error":null}'])('absent from %j', async (answer) => {
    const error = await errorOf(answer);
    expect(error.details).toBeUndefined();
    expect(error).not.toHaveProperty('workspaceId');
    expect(error).not.toHaveProperty('errorCode');
  });
});

test('every error class of the entry point is a MessageBatchesError of its own name', () => {
  const classes = Object.entries(api).filter(([name]) => name.endsWith('Error')) as [string, abstract new (...args: never[]) => Error][];
  expect(classes.length).toBeGreaterThanOrEqual(23);
  for (const [name, type] of classes) {
    expect(type.name).toBe(name);
    expect(type === MessageBatchesError || type.prototype instanceof MessageBatchesError).toBe(true);
  }
});
