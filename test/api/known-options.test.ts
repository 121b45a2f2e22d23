import { MessageBatchesApi, InvalidRequestError, logHooks } from '../../src/api';

/** As from JavaScript, or from an object that was made elsewhere. */
const untyped = (value: unknown) => value as never;

test.each<[string, () => unknown, string]>([
  ['of the client, as the SDK names it', () => new MessageBatchesApi(untyped({ baseURL: 'http://127.0.0.1:1' })), 'MessageBatchesApi: there is no option "baseURL"; here it is baseUrl.'],
  ['of the client, a key', () => new MessageBatchesApi(untyped({ apiKey: 'sk-ant-secret-0123456789' })), 'here it is credential: { kind: "x-api-key", token }.'],
  ['of a proxy', () => new MessageBatchesApi({ proxy: untyped({ HTTPS: 'http://127.0.0.1:1' }) }), 'proxy: there is no option "HTTPS"; there are http, https, noProxy.'],
  ['a proxy that is no object', () => new MessageBatchesApi({ proxy: untyped('http://127.0.0.1:1') }), 'proxy: the options are an object.'],
  ['of no known level', () => logHooks(untyped('verbose')), 'the level is one of debug, info, warn, error, off.'],
])('%s: refused by name, before any HTTP', (_, make, message) => {
  expect(make).toThrow(InvalidRequestError);
  expect(make).toThrow(message);
  expect(make).not.toThrow('sk-ant');
});

test.each<[string, (api: MessageBatchesApi) => Promise<unknown>, string]>([
  ['list', async (api) => api.list(untyped({ limit: 2, after_id: 'x' })), 'list: there is no option "after_id"; here it is afterId.'],
  ['listAll', async (api) => api.listAll(untyped({ before_id: 'x' })).next(), 'here it is beforeId.'],
  ['retrieve', async (api) => api.retrieve('x', untyped({ timeout: 5 })), 'retrieve: there is no option "timeout"; here it is timeoutMs.'],
  ['create', async (api) => api.create({ requests: [] }, untyped({ idempotencyKey: 'x' })), 'the API has no such key'],
  ['create, a deadline that is no Date', async (api) => api.create({ requests: [] }, { deadline: untyped(1e12) }), 'the deadline is a Date'],
])('of a call: %s', async (_, call, message) => {
  const api = new MessageBatchesApi({ baseUrl: 'http://127.0.0.1:1', maxRetries: 0 });
  await expect(call(api)).rejects.toThrow(message);
  await expect(call(api)).rejects.toBeInstanceOf(InvalidRequestError);
});
