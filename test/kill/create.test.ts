/**
 * A create is paid at most once, whatever dies in the middle of it. Each case ends with exactly one accepted
 * batch, counted at the simulator, and a result for every request.
 */
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../../src/simulator';
import { sharedTemporal } from '../support/shared-temporal';
import type { TemporalServer } from '../support/temporal-server';
import type { StopAt } from '../support/world';
import { World } from '../support/world';

const REQUESTS = 20;

/** The server goes on giving tasks to the polls of a frozen worker; each costs ten seconds. */
const FROZEN_TIMEOUT_MS = 180_000;

const shared = sharedTemporal();
let temporal: TemporalServer;
let world: World;

beforeAll(async () => {
  temporal = await shared.start();
});

afterAll(() => shared.stop());

beforeEach(async () => {
  world = await World.create({}, temporal);
});

afterEach(async () => {
  await world.close();
});

async function expectPaidOnce(report: Awaited<ReturnType<World['runJob']>>, requests = REQUESTS): Promise<void> {
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report.outcomes.succeeded).toBe(requests);
  expect((await world.results(report)).size).toBe(requests);
  expect(report.batches).toHaveLength(1);
}

describe('SIGKILL of the worker', () => {
  const records: [string, StopAt][] = [
    ['before the intent is on record', { record: 'create-01.intent', when: 'before', signal: 'SIGKILL' }],
    ['after the intent, before the POST', { record: 'create-01.intent', when: 'after', signal: 'SIGKILL' }],
    ['after the answer, before the batch id is on record', { record: 'create-01.answer', when: 'before', signal: 'SIGKILL' }],
    ['after the batch id is on record', { record: 'create-01.answer', when: 'after', signal: 'SIGKILL' }],
  ];

  test.each(records)('%s', async (_when, stopAt) => {
    const first = await world.startWorker({ stopAt, createTimeoutMs: 3_000 });
    const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
    await first.stopped();
    await world.startWorker({ createTimeoutMs: 3_000 });
    await expectPaidOnce(await job.result());
  });

  test('during the body', async () => {
    world.simulator.addFault({ on: 'create', kind: 'freeze-body', afterBytes: 1_000_000 });
    // Larger than what the sockets' buffers take, so that the body is really cut.
    const requests = await world.writeRequests(1_000, { bytes: 30_000 });
    const first = await world.startWorker({ createTimeoutMs: 10_000 });
    const job = await world.startJob({ requests });
    await world.simulator.waitFor('create-received');
    await first.kill();
    world.simulator.clearFaults();
    await world.startWorker({ createTimeoutMs: 10_000 });
    await expectPaidOnce(await job.result(), 1_000);
  });

  test('after accept, before the answer', async () => {
    world.simulator.addFault({ on: 'create', kind: 'hold-answer' });
    const first = await world.startWorker({ createTimeoutMs: 3_000 });
    const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
    await world.simulator.waitFor('create-accepted');
    await first.kill();
    await world.startWorker();
    await expectPaidOnce(await job.result());
    expect(await world.recordNames()).toContainEqual(expect.stringContaining('create-01.adopted-msgbatch_'));
  });
});

describe('the answer is lost', () => {
  const faults: [string, Fault, boolean][] = [
    ['accepted, then the connection is reset', { on: 'create', kind: 'lose-answer' }, true],
    ['5xx after accepting', { on: 'create', kind: 'status', status: 500, when: 'afterAccept' }, true],
    ['529 after accepting', { on: 'create', kind: 'status', status: 529, when: 'afterAccept' }, true],
    ['5xx before accepting', { on: 'create', kind: 'status', status: 500 }, false],
    ['529 before accepting', { on: 'create', kind: 'status', status: 529 }, false],
  ];

  test.each(faults)('%s', async (_what, fault, accepted) => {
    world.simulator.addFault(fault);
    await world.startWorker();
    const report = await world.runJob({ requests: await world.writeRequests(REQUESTS) });
    await expectPaidOnce(report);
    expect(world.simulator.stats().calls.create).toBe(accepted ? 1 : 2);
  });
});

describe('the answer is lost, and the look-up has found the batch, but', () => {
  const adopted = async (): Promise<void> => expect(await world.recordNames()).toContainEqual(expect.stringContaining('create-01.adopted-msgbatch_'));

  test('its worker is killed before that is on record', async () => {
    world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
    const first = await world.startWorker({ stopAt: { record: '/batches/msgbatch_', when: 'after', signal: 'SIGKILL' } });
    const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
    await first.stopped();
    await world.startWorker();
    await expectPaidOnce(await job.result());
    await adopted();
  });

  test('it cannot be looked at', async () => {
    world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
    world.simulator.addFault({ on: 'retrieve', kind: 'not-found' });
    await world.startWorker();
    await expectPaidOnce(await world.runJob({ requests: await world.writeRequests(REQUESTS) }));
    await adopted();
  });
});

