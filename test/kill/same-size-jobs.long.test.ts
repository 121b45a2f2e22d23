/** Ten jobs of the same size, and no answer to any first create: each finds its own batch, and none takes another's. */
import { expectPaidOnce, expectTruthOfParts, idsOf } from '../support/truth-of-parts';
import { World } from '../support/world';

const JOBS = 10;
const REQUESTS = 12;

let world: World;

afterEach(() => world.close());

test('ten jobs of the same size whose first answers are all lost', async () => {
  world = await World.create();
  world.simulator.addFault({ on: 'create', kind: 'lose-answer', times: JOBS });
  await world.startWorker({ createTimeoutMs: 5_000 });
  const names = Array.from({ length: JOBS }, (_, job) => `job-${job}`);
  const inputs = await Promise.all(names.map((prefix) => world.writeRequests(REQUESTS, { name: `${prefix}.jsonl`, prefix })));
  const reports = await Promise.all(inputs.map((requests, job) => world.runJob({ jobId: `${world.jobId}-${job}`, requests, createGraceMs: 500, pollIntervalMs: 500 })));

  expect(world.simulator.stats().accepted).toHaveLength(JOBS);
  expectPaidOnce(world, reports, JOBS * REQUESTS);
  for (const [job, report] of reports.entries()) {
    expect(report.batches).toHaveLength(1);
    await expectTruthOfParts(world, report, idsOf(REQUESTS, names[job]));
  }
}, 480_000);
