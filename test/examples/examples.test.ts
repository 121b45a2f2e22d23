/** The samples of the documentation run as they stand, against a real server and the simulator. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client, Connection } from '@temporalio/client';
import type { Worker } from '@temporalio/worker';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { answers } from '../../examples/api';
import { askOnce, cancelLastMonth, gradeAll } from '../../examples/client';
import { createFollowUpWorker } from '../../examples/follow-up-worker';
import { createWorker } from '../../examples/worker';
import { MessageBatchesClient } from '../../src/client';
import type { FollowUpInput, FollowUpLine, FollowUpOptions, FollowUpSliceInput, JobReport } from '../../src/contract';
import type { Simulator } from '../../src/testing';
import { startSimulator } from '../../src/testing';
import { sharedTemporal } from '../support/shared-temporal';

const shared = sharedTemporal();
let folder: string;
let address: string;
let simulator: Simulator;
let connection: Connection;
let native: NativeConnection;
let worker: Worker;
let running: Promise<void>;
let client: Client;
let requests: string;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  folder = await mkdtemp(join(tmpdir(), 'message-batches-examples-'));
  simulator = await startSimulator({ folder: join(folder, 'simulator'), processingMs: 300 });
  ({ address } = await shared.start());
  connection = await Connection.connect({ address });
  native = await NativeConnection.connect({ address });
  client = new Client({ connection });
  process.env['ANTHROPIC_API_KEY'] = 'test-key';
  process.env['ANTHROPIC_BASE_URL'] = simulator.url;
  worker = await createWorker(native, join(folder, 'storage'));
  running = worker.run();
  requests = join(folder, 'requests.jsonl');
  const lines = [7, 8, 9].map((factor) => ({
    custom_id: `times-${factor}`,
    params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: `What is ${factor} * 6?` }] },
    metadata: { expected: String(factor === 9 ? 55 : factor * 6) },
  }));
  await writeFile(requests, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
});

afterAll(async () => {
  worker.shutdown();
  await running;
  await native.close();
  await connection.close();
  await simulator.close();
  await shared.stop();
  await rm(folder, { recursive: true, force: true });
});

// The sample tells of its progress on the console.
beforeEach(() => void jest.spyOn(console, 'error').mockReturnValue());

test('a client starts a job, watches it, reads its results', async () => {
  const outcomes = await gradeAll(client, requests);
  expect([...outcomes].sort()).toEqual([
    ['times-7', 'succeeded'],
    ['times-8', 'succeeded'],
    ['times-9', 'succeeded'],
  ]);
});

test('a client makes requests, and reads the result of one of them', async () => {
  expect(await askOnce(client, join(folder, 'made'))).toBe('succeeded');
});

test('a workflow runs the requests that its activity makes', async () => {
  const options = { workflowId: 'ask-all', taskQueue: 'message-batches', args: ['times-of-activity', [2, 3]] };
  const report = (await client.workflow.execute('askAll', options)) as JobReport;
  expect(report).toMatchObject({ job_id: 'times-of-activity', input: { path: expect.stringMatching(/requests-[0-9a-f]{16}\.jsonl$/), requests: 2 }, outcomes: { succeeded: 2 } });
});

test('cancel of a job that nobody knows says so', async () => {
  await expect(cancelLastMonth(client)).rejects.toThrow('knows no job grades-2026-10');
});

test('another workflow runs a job as a child, with a follow-up for each result', async () => {
  const report = (await client.workflow.execute('nightlyGrading', {
    workflowId: 'nightly',
    taskQueue: 'message-batches',
    args: ['2026-11-21', requests],
  })) as JobReport;
  expect(report.outcomes.succeeded).toBe(3);
  expect(report.follow_ups).toMatchObject({ selected: 3, started: 3, succeeded: 3, failed: 0 });
  const graded = await Promise.all(
    [7, 8, 9].map((factor) => client.workflow.getHandle(`message-batches/follow-up/grading-2026-11-21/1/times-${factor}`).result() as Promise<{ correct: boolean }>),
  );
  expect(graded).toEqual([{ correct: true }, { correct: true }, { correct: false }]);
});

test('the worker of follow-ups, started by its one command, serves them until it is told to end', async () => {
  const program = join(__dirname, '..', '..', 'examples', 'follow-up-worker.ts');
  // What `npx tsx` starts, without the wrapper around it: that one kills a child which does not answer a signal within 30 ms.
  const child = spawn(process.execPath, ['--import', 'tsx', program], { env: { ...process.env, TEMPORAL_ADDRESS: address }, stdio: ['ignore', 'ignore', 'pipe'] });
  const exit = once(child, 'exit');
  const errors = text(child.stderr);
  const job = await new MessageBatchesClient({ client }).startJob({ id: 'by-its-command', requests, followUp: { workflow: 'gradeAnswer', taskQueue: 'grading' } });
  const lost = exit.then(async () => Promise.reject(new Error(`The worker ended by itself: ${await errors}`)));
  lost.catch(() => undefined);
  expect(await Promise.race([job.report(), lost])).toMatchObject({ follow_ups: { selected: 3, succeeded: 3 } });
  child.kill('SIGINT');
  expect(await exit).toEqual([0, null]);
});

/** Two stored results, as a follow-up of each and one of their slice are told of them. */
async function storedResults(): Promise<{ inputs: FollowUpInput[]; slice: FollowUpSliceInput }> {
  const lines = ['42', '54'].map((text, n) => JSON.stringify({ custom_id: `q-${n}`, result: { type: 'succeeded', message: { content: [{ type: 'text', text }], stop_reason: 'end_turn' } } }));
  const [uri, list] = [join(folder, 'stored.jsonl'), join(folder, 'list.jsonl')];
  const of = { jobId: 'stored', round: 1, part: 1, activityTaskQueue: 'message-batches' };
  const inputs = lines.map((line, n): FollowUpInput => ({ ...of, customId: `q-${n}`, outcome: 'succeeded', metadata: {}, result: { uri, offset: n === 0 ? 0 : lines[0]!.length + 1, length: line.length } }));
  await writeFile(uri, lines.map((line) => `${line}\n`).join(''));
  await writeFile(list, inputs.map((input) => `${JSON.stringify(input)}\n`).join(''));
  return { inputs, slice: { ...of, slice: 1, count: 2, results: { uri: list } } };
}

