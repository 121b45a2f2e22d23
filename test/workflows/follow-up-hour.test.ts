/** A follow-up that takes an hour, on Temporal's time-skipping server: it is waited for, and holds up none of the others. */
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import type { FollowUpEnd, FollowUpPage, FollowUpService, RecordFollowUpsInput } from '../../src/activities';
import type { FollowUpInput } from '../../src/contract';
import { followUpWorkflowId } from '../../src/contract';
import type { followUpShardWorkflow } from '../../src/workflows';
import { sharedSkippedTime, testWithJava } from '../support/time-skipping-server';
import { workflowBundle } from '../support/workflow-bundle';

const HOUR = 3_600_000;
const COUNT = 10;
const SLOW = 2;

const skippedTime = sharedSkippedTime();

testWithJava('an hour of one of them', async () => {
  const environment = skippedTime();
  const [taskQueue, jobId] = ['hour', 'hour-job'];
  const inputs = Array.from({ length: COUNT }, (_, index): FollowUpInput => ({ jobId, round: 1, part: 1, customId: `id-${index}`, outcome: 'succeeded', metadata: index === SLOW ? { ms: HOUR } : {}, result: { uri: '/nowhere' }, activityTaskQueue: taskQueue }));
  const ends: FollowUpEnd[] = [];
  const endedAt: number[] = [];
  const activities = {
    'messageBatches.listFollowUps': async (): Promise<FollowUpPage> => ({ inputs }),
    'messageBatches.recordFollowUps': async ({ ends: some }: RecordFollowUpsInput): Promise<void> => void ends.push(...some),
    'messageBatches.followUpService': async (): Promise<FollowUpService> => ({ kind: 'served' }),
    began: async (): Promise<number> => 1,
    ended: async (): Promise<void> => void endedAt.push(await environment.currentTimeMs()),
  };
  const followUps = await bundleWorkflowCode({ workflowsPath: require.resolve('../support/follow-ups/workflows'), logger: new DefaultLogger('ERROR') });
  const connection = environment.nativeConnection;
  const [product, users] = [await Worker.create({ connection, taskQueue, activities, ...workflowBundle() }), await Worker.create({ connection, taskQueue: 'users', activities, workflowBundle: followUps })];
  const startedAt = await environment.currentTimeMs();
  const shard = { ref: { jobId, round: 1, part: 1, output: '/nowhere' }, list: { uri: '/nowhere', length: 1 }, count: COUNT };
  const args: Parameters<typeof followUpShardWorkflow> = [{ shard, options: { workflow: 'testFollowUp', taskQueue: 'users' }, activityTaskQueue: taskQueue, number: 1, window: 3, isLast: true }];
  const counts = await users.runUntil(product.runUntil(environment.client.workflow.execute<typeof followUpShardWorkflow>('followUpShardWorkflow', { taskQueue, workflowId: 'shard', args })));

  expect(counts).toEqual({ selected: COUNT, started: COUNT, succeeded: COUNT, failed: 0 });
  expect(ends.map(({ workflowId }) => workflowId).sort()).toEqual(inputs.map(({ customId }) => followUpWorkflowId(jobId, 1, customId)).sort());
  expect(endedAt.filter((at) => at - startedAt < HOUR)).toHaveLength(COUNT - 1);
  expect(Math.max(...endedAt) - startedAt).toBeGreaterThanOrEqual(HOUR);
}, 120_000);
