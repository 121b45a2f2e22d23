/** The data of follow-ups, from the plan to the outputs: each activity by itself, with real files. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createActivities, type ActivityDependencies, type MessageBatchesActivities, type PlanJobInput } from '../../src/activities';
import { MessageBatchesApi } from '../../src/api';
import { type FollowUpInput, type FollowUpOptions, followUpWorkflowId, type JobReport, noUsage } from '../../src/contract';
import { JobFolder, outputFolder, verifyJob, workFolder } from '../../src/jobs';
import { openStorageRoot } from '../../src/storage';
import { eachShard } from '../../src/workflows/sharded-list';
import { closePartIn, linesOfFile, requestLine, succeeded, writeLines } from '../jobs/helpers';

type Name = keyof MessageBatchesActivities extends `messageBatches.${infer Plain}` ? Plain : never;
type Activity<N extends Name> = MessageBatchesActivities[`messageBatches.${N}`];

let folder: string;
let deps: ActivityDependencies;
let ref: { jobId: string; round: number; part: number; output: string };
let requests: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-follow-ups-'));
  const baseUrl = 'http://127.0.0.1:9';
  const api = new MessageBatchesApi({ baseUrl, credential: { kind: 'x-api-key', token: 'key' } });
  deps = { api, account: { label: 'test', baseUrl }, storage: await openStorageRoot(join(folder, 'storage')) };
  ref = { jobId: 'job', round: 1, part: 1, output: join(folder, 'output') };
  requests = writeLines(folder, ['a', 'b', 'c'].map((id) => requestLine(id, 'Hi', { of: id })));
});
afterEach(async () => {
  await deps.api.close();
  await rm(folder, { recursive: true });
});

function run<N extends Name>(name: N, ...args: Parameters<Activity<N>>): ReturnType<Activity<N>> {
  const activity = createActivities(deps)[`messageBatches.${name}`] as (...given: unknown[]) => Promise<unknown>;
  const result: Promise<unknown> = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, ...args);
  return result as ReturnType<Activity<N>>;
}

const failureOf = (attempt: Promise<unknown>) => attempt.then(() => undefined, (error: unknown) => error as ApplicationFailure);
const plan = (changes: Partial<PlanJobInput> = {}) => run('planJob', { jobId: 'job', requests, output: ref.output, simulated: true, betas: [], ...changes });
const select = (options: FollowUpOptions) => run('selectFollowUps', { ref, requests: 3, options, withoutRetryable: false, activityTaskQueue: 'files' });

/** As if the part's batch had ended, and had been reported. */
async function ended(): Promise<void> {
  const { outcomes } = await closePartIn(workFolder(ref.output), 1, 1, 3, ['c', 'a', 'b'].map((id) => succeeded(id)));
  const records = new JobFolder(deps.storage.folder, 'job').part(1, 1);
  await records.creates.answered(1, { batch_id: 'msgbatch_1', created_at: '', simulated: true });
  await records.writeReport({ jobId: 'job', round: 1, part: 1, batchId: 'msgbatch_1', requests: 3, outcomes, retryable: 0, usage: noUsage(), problems: [], simulated: true });
}

describe('planJob', () => {
  it('refuses follow-ups that cannot be run before it makes anything', async () => {
    const failure = await failureOf(plan({ followUp: { workflow: 'any', window: 0 } }));
    expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true, message: expect.stringContaining('option window of a follow-up'), details: [{ code: 'bad_follow_up', hint: expect.any(String) as string }] });
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(existsSync(ref.output)).toBe(false);
    expect(await new JobFolder(deps.storage.folder, 'job').readJob()).toBeUndefined();
  });

  it('keeps to the first ones, and says so where the job goes on with others', async () => {
    const first: FollowUpOptions = { workflow: 'any', window: 5, args: [1] };
    expect((await plan({ followUp: first })).followUp).toEqual(first);
    expect((await plan()).followUp).toEqual(first);
    const faster: FollowUpOptions = { ...first, on: ['succeeded'], window: 9, taskQueue: 'elsewhere' };
    expect((await plan({ followUp: faster })).followUp).toEqual(faster);
    for (const other of [{ ...first, workflow: 'other' }, { ...first, args: [2] }, { ...first, per: 2 }, { ...first, where: { stopReason: 'end_turn' } }]) {
      const failure = await failureOf(plan({ followUp: other }));
      expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true, message: expect.stringContaining('The first stand'), details: [{ code: 'follow_up_changed' }] });
      await ended();
      expect(await failureOf(select(other))).toMatchObject({ details: [{ code: 'follow_up_changed' }] });
    }
  });

  it('of a job without follow-ups tells of none', async () => {
    expect(await plan()).not.toHaveProperty('followUp');
  });
});

