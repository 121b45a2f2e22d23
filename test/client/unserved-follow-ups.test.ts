/** From the start of a job to what its status tells of follow-ups that nobody serves: all of it, with a real worker and a real server. */
import type { ObservedJobStatus } from '../../src/client';
import type { Attention } from '../../src/contract';
import { followUpShardWorkflowId, jobWorkflowId } from '../../src/contract';
import { observeJob } from '../../src/client/status';
import { Queues } from '../support/served/queues';
import { sharedTemporal } from '../support/shared-temporal';
import { World } from '../support/world';

const shared = sharedTemporal();
let queues: Queues;
let world: World;

beforeAll(async () => {
  const temporal = await shared.start();
  queues = await Queues.open(temporal.address);
  world = await World.create({}, temporal);
  await world.startWorker();
});

afterAll(async () => {
  await queues.close();
  await world.close();
  await shared.stop();
});

/** Starts a job. @returns what its status asks a person for, and how many seconds after its follow-ups were begun: what comes before them has no limit. */
async function attentionOf(name: string, workflow: string, taskQueue: string): Promise<Pick<Attention, 'code' | 'message'> & Pick<ObservedJobStatus, 'outcomes' | 'usage' | 'cost'> & { seconds: number }> {
  const jobId = `${world.jobId}-${name}`;
  await world.startJob({ jobId, requests: await world.writeRequests(5, { name: `${name}.jsonl` }), pollIntervalMs: 500, followUp: { workflow, taskQueue } });
  for (;;) {
    const { attention, outcomes, usage, cost, source, running } = await observeJob(queues.client, jobId);
    // The memo tells of it too, and a part may not have answered in time: then what it has stored is not counted yet.
    if (attention && source === 'workflow' && running[0]?.status) {
      const { startTime } = await queues.client.workflow.getHandle(followUpShardWorkflowId(jobId, 1, 1, 1)).describe();
      return { code: attention.code, message: attention.message, outcomes, usage, cost, seconds: (Date.parse(attention.since) - startTime.getTime()) / 1000 };
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test('within a minute the status says that nobody polls, in the words of the worker where one refuses the type; the job ends once somebody serves it', async () => {
  const nobody = queues.newQueue();
  const others = queues.newQueue();
  await queues.startWorker(others);
  const [first, second] = await Promise.all([attentionOf('nobody', 'endsNow', nobody), attentionOf('others', 'gradeAnswer', others)]);
  expect(first).toMatchObject({ code: 'follow_up_unserved', message: expect.stringMatching(new RegExp(`no worker polls ${nobody} for endsNow$`)) });
  // Its results are stored and paid, although its batch is not done.
  expect([first.outcomes.succeeded, first.usage.output_tokens > 0, first.cost!.spent > 0, first.cost!.reserved]).toEqual([5, true, true, 0]);
  expect(first.cost!.estimated).toEqual({ low: first.cost!.spent, high: first.cost!.spent });
  expect(second).toMatchObject({ code: 'follow_up_unserved', message: expect.stringMatching(new RegExp(`no worker polls ${others} for gradeAnswer: a worker that polls it does not know this type \\(.*no such function is exported.*\\)$`)) });
  expect(Math.max(first.seconds, second.seconds)).toBeLessThan(60);
  await queues.startWorker(nobody);
  await queues.client.workflow.getHandle(jobWorkflowId(`${world.jobId}-nobody`)).result();
  expect((await observeJob(queues.client, `${world.jobId}-nobody`)).attention).toBeUndefined();
});
