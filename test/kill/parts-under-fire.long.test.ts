/**
 * Ten parts at once, an API at which everything goes wrong now and then, and two workers of which one is killed every few seconds:
 * each request is accepted once, and what is stored is what the API gives. `npm run test:long` kills as often as KILLS says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../../src/simulator';
import { Random } from '../support/random';
import { expectPaidOnce, expectTruthOfParts, idsOf } from '../support/truth-of-parts';
import type { TestWorker } from '../support/world';
import { World } from '../support/world';

const LONG = process.env['KILLS'] !== undefined;
const PARTS = 10;
const REQUESTS_A_PART = LONG ? 4_000 : 400;
const KILLS = LONG ? Math.ceil(Number(process.env['KILLS']) / 4) : 3;
/** A worker lives for about twice as long: it takes two seconds to start. */
const BETWEEN_KILLS_MS = 4_000;

/** Each part meets one of them at least. */
const FAULTS: Fault[] = [
  { on: 'create', kind: 'lose-answer' },
  { on: 'create', kind: 'status', status: 500 },
  { on: 'create', kind: 'reset', afterBytes: 10_000 },
  { on: 'create', kind: 'status', status: 429, retryAfterSeconds: 1 },
  { on: 'create', kind: 'status', status: 502, when: 'afterAccept', html: true },
  { on: 'list', kind: 'status', status: 529 },
  { on: 'retrieve', kind: 'not-found' },
  { on: 'retrieve', kind: 'status', status: 429, retryAfterSeconds: 1 },
  { on: 'retrieve', kind: 'garbage', form: 'cut-json' },
  { on: 'results', kind: 'cut', afterLines: 50 },
  { on: 'results', kind: 'cut', afterBytes: 20_000, contentLength: true },
  { on: 'results', kind: 'status', status: 500 },
  { on: 'results', kind: 'not-found' },
];

let world: World;

afterEach(() => world.close());

test(`ten parts at once under faults, and ${KILLS} kills of their workers`, async () => {
  const random = new Random(Random.seedOfThisRun());
  world = await World.create({ processingMs: 3_000, supportsRange: true, resultsBytesPerSecond: LONG ? 200_000 : 100_000, erroredShare: 0.05 });
  for (const fault of FAULTS) world.simulator.addFault(fault);
  const start = (): Promise<TestWorker> => world.startWorker({ createTimeoutMs: 5_000 });
  const workers = [await start(), await start()];
  const count = PARTS * REQUESTS_A_PART;
  const requests = await world.writeRequests(count);
  const job = await world.startJob({ requests, maxRequestsPerBatch: REQUESTS_A_PART, pollIntervalMs: 500, createGraceMs: 500, retries: 0 });
  const result = job.result();
  const ended = result.then(
    () => true,
    () => true,
  );

  let kills = 0;
  while (kills < KILLS && !(await Promise.race([ended, sleep(BETWEEN_KILLS_MS, false)]))) {
    const victim = kills++ % workers.length;
    await workers[victim]!.kill();
    world.simulator.addFault({ ...FAULTS[random.below(FAULTS.length)]!, after: random.below(3) });
    workers[victim] = await start();
  }
  const report = await result;
  process.stderr.write(`${kills} kills, ${world.simulator.stats().events.fault} faults\n`);

  expect(world.simulator.stats().accepted).toHaveLength(PARTS);
  world.simulator.clearFaults();
  world.simulator.setOptions({ resultsBytesPerSecond: Infinity });
  expectPaidOnce(world, [report], count);
  await expectTruthOfParts(world, report, idsOf(count));
}, LONG ? 3_600_000 : 240_000);
