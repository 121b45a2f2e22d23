/** Results are stored exactly once, whatever dies while they are polled for, streamed, or merged. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import { sharedTemporal } from '../support/shared-temporal';
import type { TemporalServer } from '../support/temporal-server';
import { World } from '../support/world';

const REQUESTS = 2_000;

/** The server goes on giving tasks to the polls of a frozen worker; each costs ten seconds. */
const FROZEN_TIMEOUT_MS = 180_000;

const shared = sharedTemporal();
let temporal: TemporalServer;
let world: World;

beforeAll(async () => {
  temporal = await shared.start();
});

afterAll(() => shared.stop());

afterEach(() => world.close());

/** Every line of the outputs is byte for byte a line that the server gives for this batch, once each. */
async function expectTrueResults(report: JobReport, requests = REQUESTS): Promise<void> {
  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report.outcomes.succeeded).toBe(requests);
  const truth = await (await fetch(`${world.simulator.url}/v1/messages/batches/${report.batches[0]?.id}/results`, { headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' } })).text();
  const stored = await readFile(join(report.output, 'results.jsonl'), 'utf8');
  expect(stored.split('\n').sort()).toEqual(truth.split('\n').sort());
}

test('SIGKILL while polling', async () => {
  world = await World.create({ processingMs: 4_000 }, temporal);
  const first = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('poll');
  await first.kill();
  await world.startWorker();
  await expectTrueResults(await job.result());
});

describe.each([
  ['with Range', true],
  ['without Range', false],
])('SIGKILL while streaming, %s', (_how, supportsRange) => {
  test('goes on where the synced bytes end', async () => {
    world = await World.create({ supportsRange }, temporal);
    world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 400_000 });
    const first = await world.startWorker();
    const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
    await world.simulator.waitFor('results-started');
    await world.bytesStored(1);
    await first.kill();
    await world.startWorker();
    await expectTrueResults(await job.result());
    expect(world.simulator.stats().calls.results).toBe(2 + 1);
  });
});

test('two workers stream the same batch, the first frozen and woken', async () => {
  world = await World.create({}, temporal);
  world.simulator.addFault({ on: 'results', kind: 'stall', afterBytes: 400_000 });
  const frozen = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('results-started');
  await world.bytesStored(1);
  frozen.freeze();
  await world.startWorker();
  const report = await job.result();
  frozen.wake();
  await expectTrueResults(report);
}, FROZEN_TIMEOUT_MS);

test.each([
  ['cut in the middle of a line', { on: 'results', kind: 'cut', afterBytes: 300_001 }],
  ['cut at a line boundary, looking complete', { on: 'results', kind: 'cut', afterLines: 700, looksComplete: true }],
  ['cut with the whole length announced', { on: 'results', kind: 'cut', afterBytes: 300_001, contentLength: true }],
] as const)('a body %s is completed', async (_what, fault) => {
  world = await World.create({}, temporal);
  world.simulator.addFault(fault);
  await world.startWorker();
  await expectTrueResults(await world.runJob({ requests: await world.writeRequests(REQUESTS) }));
});

test.each(['part.json', 'report.json'])('SIGKILL before %s is on record', async (record) => {
  world = await World.create({}, temporal);
  const first = await world.startWorker({ stopAt: { record, when: 'before', signal: 'SIGKILL' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await first.stopped();
  await world.startWorker();
  await expectTrueResults(await job.result());
});
