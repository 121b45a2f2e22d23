/**
 * A create is paid at most once, whatever dies in the middle of it. Each case ends with exactly one accepted
 * batch, counted at the simulator, and a result for every request. `npm test` kills around the
 * POST, and loses an answer before and after the batch is made; `npm run test:long` does all.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { JobReport } from '../../src/contract';
import type { Fault } from '../../src/simulator';
import { openGateway } from '../support/gateway';
import type { OpenWorld } from '../support/side-by-side';
import { testSideBySide } from '../support/side-by-side';
import type { StopAt, World } from '../support/world';

const REQUESTS = 20;

/** A create that is not done by then is looked up instead: long enough for its records while the machine is busy. */
const CREATE_TIMEOUT_MS = 8_000;

const KILLED_AT: [when: string, stopAt: Omit<StopAt, 'signal'>, onlyLong?: boolean][] = [
  ['before the intent is on record', { record: '.intent.json', when: 'before' }, true],
  ['after the intent, before the POST', { record: '.intent.json', when: 'after' }],
  ['after the answer, before the batch id is on record', { record: '.answer.json', when: 'before' }],
  ['after the batch id is on record', { record: '.answer.json', when: 'after' }, true],
];

const LOST: [what: string, fault: Fault, accepted: boolean, onlyLong?: boolean][] = [
  ['accepted, then the connection is reset', { on: 'create', kind: 'lose-answer' }, true],
  ['5xx after accepting', { on: 'create', kind: 'status', status: 500, when: 'afterAccept' }, true, true],
  ['529 after accepting', { on: 'create', kind: 'status', status: 529, when: 'afterAccept' }, true, true],
  ['5xx before accepting', { on: 'create', kind: 'status', status: 500 }, false, true],
  ['529 before accepting', { on: 'create', kind: 'status', status: 529 }, false],
];

/** Those that take longest begin first. */
const CASES = [
  { name: 'a worker frozen between intent and POST, for longer than its deadline, sends nothing when it wakes', run: expectNothingSentWhenWoken },
  { onlyLong: true, name: 'a 504 answered early, and the create is accepted later', run: expectLateCreateWaitedFor },
  { name: 'a foreign batch of the same size is put aside by its results, and ours is sent', run: expectForeignPutAside },
  { onlyLong: true, name: 'of ours and a foreign one, the results tell', run: expectOursTold },
  { onlyLong: true, name: 'older batches of the same size are never taken for it', run: expectOlderNotTaken },
  ...KILLED_AT.map(([when, stopAt, onlyLong]) => ({ onlyLong, name: `SIGKILL of the worker ${when}`, run: (open: OpenWorld) => expectPaidOnceAfterKill(open, stopAt) })),
  { name: 'SIGKILL of the worker during the body', run: expectPaidOnceAfterKillInBody },
  { name: 'SIGKILL of the worker after accept, before the answer', run: expectAdoptedAfterKill },
  ...LOST.map(([what, fault, accepted, onlyLong]) => ({ onlyLong, name: `the answer is lost: ${what}`, run: (open: OpenWorld) => expectPaidOnceAfterLoss(open, fault, accepted) })),
  { onlyLong: true, name: 'the answer is lost, and the look-up has found the batch, but its worker is killed before that is on record', run: expectAdoptedAfterKillInLookUp },
  { onlyLong: true, name: 'the answer is lost, and the look-up has found the batch, but it cannot be looked at', run: expectAdoptedUnseen },
];

/** The server goes on giving tasks to the polls of a frozen worker; each costs ten seconds. */
testSideBySide(CASES, { timeoutMs: 180_000, atOnce: 9 }, ({ run }, open) => run(open));

async function expectPaidOnce(world: World, report: JobReport, requests = REQUESTS): Promise<void> {
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report.outcomes.succeeded).toBe(requests);
  expect((await world.results(report)).size).toBe(requests);
  expect(report.batches).toHaveLength(1);
}

async function expectPaidOnceAfterKill(open: OpenWorld, stopAt: Omit<StopAt, 'signal'>): Promise<void> {
  const world = await open();
  const first = await world.startWorker({ stopAt: { ...stopAt, signal: 'SIGKILL' }, createTimeoutMs: CREATE_TIMEOUT_MS });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await first.stopped(job);
  await world.startWorker({ createTimeoutMs: CREATE_TIMEOUT_MS });
  await expectPaidOnce(world, await job.result());
}

async function expectPaidOnceAfterKillInBody(open: OpenWorld): Promise<void> {
  const world = await open();
  world.simulator.addFault({ on: 'create', kind: 'freeze-body', afterBytes: 1_000_000 });
  // Larger than what the sockets' buffers take, so that the body is really cut.
  const requests = await world.writeRequests(1_000, { bytes: 30_000 });
  const first = await world.startWorker({ createTimeoutMs: 10_000 });
  const job = await world.startJob({ requests });
  await world.simulator.waitFor('create-received');
  await first.kill();
  world.simulator.clearFaults();
  await world.startWorker({ createTimeoutMs: 10_000 });
  await expectPaidOnce(world, await job.result(), 1_000);
}

async function expectAdoptedAfterKill(open: OpenWorld): Promise<void> {
  const world = await open();
  world.simulator.addFault({ on: 'create', kind: 'hold-answer' });
  const first = await world.startWorker({ createTimeoutMs: CREATE_TIMEOUT_MS });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('create-accepted');
  await first.kill();
  await world.startWorker();
  await expectPaidOnce(world, await job.result());
  await expectAdopted(world);
}