it('goes from results by list, pages and ends to the outputs, and proves them', async () => {
  const followUp: FollowUpOptions = { workflow: 'any', where: { pointer: '/result/type' } };
  await plan({ followUp });
  await ended();
  const [shard, ...others] = eachShard(await select(followUp));
  expect([others, shard!.count]).toEqual([[], 3]);
  const { inputs } = (await run('listFollowUps', shard!.list, ref)) as { inputs: FollowUpInput[] };
  expect(inputs.map(({ customId }) => customId)).toEqual(['a', 'b', 'c']);
  expect(await run('loadResult', inputs[2]!.result)).toEqual(JSON.parse(succeeded('c')));
  expect(await run('loadRequest', inputs[1]!.request!)).toEqual({ ...(JSON.parse(requestLine('b', 'Hi')) as object), metadata: { of: 'b' } });
  await run('recordFollowUps', { ref, name: '1-run-1', ends: [{ workflowId: followUpWorkflowId('job', 1, 'b'), status: 'completed', value: { ok: true } }, { workflowId: followUpWorkflowId('job', 1, 'c'), status: 'failed', failure: { type: 'T', message: 'm' } }] });
  expect(await run('listFollowUps', shard!.list, ref)).toEqual({ inputs: [inputs[0]], recorded: { succeeded: 1, failed: 1 } });

  const report = await run('finishJob', 'job');
  const { followUps } = outputFolder(ref.output);
  expect(report.follow_ups).toEqual({ selected: 3, started: 2, succeeded: 1, failed: 1, options: followUp, file: { bytes: readFileSync(followUps).length, sha256: expect.any(String) as string } });
  expect(linesOfFile(followUps).map((line) => JSON.parse(line) as unknown)).toMatchObject([{ custom_id: 'a', status: 'not_started' }, { custom_id: 'b', status: 'completed', value: { ok: true } }, { custom_id: 'c', status: 'failed', failure: { type: 'T' } }]);
  const proof = async () => (await verifyJob(report)).checks.find(({ name }) => name === 'follow_ups');
  expect(await proof()).toMatchObject({ state: 'ok' });
  writeFileSync(followUps, readFileSync(followUps, 'utf8').replace('true', 'null'));
  expect(await proof()).toMatchObject({ state: 'failed', message: 'follow-ups.jsonl is as long as it was, but holds other bytes' });
  await rm(followUps);
  expect(await proof()).toMatchObject({ state: 'failed', message: 'follow-ups.jsonl is not there any more' });

  // What comes late finds nothing, says why, and leaves nothing behind.
  for (const late of [run('loadResult', inputs[0]!.result), run('loadRequest', inputs[0]!.request!), run('listFollowUps', shard!.list, ref), run('recordFollowUps', { ref, name: '1-run-2', ends: [] }), select(followUp)]) {
    expect(await failureOf(late)).toMatchObject({ type: 'StorageProblem', nonRetryable: true, details: [{ code: 'storage' }] });
  }
  expect(existsSync(workFolder(ref.output))).toBe(false);
});

it('a job without follow-ups has neither file nor counts', async () => {
  await plan();
  await ended();
  expect(await run('finishJob', 'job')).not.toHaveProperty('follow_ups');
  expect(existsSync(outputFolder(ref.output).followUps)).toBe(false);
});

it('a retry is refused with options that cannot be, before anything is made; null is the same as nothing', async () => {
  const report = { job_id: 'job', output: ref.output, follow_ups: { retries: 1, options: { workflow: 'any' }, file: { bytes: 0, sha256: '' } } };
  await new JobFolder(deps.storage.folder, 'job').writeReport(report as unknown as JobReport);
  const retry = (followUp: unknown) => run('selectFailedFollowUps', { jobId: 'job', attempt: 1, activityTaskQueue: 'files', followUp: followUp as FollowUpOptions });
  expect(await failureOf(retry({ window: 0 }))).toMatchObject({ type: 'InvalidInput', nonRetryable: true, details: [{ code: 'bad_follow_up' }] });
  expect(await retry({ workflow: null, window: null })).toMatchObject({ superseded: true });
});
