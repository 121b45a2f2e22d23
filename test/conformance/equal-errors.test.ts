/** What the API answers instead of success: both clients tell the same about it. */
import { APIError } from '@anthropic-ai/sdk';
import { ApiError } from '../../src/api';
import { againstScript, againstSimulator, type BothRuns, type Scenario, type SimulatedSetting } from './support/both-ways';
import type { Requests } from './support/both-clients';
import { text } from './support/recording-server';

const requests: Requests = [{ custom_id: 'a', params: { model: 'claude-haiku-5-5', max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] } }];

/** Status, and what each of the two calls an error of it. */
const CLASSES: [status: number, sdk: string, ours: string][] = [
  [400, 'BadRequestError', 'BadRequestError'],
  [401, 'AuthenticationError', 'AuthenticationError'],
  [402, 'PaymentRequiredError', 'BillingError'],
  [403, 'PermissionDeniedError', 'PermissionError'],
  [404, 'NotFoundError', 'NotFoundError'],
  [408, 'RequestTimeoutError', 'RequestTimeoutError'],
  [409, 'ConflictError', 'ConflictError'],
  [413, 'ContentTooLargeError', 'RequestTooLargeError'],
  [422, 'UnprocessableEntityError', 'UnprocessableEntityError'],
  [429, 'RateLimitError', 'RateLimitError'],
  [500, 'InternalServerError', 'InternalServerError'],
  [503, 'ServiceUnavailableError', 'ServiceUnavailableError'],
  [504, 'GatewayTimeoutError', 'GatewayTimeoutError'],
  [529, 'OverloadedError', 'OverloadedError'],
];

const CALLS: Record<string, Scenario> = {
  create: (client) => client.create(requests),
  retrieve: (client) => client.retrieve('msgbatch_1'),
  list: (client) => client.list(),
  cancel: (client) => client.cancel('msgbatch_1'),
  delete: (client) => client.delete('msgbatch_1'),
};

/** The errors of both runs, after it was compared what they tell. */
function sameError({ sdk, ours }: BothRuns): { sdk: APIError; ours: ApiError } {
  if (!('error' in sdk) || !('error' in ours)) throw new Error('No error.');
  const [theirs, own] = [sdk.error, ours.error];
  if (!(theirs instanceof APIError)) throw theirs;
  if (!(own instanceof ApiError)) throw own;
  expect({ status: own.status, type: own.type ?? null, requestId: own.requestId ?? null, errorCode: own.errorCode ?? null }).toEqual({
    status: theirs.status,
    type: theirs.type,
    requestId: theirs.requestID ?? null,
    errorCode: theirs.errorCode,
  });
  expect(own.message).toContain(theirs.apiMessage ?? `${own.status}`);
  expect(Object.fromEntries(Object.entries(own.headers).filter(([name]) => !HOP_BY_HOP.has(name)))).toEqual(
    Object.fromEntries([...theirs.headers!.entries()].filter(([name]) => !HOP_BY_HOP.has(name))),
  );
  return { sdk: theirs, ours: own };
}

/** Of the connection, which is another one for each. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding']);

describe.each(CLASSES)('%i: %s and %s', (status, sdkClass, ourClass) => {
  test.each(Object.keys(CALLS))('%s', async (call) => {
    const prepare: SimulatedSetting['prepare'] = (simulator) => simulator.addFault({ on: call as 'list', kind: 'status', status });
    const { sdk, ours } = sameError(await againstSimulator({ prepare }, CALLS[call]!));
    expect([sdk.name, ours.name]).toEqual([sdkClass, ourClass]);
    expect(JSON.parse(ours.body)).toEqual(sdk.error);
  });
});

test('details and error_code', async () => {
  const prepare: SimulatedSetting['prepare'] = (simulator) => {
    simulator.addFault({ on: 'create', kind: 'status', status: 429, errorCode: 'enforced_spend_limit_reached', retryAfterSeconds: 3 });
  };
  const { ours } = sameError(await againstSimulator({ prepare }, CALLS['create']!));
  expect([ours.errorCode, ours.isSpendLimit, ours.retryAfterMs]).toEqual(['enforced_spend_limit_reached', true, 3000]);
});

test('what the API itself refuses: a wrong state, an unknown batch, a bad cursor', async () => {
  const scenarios: Scenario[] = [
    async (client) => client.delete((await client.create(requests)).data.id),
    async (client, endBatch) => {
      const { id } = (await client.create(requests)).data;
      endBatch(id);
      return client.cancel(id);
    },
    (client) => client.retrieve('msgbatch_none'),
    (client) => client.list({ afterId: 'msgbatch_none' }),
  ];
  const statuses = [];
  for (const scenario of scenarios) statuses.push(sameError(await againstSimulator({ simulator: { processingMs: Infinity } }, scenario)).ours.status);
  expect(statuses).toEqual([400, 400, 404, 400]);
});

test('an error of an unknown type with unknown fields', async () => {
  const body = { type: 'error', error: { type: 'weather_error', message: 'It rains.', severity: 3, details: { error_code: 'monsoon', more: [] } }, request_id: 'req_scripted', x: 1 };
  const answers = () => [text(418, JSON.stringify(body), { 'content-type': 'application/json', 'request-id': 'req_scripted' })];
  const { sdk, ours } = sameError(await againstScript({ answers }, (client) => client.retrieve('a')));
  expect([ours.type, ours.errorCode, JSON.parse(ours.body)]).toEqual(['weather_error', 'monsoon', sdk.error]);
});

test.each([413, 502, 503])('%i as HTML, without a request id', async (status) => {
  const html = '<html><head><title>Oh</title></head></html>';
  const answers = () => [text(status, html, { 'content-type': 'text/html' })];
  const { ours } = sameError(await againstScript({ answers }, (client) => client.create(requests)));
  expect([ours.type, ours.requestId, ours.body]).toEqual([undefined, undefined, html]);
});

test('a key that is refused', async () => {
  const { ours } = sameError(await againstSimulator({ simulator: { keys: ['another'] } }, (client) => client.list()));
  expect(ours.status).toBe(401);
});