describe('with a worker of follow-ups', () => {
  let own: Worker;
  let serving: Promise<void>;

  beforeAll(async () => {
    own = await createFollowUpWorker(native);
    serving = own.run();
  });

  afterAll(async () => {
    own.shutdown();
    await serving;
  });

  // The simulator answers in sentences.
  const notJson = { valid: false, reason: 'not_json' };
  const schema = { type: 'number', maximum: 50 };
  test.each<[string, FollowUpOptions, unknown[]]>([
    ['each result, by a worker of its own', { workflow: 'gradeAnswer', taskQueue: 'grading' }, [{ correct: true }, { correct: true }, { correct: false }]],
    ['slices, whose results an activity reads by reference', { workflow: 'countWordsOfSlice', taskQueue: 'grading', per: 2 }, [{ words: expect.any(Number) }, { words: expect.any(Number) }]],
    ['answers against a schema', { workflow: 'checkJsonAnswer', args: [{ schema }] }, [notJson, notJson, notJson].map((each) => expect.objectContaining(each))],
    ['slices against a schema', { workflow: 'checkJsonAnswersOfSlice', per: 3, args: [{ schema }] }, [{ valid: 0, invalid: 3, reasons: { not_json: 3 }, failing: ['times-7', 'times-8', 'times-9'] }]],
  ])('a job has follow-ups: %s', async (name, followUp, values) => {
    const job = await new MessageBatchesClient({ client }).startJob({ id: name.replace(/\W+/g, '-'), requests, followUp });
    const { output, follow_ups } = await job.report();
    expect(follow_ups).toMatchObject({ selected: values.length, succeeded: values.length, failed: 0 });
    const lines = (await readFile(join(output, 'follow-ups.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as FollowUpLine);
    expect(lines.map(({ value }) => value)).toEqual(values);
  });

  test('an activity reads the results of a slice by reference', async () => {
    const { slice } = await storedResults();
    expect(await client.workflow.execute('countWordsOfSlice', { workflowId: 'words', taskQueue: 'grading', args: [slice] })).toEqual({ words: 2 });
  });
});

test('answers are held against a schema, one by one and in slices, by the worker of the product', async () => {
  const { inputs, slice } = await storedResults();
  const check = { schema: { type: 'number', maximum: 50 } };
  const run = (workflow: string, id: string, args: unknown[]): Promise<unknown> => client.workflow.execute(workflow, { workflowId: id, taskQueue: 'message-batches', args });
  expect(await run('checkJsonAnswer', 'check-0', [inputs[0], check])).toEqual({ valid: true, value: 42 });
  expect(await run('checkJsonAnswer', 'check-1', [inputs[1], check])).toEqual({ valid: false, reason: 'schema', errors: [{ path: '', message: 'must be <= 50' }] });
  expect(await run('checkJsonAnswersOfSlice', 'check-slice', [slice, check])).toEqual({ valid: 1, invalid: 1, reasons: { schema: 1 }, failing: ['q-1'] });
  const bad = run('checkJsonAnswer', 'check-bad', [inputs[0], { schema: { type: 'nombre' } }]);
  await expect(bad).rejects.toMatchObject({ cause: { cause: { type: 'InvalidInput', nonRetryable: true, message: expect.stringContaining('The JSON schema cannot be used') } } });
});

test('the API client by itself sends a file as one batch and reads its answers', async () => {
  const path = join(folder, 'without-metadata.jsonl');
  const lines = ['one', 'two'].map((id) => JSON.stringify({ custom_id: id, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: 'What is 17 * 23?' }] } }));
  await writeFile(path, lines.join('\n'));
  const texts = await answers(path);
  expect([...texts.keys()].sort()).toEqual(['one', 'two']);
  expect(texts.get('one')).not.toBe('');
});