async function expectPaidOnceAfterLoss(open: OpenWorld, fault: Fault, accepted: boolean): Promise<void> {
  const world = await open();
  world.simulator.addFault(fault);
  await world.startWorker();
  await expectPaidOnce(world, await world.runJob({ requests: await world.writeRequests(REQUESTS) }));
  expect(world.simulator.stats().calls.create).toBe(accepted ? 1 : 2);
}

async function expectAdopted(world: World): Promise<void> {
  expect(await world.recordNames()).toContainEqual(expect.stringContaining('.adopted-msgbatch_'));
}

async function expectAdoptedAfterKillInLookUp(open: OpenWorld): Promise<void> {
  const world = await open();
  world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
  const first = await world.startWorker({ stopAt: { record: '/batches/msgbatch_', when: 'after', signal: 'SIGKILL' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await first.stopped();
  await world.startWorker();
  await expectPaidOnce(world, await job.result());
  await expectAdopted(world);
}

async function expectAdoptedUnseen(open: OpenWorld): Promise<void> {
  const world = await open();
  world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
  world.simulator.addFault({ on: 'retrieve', kind: 'not-found' });
  await world.startWorker();
  await expectPaidOnce(world, await world.runJob({ requests: await world.writeRequests(REQUESTS) }));
  await expectAdopted(world);
}

async function expectLateCreateWaitedFor(open: OpenWorld): Promise<void> {
  const world = await open();
  // Longer than the wait after an error by which the API lets go of a create.
  const lateMs = 17_000;
  let accepted: Promise<unknown> | undefined;
  const gateway = await openGateway(world, async ({ method }, carryOut) => {
    if (method !== 'POST' || accepted !== undefined) return carryOut();
    accepted = delay(lateMs).then(carryOut);
    const body = JSON.stringify({ type: 'error', error: { type: 'timeout_error', message: 'Request timed out' }, request_id: 'req_timeout' });
    return { status: 504, headers: { 'content-type': 'application/json', 'request-id': 'req_timeout' }, body };
  });
  try {
    await world.startWorker({ baseUrl: gateway.url });
    await expectPaidOnce(world, await world.runJob({ requests: await world.writeRequests(REQUESTS), createGraceMs: lateMs + 10_000 }));
    await accepted;
    expect(world.simulator.stats().calls.create).toBe(1);
  } finally {
    gateway.close();
  }
}

/** A create by somebody else, of as many requests as ours. */
async function createForeign({ simulator }: World, prefix: string): Promise<string> {
  const requests = Array.from({ length: REQUESTS }, (_, index) => ({
    custom_id: `${prefix}-${index}`,
    params: { model: 'claude-sonnet-4-5', max_tokens: 10, messages: [{ role: 'user', content: 'Hello' }] },
  }));
  const headers = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
  const answer = await fetch(`${simulator.url}/v1/messages/batches`, { method: 'POST', headers, body: JSON.stringify({ requests }) });
  return ((await answer.json()) as { id: string }).id;
}

async function expectForeignPutAside(open: OpenWorld): Promise<void> {
  const { world, report } = await besideForeign(open, { on: 'create', kind: 'status', status: 500 });
  expect([...(await world.results(report)).keys()].every((id) => id.startsWith('request-'))).toBe(true);
}

async function expectOursTold(open: OpenWorld): Promise<void> {
  await besideForeign(open, { on: 'create', kind: 'lose-answer' });
}

/** A create that this happens to, and a batch of the same total that somebody else makes then: it is not taken for ours. */
async function besideForeign(open: OpenWorld, fault: Fault): Promise<{ world: World; report: JobReport }> {
  const world = await open();
  world.simulator.addFault(fault);
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('fault');
  const foreign = await createForeign(world, 'foreign');
  const report = await job.result();
  expect(report.outcomes.succeeded).toBe(REQUESTS);
  expect(report.batches.map((batch) => batch.id)).not.toContain(foreign);
  expect(world.simulator.stats().accepted).toHaveLength(2);
  return { world, report };
}

async function expectOlderNotTaken(open: OpenWorld): Promise<void> {
  const world = await open();
  await createForeign(world, 'older');
  world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(REQUESTS) });
  expect(report.outcomes.succeeded).toBe(REQUESTS);
  expect(world.simulator.stats().accepted).toHaveLength(2);
}

async function expectNothingSentWhenWoken(open: OpenWorld): Promise<void> {
  const world = await open({ processingMs: 3_600_000 });
  const frozen = await world.startWorker({ stopAt: { record: '.intent.json', when: 'after', signal: 'SIGSTOP' }, createTimeoutMs: CREATE_TIMEOUT_MS });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await frozen.stopped(job);
  await world.startWorker({ createTimeoutMs: CREATE_TIMEOUT_MS });
  await world.simulator.waitFor('create-accepted');
  // It wakes while the job still runs, with all that a create needs at hand, and ends when its create has.
  frozen.wake();
  await frozen.kill('SIGTERM');
  const [batch, ...more] = world.simulator.stats().accepted;
  expect(more).toEqual([]);
  world.simulator.endBatch(batch!.id);
  await expectPaidOnce(world, await job.result());
}
