/** Where credentials, settings and requests come from: whatever the source, both clients send the same. */
import Anthropic from '@anthropic-ai/sdk';
import { MessageBatchesApi, apiOptionsFromEnv, type ApiOptions } from '../../src/api';
import { apiOf, KEY, SDK_API_VERSION, sdkOf } from './support/both-clients';
import { expectEqualRequests, headersOf, inShort } from './support/equal-requests';
import { json, RecordingServer, type SentRequest } from './support/recording-server';
import { batch, BATCHES, REQUESTS } from './support/side-by-side';

let recorder: RecordingServer;
beforeAll(async () => {
  recorder = await RecordingServer.start();
});
afterAll(() => recorder.close());

/** What is sent by some work, which is answered a batch as often as it asks. */
async function sentBy(work: () => Promise<unknown>): Promise<SentRequest[]> {
  recorder.play(Array.from({ length: 5 }, () => json(200, batch())));
  await work();
  return recorder.requests;
}

async function withApi<T>(options: ApiOptions, use: (api: MessageBatchesApi) => Promise<T>): Promise<T> {
  const api = new MessageBatchesApi({ apiVersion: SDK_API_VERSION, ...options });
  try {
    return await use(api);
  } finally {
    await api.close();
  }
}

test('a function that gives the token is asked for every request', async () => {
  const tokens = (prefix: string): (() => Promise<string>) => {
    let count = 0;
    return async () => `${prefix}-${++count}`;
  };
  const sdk = new Anthropic({ apiKey: tokens('token'), baseURL: recorder.url, maxRetries: 0 });
  const bySdk = await sentBy(async () => [await sdk.messages.batches.create({ requests: REQUESTS }), await sdk.messages.batches.retrieve('a')]);
  const byUs = await sentBy(() =>
    withApi({ baseUrl: recorder.url, credential: { kind: 'bearer', token: tokens('token') } }, async (api) => [await api.create({ requests: REQUESTS }), await api.retrieve('a')]),
  );
  expectEqualRequests(bySdk, byUs);
  expect(byUs.map((request) => headersOf(request)['authorization'])).toEqual(['Bearer token-1', 'Bearer token-2']);
});

describe('the environment', () => {
  const NAMES = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_BASE_URL', 'ANTHROPIC_CUSTOM_HEADERS'];
  const before = NAMES.map((name) => [name, process.env[name]] as const);
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  /** What each of the two sends with nothing but these variables. */
  async function fromEnv(env: Record<string, string>): Promise<[sdk: SentRequest[], ours: SentRequest[]]> {
    for (const name of NAMES) delete process.env[name];
    Object.assign(process.env, env);
    const sdk = new Anthropic({ maxRetries: 0, logLevel: 'off' });
    return [
      await sentBy(async () => sdk.messages.batches.retrieve('a')),
      await sentBy(() => withApi(apiOptionsFromEnv({ ...env }), (api) => api.retrieve('a'))),
    ];
  }

  test('token, base URL and headers', async () => {
    const headers = 'X-Team: a: b\n\n x-trace :c \nAnthropic-Workspace-Id: wrkspc_01';
    const [bySdk, byUs] = await fromEnv({ ANTHROPIC_AUTH_TOKEN: KEY, ANTHROPIC_BASE_URL: ` ${recorder.url}/gateway/ `, ANTHROPIC_CUSTOM_HEADERS: headers });
    expectEqualRequests(bySdk, byUs);
    expect(inShort(byUs[0]!)).toBe(`GET /gateway${BATCHES}/a`);
    expect(headersOf(byUs[0]!)).toMatchObject({ authorization: `Bearer ${KEY}`, 'x-team': 'a: b', 'x-trace': 'c', 'anthropic-workspace-id': 'wrkspc_01' });
  });

  test('an empty variable counts as unset', async () => {
    const [bySdk, byUs] = await fromEnv({ ANTHROPIC_API_KEY: '', ANTHROPIC_AUTH_TOKEN: KEY, ANTHROPIC_BASE_URL: recorder.url, ANTHROPIC_CUSTOM_HEADERS: '' });
    expectEqualRequests(bySdk, byUs);
    expect(headersOf(byUs[0]!)).toMatchObject({ authorization: `Bearer ${KEY}` });
  });

  test('a key goes before a token; the SDK sends it as bearer, and here it is x-api-key, which every gateway knows', async () => {
    const [bySdk, byUs] = await fromEnv({ ANTHROPIC_API_KEY: KEY, ANTHROPIC_AUTH_TOKEN: 'another', ANTHROPIC_BASE_URL: recorder.url });
    const credentials = (request: SentRequest | undefined) => [headersOf(request!)['authorization'], headersOf(request!)['x-api-key']];
    expect([credentials(bySdk[0]), credentials(byUs[0])]).toEqual([[`Bearer ${KEY}`, undefined], [undefined, KEY]]);
  });
});

test('create from serialized lines: what the SDK sends, but for white space', async () => {
  const requests = Array.from({ length: 50 }, (_, i) => ({ ...REQUESTS[0]!, custom_id: `line-${i}` }));
  const lines = Buffer.from(`${requests.map((request) => JSON.stringify(request)).join('\n\n')}\n`);
  const sdk = sdkOf({ baseUrl: recorder.url });
  const [bySdk] = await sentBy(async () => sdk.messages.batches.create({ requests }));
  const api = apiOf({ baseUrl: recorder.url });
  const jsonl = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < lines.length; at += 100) yield lines.subarray(at, at + 100);
  };
  const [byUs] = await sentBy(() => api.create({ jsonl: jsonl(), bytes: lines.length }));
  await api.close();
  expect(JSON.parse(byUs!.body.toString())).toEqual(JSON.parse(bySdk!.body.toString()));
  expect(headersOf(byUs!)['content-length']).toBe(String(lines.length + '{"requests":[]}'.length));
  const withoutBody = (request: SentRequest): SentRequest => ({ ...request, headers: request.headers.filter(([name]) => name !== 'content-length'), body: Buffer.alloc(0) });
  expectEqualRequests([withoutBody(bySdk!)], [withoutBody(byUs!)]);
});
