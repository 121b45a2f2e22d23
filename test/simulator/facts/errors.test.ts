/** Errors as the API and what stands before it answer them. */
import type { Simulator } from '../../../src/simulator';
import { describeFacts, OPEN, type Fact } from '../support/facts';
import { bodyOf, get, post, request } from '../support/simulation';

const STATUSES: [status: number, type: string][] = [
  [400, 'invalid_request_error'], [401, 'authentication_error'], [402, 'billing_error'], [403, 'permission_error'], [404, 'not_found_error'], [408, 'timeout_error'],
  [409, 'conflict_error'], [413, 'request_too_large'], [429, 'rate_limit_error'], [500, 'api_error'], [503, 'api_error'], [504, 'timeout_error'], [529, 'overloaded_error'],
];

const errors: Fact[] = [
  ['an error is {"type":"error","error":{"type","message"},"request_id"}, its request_id the header\'s', OPEN, async ({ url }) => {
    const { json, headers: received } = await get(url, '/msgbatch_none');
    expect(json).toEqual({ type: 'error', error: { type: 'not_found_error', message: expect.any(String) }, request_id: received.get('request-id') });
  }],
  ...STATUSES.map(([status, type]): Fact => [`status ${status} is ${type}`, OPEN, (simulator) => expectStatus(simulator, status, type)]),
  ['details.error_code tells a spend limit from a rate limit', OPEN, async (simulator) => {
    simulator.addFault({ on: 'create', kind: 'status', status: 429, errorCode: 'enforced_spend_limit_reached' });
    expect((await post(simulator.url, '', bodyOf(request('a')))).json.error.details).toEqual({ error_code: 'enforced_spend_limit_reached' });
  }],
  ['an error from something in between is HTML without request-id', OPEN, async (simulator) => {
    simulator.addFault({ on: 'list', kind: 'status', status: 503, html: true });
    const reply = await get(simulator.url);
    expect([reply.status, reply.headers.get('content-type'), reply.headers.get('request-id')]).toEqual([503, 'text/html', null]);
  }],
  ['retry-after in seconds, as an HTTP date, as retry-after-ms, or junk; x-should-retry', OPEN, async (simulator) => {
    simulator.addFault({ on: 'list', kind: 'status', status: 429, retryAfterSeconds: 1.5 });
    const sent = { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', 'retry-after-ms': '12.5', 'x-should-retry': 'false' };
    simulator.addFault({ on: 'list', kind: 'status', status: 429, headers: sent });
    simulator.addFault({ on: 'list', kind: 'status', status: 429, headers: { 'retry-after': 'junk' } });
    expect((await get(simulator.url)).headers.get('retry-after')).toBe('1.5');
    expect(Object.fromEntries((await get(simulator.url)).headers)).toMatchObject(sent);
    expect((await get(simulator.url)).headers.get('retry-after')).toBe('junk');
  }],
];

async function expectStatus(simulator: Simulator, status: number, type: string): Promise<void> {
  simulator.addFault({ on: 'list', kind: 'status', status });
  const reply = await get(simulator.url);
  expect([reply.status, reply.json.error.type, reply.json.request_id]).toEqual([status, type, reply.headers.get('request-id')]);
  expect((await get(simulator.url)).status).toBe(200);
}

describeFacts('errors', errors);