test('a 504 answered early, and the create is accepted later', async () => {
  // Longer than the wait after an error by which the API lets go of a create.
  const lateMs = 18_000;
  let accepted: Promise<unknown> | undefined;
  const gateway = createServer((request, response) => {
    void buffer(request).then(async (body) => {
      const { method = 'GET', url = '/' } = request;
      const carryOut = () => fetch(`${world.simulator.url}${url}`, { method, headers: forwarded(request.headers), ...(body.length > 0 && { body }) });
      if (method === 'POST' && accepted === undefined) {
        accepted = delay(lateMs).then(carryOut);
        response.writeHead(504, { 'content-type': 'application/json', 'request-id': 'req_timeout' });
        response.end(JSON.stringify({ type: 'error', error: { type: 'timeout_error', message: 'Request timed out' }, request_id: 'req_timeout' }));
        return;
      }
      const answer = await carryOut();
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '', 'request-id': answer.headers.get('request-id') ?? '' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  try {
    await world.startWorker({ baseUrl: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}` });
    await expectPaidOnce(await world.runJob({ requests: await world.writeRequests(REQUESTS), createGraceMs: lateMs + 5_000 }));
    await accepted;
    expect(world.simulator.stats().calls.create).toBe(1);
  } finally {
    gateway.close();
    gateway.closeAllConnections();
  }
});

function forwarded({ 'x-api-key': key, 'anthropic-version': version, 'content-type': type }: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries({ 'x-api-key': key, 'anthropic-version': version, 'content-type': type }).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

describe('whose batch is it', () => {
  /** A create by somebody else, of as many requests as ours. */
  async function createForeign(prefix: string): Promise<string> {
    const requests = Array.from({ length: REQUESTS }, (_, index) => ({
      custom_id: `${prefix}-${index}`,
      params: { model: 'claude-sonnet-4-5', max_tokens: 10, messages: [{ role: 'user', content: 'Hello' }] },
    }));
    const headers = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
    const answer = await fetch(`${world.simulator.url}/v1/messages/batches`, { method: 'POST', headers, body: JSON.stringify({ requests }) });
    return ((await answer.json()) as { id: string }).id;
  }

  test('a foreign batch of the same size is put aside by its results, and ours is sent', async () => {
    world.simulator.addFault({ on: 'create', kind: 'status', status: 500 });
    await world.startWorker();
    const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
    await world.simulator.waitFor('fault');
    const foreign = await createForeign('foreign');
    const report = await job.result();
    expect(report.outcomes.succeeded).toBe(REQUESTS);
    expect(report.batches.map((batch) => batch.id)).not.toContain(foreign);
    expect(world.simulator.stats().accepted).toHaveLength(2);
    expect([...(await world.results(report)).keys()].every((id) => id.startsWith('request-'))).toBe(true);
  });

  test('of ours and a foreign one, the results tell', async () => {
    world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
    await world.startWorker();
    const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
    await world.simulator.waitFor('fault');
    const foreign = await createForeign('foreign');
    const report = await job.result();
    expect(report.outcomes.succeeded).toBe(REQUESTS);
    expect(report.batches.map((batch) => batch.id)).not.toContain(foreign);
    expect(world.simulator.stats().accepted).toHaveLength(2);
  });

  test('older batches of the same size are never taken for it', async () => {
    await createForeign('older');
    world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
    await world.startWorker();
    const report = await world.runJob({ requests: await world.writeRequests(REQUESTS) });
    expect(report.outcomes.succeeded).toBe(REQUESTS);
    expect(world.simulator.stats().accepted).toHaveLength(2);
  });
});

describe('a frozen worker', () => {
  test('between intent and POST, for longer than its deadline, sends nothing when it wakes', async () => {
    world.simulator.setOptions({ processingMs: 3_600_000 });
    const frozen = await world.startWorker({ stopAt: { record: 'create-01.intent', when: 'after', signal: 'SIGSTOP' }, createTimeoutMs: 3_000 });
    const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
    await frozen.stopped();
    await world.startWorker({ createTimeoutMs: 3_000 });
    await world.simulator.waitFor('create-accepted');
    // It wakes while the job still runs, with all that a create needs at hand, and ends when its create has.
    frozen.wake();
    await frozen.kill('SIGTERM');
    const [batch, ...more] = world.simulator.stats().accepted;
    expect(more).toEqual([]);
    world.simulator.endBatch(batch!.id);
    await expectPaidOnce(await job.result());
  }, FROZEN_TIMEOUT_MS);
});
