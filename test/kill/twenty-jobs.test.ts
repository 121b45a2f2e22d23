/**
 * Jobs that together want far more than their account allows: calls a minute, and requests in the processing queue. All end, no call
 * is refused, few creates are, and a small job that comes last does not wait for the big ones. `npm run test:long` does it with
 * twenty jobs at 50 calls a minute and 100,000 queued requests.
 */
import { sharedTemporal } from '../support/shared-temporal';
import { expectPaidOnce, expectTruthOfParts, idsOf } from '../support/truth-of-parts';
import { World } from '../support/world';

const LONG = process.env['REPETITIONS'] !== undefined;
const BIG_JOBS = LONG ? 19 : 5;
const PARTS = 2;
const REQUESTS_A_PART = LONG ? 30_000 : 100;
const SMALL = LONG ? 1_000 : 10;
const CALLS_PER_MINUTE = LONG ? 50 : 150;
const QUEUE_LIMIT = LONG ? 100_000 : 250;
/** Often, so that the small form too wants more calls than it may make. */
const POLL_INTERVAL_MS = LONG ? undefined : 200;

const shared = sharedTemporal();
let world: World;

beforeAll(async () => {
  world = await World.create({ processingMs: LONG ? 30_000 : 2_000, requestsPerMinute: CALLS_PER_MINUTE, queueLimit: QUEUE_LIMIT }, await shared.start());
});

afterAll(async () => {
  await world.close();
  await shared.stop();
});

test(`${BIG_JOBS + 1} jobs at ${CALLS_PER_MINUTE} calls a minute and ${QUEUE_LIMIT} queued requests`, async () => {
  await world.startWorker({ callsPerMinute: CALLS_PER_MINUTE });
  const names = Array.from({ length: BIG_JOBS }, (_, job) => `big-${job}`);
  const run = async (name: string, count: number) => {
    const requests = await world.writeRequests(count, { name: `${name}.jsonl`, prefix: name });
    return world.runJob({ jobId: `${world.jobId}-${name}`, requests, maxRequestsPerBatch: REQUESTS_A_PART, pollIntervalMs: POLL_INTERVAL_MS });
  };
  const big = names.map((name) => run(name, PARTS * REQUESTS_A_PART));
  // By then there is no room: the others wait.
  await world.simulator.waitFor('create-accepted', 2);
  const small = run('small', SMALL);
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
  // Of those that came before it, most were still at work.
  const before = reports.filter((report) => Date.parse(report.ended_at) < Date.parse(smallDone.ended_at));
  expect(before.length).toBeLessThanOrEqual(BIG_JOBS / 2);
}, LONG ? 3_600_000 : 240_000);
