/**
 * Jobs that together want far more than their account allows: calls a minute, and requests in the processing queue. All end, no call
 * is refused, few creates are, and a small job that comes last does not wait for the big ones. `npm run test:long` does it with
 * twenty jobs at 50 calls a minute and 100,000 queued requests.
 */
import { LONG } from '../support/long-form';
import { sharedTemporal } from '../support/shared-temporal';
import { expectPaidOnce, expectTruthOfParts, idsOf } from '../support/truth-of-parts';
import { World } from '../support/world';

const BIG_JOBS = LONG ? 19 : 5;
const PARTS = LONG ? 2 : 3;
const REQUESTS_A_PART = LONG ? 30_000 : 100;
const SMALL = LONG ? 1_000 : 10;
const CALLS_PER_MINUTE = LONG ? 50 : 150;
const QUEUE_LIMIT = LONG ? 100_000 : 2 * REQUESTS_A_PART;
/** Often, so that the small form too wants more calls than it may make. */
const POLL_INTERVAL_MS = LONG ? undefined : 200;

const shared = sharedTemporal();
let world: World;

beforeAll(async () => {
  world = await World.create({ processingMs: LONG ? 30_000 : Infinity, requestsPerMinute: CALLS_PER_MINUTE, queueLimit: QUEUE_LIMIT }, await shared.start());
});

afterAll(async () => {
  await world.close();
  await shared.stop();
});

/** Ends the oldest batch whenever the room is full, as if each took hours: who is next shows in the order in which batches are accepted. */
async function endOneByOne(batches: number): Promise<void> {
  for (let ended = 0; ended < batches; ended++) {
    world.simulator.endBatch(world.simulator.stats().accepted[ended]!.id);
    if (ended + 2 < batches) await world.simulator.waitFor('create-accepted', ended + 3);
  }
}

test(`${BIG_JOBS + 1} jobs at ${CALLS_PER_MINUTE} calls a minute and ${QUEUE_LIMIT} queued requests`, async () => {
  await world.startWorker({ callsPerMinute: CALLS_PER_MINUTE });
  const names = Array.from({ length: BIG_JOBS }, (_, job) => `big-${job}`);
  const run = async (name: string, count: number) => {
    const requests = await world.writeRequests(count, { name: `${name}.jsonl`, prefix: name });
    return world.runJob({ jobId: `${world.jobId}-${name}`, requests, maxRequestsPerBatch: REQUESTS_A_PART, pollIntervalMs: POLL_INTERVAL_MS });
  };
  const big = names.map((name) => run(name, PARTS * REQUESTS_A_PART));
  // By then there is no room; in the small form nothing ends before all have asked for it, so the small one is the last to ask.
  if (LONG) await world.simulator.waitFor('create-accepted', 2);
  else await world.accountHas({ waiting: BIG_JOBS * PARTS - 2, admitted: 2 });
  const small = run('small', SMALL);
  if (!LONG) {
    await world.accountHas({ waiting: BIG_JOBS * PARTS - 1, admitted: 2 });
    await endOneByOne(BIG_JOBS * PARTS + 1);
  }
  const reports = await Promise.all([...big, small]);

  const { calls, callRate, accepted } = world.simulator.stats();
  const made = Object.values(calls).reduce((sum, count) => sum + count, 0);
  process.stderr.write(`${made} calls, at most ${callRate.peakPerMinute} in a minute; ${calls.create - accepted.length} creates refused\n`);
  expect(callRate.refused).toBe(0);
  expect(calls.create - accepted.length).toBeLessThanOrEqual(LONG ? 20 : 10);
  expectPaidOnce(world, reports, BIG_JOBS * PARTS * REQUESTS_A_PART + SMALL);
  const smallDone = reports.pop()!;
  world.simulator.setOptions({ requestsPerMinute: 1_000_000 });
  await expectTruthOfParts(world, smallDone, idsOf(SMALL, 'small'));
  for (const [job, report] of reports.entries()) await expectTruthOfParts(world, report, idsOf(PARTS * REQUESTS_A_PART, names[job]));
  // Each of the others had about one turn before it.
  expect(accepted.findIndex(({ requests }) => requests === SMALL)).toBeLessThanOrEqual(BIG_JOBS + 2);
}, LONG ? 3_600_000 : 240_000);
