/** Parts with betas of their own, and parts that are cut in two: activities by themselves, with a real simulator. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { MessageBatchesActivities, PartReference } from '../../src/activities';
import { createActivities } from '../../src/activities';
import { MessageBatchesApi } from '../../src/api';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { openStorageRoot } from '../../src/storage';
import { requestLine, writeLines } from '../jobs/helpers';

let folder: string;
let simulator: Simulator;
let api: MessageBatchesApi;
let activities: MessageBatchesActivities;
/** `anthropic-beta` of each create. */
let sent: (string | undefined)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-split-'));
  simulator = await startSimulator({ folder: join(folder, 'simulator'), processingMs: 0 });
  sent = [];
  const onRequest = ({ call, headers }: { call: string; headers: Readonly<Record<string, string>> }) => {
    if (call === 'create') sent.push(headers['anthropic-beta']);
  };
  api = new MessageBatchesApi({ baseUrl: simulator.url, credential: { kind: 'x-api-key', token: 'key' }, maxRetries: 0, hooks: { onRequest } });
  activities = createActivities({ api, account: { label: 'test', baseUrl: simulator.url }, storage: await openStorageRoot(join(folder, 'storage')) });
  const lines = [requestLine('a'), requestLine('b'), requestLine('c'), requestLine('d').replace('{', '{"betas":["own-2","own-1","job"],')];
  const requests = writeLines(folder, lines);
  await run('planJob', { jobId: 'job', requests, output: join(folder, 'output'), simulated: true, betas: ['job'] });
});
afterEach(async () => {
  await api.close();
  await simulator.close();
  await rm(folder, { recursive: true });
});

const ref = (part: number): PartReference => ({ jobId: 'job', round: 1, part, output: join(folder, 'output'), betas: ['job'] });
type Name = keyof MessageBatchesActivities extends `messageBatches.${infer N}` ? N : never;
function run<N extends Name>(name: N, ...args: Parameters<MessageBatchesActivities[`messageBatches.${N}`]>): Promise<Awaited<ReturnType<MessageBatchesActivities[`messageBatches.${N}`]>>> {
  const activity = activities[`messageBatches.${name}`] as unknown as (...given: unknown[]) => Promise<Awaited<ReturnType<MessageBatchesActivities[`messageBatches.${N}`]>>>;
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, ...args);
}

it('a batch is created with the betas of the job and those of its requests', async () => {
  for (const [part, requests, betas] of [[1, 3, ['job']], [2, 1, ['job', 'own-1', 'own-2']]] as const) {
    expect(await run('openPart', ref(part))).toMatchObject({ requests, betas });
    await run('claimCreate', ref(part), requests);
    expect(await run('createBatch', ref(part), 1, { newestBefore: [], graceMs: 1000 })).toMatchObject({ kind: 'accepted' });
  }
  expect(sent).toEqual(['job', 'job,own-1,own-2']);
});

it('a part is cut in two, and stays so', async () => {
  const { parts } = await run('splitPart', ref(1), [3, 4]);
  expect(parts).toMatchObject([{ part: 3, requests: 2 }, { part: 4, requests: 1 }]);
  expect(await run('splitPart', ref(1), [5, 6])).toEqual({ parts });
  expect(await run('openPart', ref(1))).toMatchObject({ splitInto: [3, 4] });
  expect(await run('openPart', ref(4))).toMatchObject({ requests: 1 });
  await expect(run('createBatch', ref(1), 1, { newestBefore: [], graceMs: 1000 })).rejects.toThrow('was split');
  await run('claimCreate', ref(3), 2);
  expect(await run('createBatch', ref(3), 1, { newestBefore: [], graceMs: 1000 })).toMatchObject({ kind: 'accepted' });
  expect(await run('begunParts', ref(1))).toEqual([3]);
  const planned = await run('planJob', { jobId: 'job', requests: join(folder, 'input.jsonl'), simulated: true, betas: [] });
  expect(planned.parts).toEqual([3, 1]);
  expect(planned.planned).toMatchObject([{ part: 1, splitInto: [3, 4] }, { part: 2, requests: 1 }, { part: 3 }, { part: 4 }]);
});

it('one request is all there is, a number is taken, or the part may have a batch: it is not cut', async () => {
  expect(await run('splitPart', ref(2), [3, 4])).toEqual({ parts: [] });
  await expect(run('splitPart', ref(1), [2, 3])).rejects.toMatchObject({ type: 'NumberTaken', nonRetryable: true });
  await run('claimCreate', ref(1), 3);
  await run('createBatch', ref(1), 1, { newestBefore: [], graceMs: 1000 });
  await expect(run('splitPart', ref(1), [3, 4])).rejects.toMatchObject({ type: 'PartBegun', nonRetryable: true });
});

it('a job with a split part comes to an end', async () => {
  await run('splitPart', ref(1), [3, 4]);
  await run('recordCancel', 'job');
  expect(await run('finishJob', 'job')).toMatchObject({ outcomes: { unsent: 4 }, status: 'canceled', problems: [] });
});

it('a further round tells of its parts', async () => {
  for (const [part, requests] of [[1, 3], [2, 1]] as const) {
    const unsent = { jobId: 'job', round: 1, part, requests, outcomes: { succeeded: 0, errored: 0, canceled: 0, expired: 0, missing: 0, unsent: requests }, retryable: 0, problems: [], simulated: true };
    const usage = { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 }, server_tool_use: {} };
    await run('reportPart', ref(part), { ...unsent, usage });
  }
  expect(await run('planNextRound', { ...ref(1), round: 2 }, {})).toEqual([]);
  expect(await run('planRound', { ...ref(1), round: 2 })).toEqual([]);
});
