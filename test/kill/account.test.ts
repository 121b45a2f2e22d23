/**
 * The server under the workflow of an account is lost while batches wait for room: nobody is forgotten. `npm run test:long` also loses the
 * workflow, and waits for the two minutes after which who waits asks again.
 */
import { accountWorkflowId, workflowTaskQueue } from '../../src/contract';
import type { accountWorkflow } from '../../src/workflows';
import type { Variant } from '../support/long-form';
import { LONG, ofThisForm } from '../support/long-form';
import { expectPaidOnce, expectTruthOfParts, idsOf } from '../support/truth-of-parts';
import { World } from '../support/world';

const JOBS = 10;
const PARTS = 2;
const REQUESTS_A_PART = 10;
const REQUESTS = PARTS * REQUESTS_A_PART;
/** Room for three parts. */
const QUEUE_LIMIT = 35;

let world: World;

afterEach(() => world.close());

/** @param jobs so many, which differ in their requests. */
async function startJobs(jobs: number) {
  const names = Array.from({ length: jobs }, (_, job) => `job-${job}`);
  const inputs = await Promise.all(names.map((prefix) => world.writeRequests(REQUESTS, { name: `${prefix}.jsonl`, prefix })));
  const handles = await Promise.all(
    inputs.map((requests, job) => world.startJob({ jobId: `${world.jobId}-${job}`, requests, maxRequestsPerBatch: REQUESTS_A_PART, queueLimit: QUEUE_LIMIT, pollIntervalMs: 300 })),
  );
  return { names, handles };
}

async function expectAllDone({ names, handles }: Awaited<ReturnType<typeof startJobs>>): Promise<void> {
  const reports = await Promise.all(handles.map((job) => job.result()));
  expectPaidOnce(world, reports, handles.length * REQUESTS);
  for (const [job, report] of reports.entries()) {
    expect(report.outcomes.succeeded).toBe(REQUESTS);
    await expectTruthOfParts(world, report, idsOf(REQUESTS, names[job]));
  }
}

const RUNS: (Variant & { runs: string; mostEvents?: number })[] = [
  { runs: 'one run of its workflow', onlyLong: true },
  { runs: 'many continue-as-new', mostEvents: 40 },
];

test.each(ofThisForm(RUNS))('SIGKILL of the server while batches wait and others are admitted, then a restart; $runs', async ({ mostEvents }) => {
  world = await World.create({ processingMs: Infinity });
  await world.startWorker();
  await (await world.client()).workflow.start<typeof accountWorkflow>('accountWorkflow', {
    workflowId: accountWorkflowId(world.account),
    taskQueue: workflowTaskQueue(world.account),
    args: [{ mostEvents }],
  });
  const jobs = await startJobs(4);
  await world.accountHas({ waiting: 4, admitted: 3 });
  await world.temporal.restart();
  world.endBatches(300);
  await world.simulator.waitFor('create-accepted', 4);
  // Once more, while it is at work.
  await world.temporal.restart();
  await expectAllDone(jobs);
}, 360_000);

// `npm test` has it of one job, which asks again at once, in workflows/account.test.ts.
if (LONG) test('the workflow of the account is terminated in the middle of ten jobs', async () => {
  world = await World.create({ processingMs: Infinity, queueLimit: 60 });
  await world.startWorker();
  const jobs = await startJobs(JOBS);
  await world.accountHas({ waiting: JOBS, admitted: 3 });
  const client = await world.client();
  await client.workflow.getHandle(accountWorkflowId(world.account)).terminate('test');
  world.endBatches(300);
  // Who waits asks again after two minutes.
  await expectAllDone(jobs);
  const { queueLimit } = await jobs.handles[0]!.query<{ queueLimit: number }, []>('status');
  expect(queueLimit).toBe(QUEUE_LIMIT);
}, 600_000);
