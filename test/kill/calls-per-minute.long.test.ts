/**
 * Many workers, each a process of its own, with more to ask than the API allows: counted at the simulator, no sliding minute has more
 * calls than the limit, and none is refused. `npm run test:long` does it with twenty, at the lowest limit of the real
 * API.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LONG } from '../support/long-form';
import { sharedTemporal } from '../support/shared-temporal';
import { World } from '../support/world';

const WORKERS = LONG ? 20 : 12;
const JOBS = WORKERS;
/** Two cores load so many at a time. */
const STARTED_TOGETHER = 4;
const LIMIT = LONG ? 50 : 300;
/** Longer than a minute, so that the first calls are forgotten while there are still more to make. */
const BUSY_MS = LONG ? 180_000 : 45_000;

const shared = sharedTemporal();
let world: World;

beforeAll(async () => {
  world = await World.create({ processingMs: Infinity, requestsPerMinute: LIMIT }, await shared.start());
});

afterAll(async () => {
  await world.close();
  await shared.stop();
});

test(`${WORKERS} workers keep to ${LIMIT} calls a minute together`, async () => {
  const begun = Date.now();
  for (let started = 0; started < WORKERS; started += STARTED_TOGETHER) {
    await Promise.all(Array.from({ length: STARTED_TOGETHER }, () => world.startWorker({ maxCachedWorkflows: 2, callsPerMinute: LIMIT })));
  }
  const input = await world.writeRequests(3);
  const jobs = await Promise.all(Array.from({ length: JOBS }, (_, job) => world.startJob({ jobId: `${world.jobId}-${job}`, requests: input, pollIntervalMs: 200 })));
  await sleep(BUSY_MS);
  const busy = world.simulator.stats();
  world.simulator.setOptions({ processingMs: 0 });
  for (const { id } of busy.accepted) world.simulator.endBatch(id);
  const reports = await Promise.all(jobs.map((job) => job.result()));

  expect(reports.map(({ outcomes }) => outcomes.succeeded)).toEqual(Array(JOBS).fill(3));
  const { calls, callRate, accepted } = world.simulator.stats();
  const made = Object.values(calls).reduce((sum, count) => sum + count, 0);
  process.stderr.write(`${made} calls in ${Math.round((Date.now() - begun) / 1_000)} s, at most ${callRate.peakPerMinute} in a minute, ${callRate.refused} refused\n`);
  expect(accepted).toHaveLength(JOBS);
  expect(callRate.refused).toBe(0);
  expect(callRate.peakPerMinute).toBeLessThanOrEqual(LIMIT);
  // They did have more to ask: of the places of the busy time, most were used.
  expect(Object.values(busy.calls).reduce((sum, count) => sum + count, 0)).toBeGreaterThan((LIMIT * BUSY_MS) / 72_000 / 2);
  const [account] = await readdir(join(world.storage, 'accounts'));
  expect((await readdir(join(world.storage, 'accounts', account!, 'calls'))).length).toBeLessThanOrEqual(15);
}, BUSY_MS + 240_000);
