/** Ctrl-C, SIGTERM and SIGHUP while a job runs: who goes on with it. */
import { join } from 'node:path';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { CliWorld } from './support/cli-world';
import type { RunningCli } from './support/cli-world';
import { endBatches } from '../support/end-batches';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;

beforeAll(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api') });
  api = { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: 'test-key' };
});
// Until `endBatches`.
beforeEach(() => simulator.setOptions({ processingMs: Infinity }));
afterAll(async () => {
  await world.close();
  await simulator.close();
});

async function startRun(seed: string, ...more: string[]): Promise<RunningCli> {
  const running = world.start(['run', await world.input(seed), ...more], api);
  await running.printed(/msgbatch_\w+ processing/);
  return running;
}

const background = async () => JSON.parse((await world.run(['doctor', '--json'], api)).stdout).findings.find(({ name }: { name: string }) => name === 'background').value as string;

if (LONG) test('--foreground: Ctrl-C stops, nothing goes on by itself', async () => {
  const running = await startRun('foreground', '--foreground');
  const { code, stdout, stderr } = await running.signal('SIGINT');
  expect(code).toBe(130);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/Detached; job job_\w+ is kept, and stands still until a worker runs\.\nGo on: +message-batches wait job_\w+\nCancel it: +message-batches cancel job_/);
  expect(await background()).not.toMatch(/worker/);
  endBatches({ simulator });
  expect(await world.run(['wait', 'foreground.jsonl'], api)).toMatchObject({ code: 0 });
});

test('Ctrl-C hands over: the job ends in the background, without anybody', async () => {
  const before = simulator.stats().accepted.length;
  const running = await startRun('handed');
  const { code, stderr } = await running.signal('SIGINT');
  expect(code).toBe(130);
  expect(stderr).toMatch(/Handing the job over to a background worker\. Ctrl-C again leaves at once\.\nDetached; job job_\w+ goes on in the background\.\nWatch it: +message-batches wait job_\w+\nCancel it: .*\nEnd what runs in the background: +message-batches stop\n$/);
  expect(await background()).toMatch(/worker-default-\w+ \(pid \d+\)/);
  endBatches({ simulator });
  // Looks on without a key: only the background worker can have done it.
  expect(await world.run(['status', 'handed.jsonl', '--watch', '--json'], { ...api, ANTHROPIC_API_KEY: '' })).toMatchObject({ code: 0, stdout: expect.stringMatching(/"phase":"ended".*\n$/) });
  expect(simulator.stats().accepted).toHaveLength(before + 1);
});

if (LONG) test.each(['SIGTERM', 'SIGHUP'] as const)('%s hands over too, with exit 143', async (signal) => {
  const running = await startRun(signal.toLowerCase());
  expect(await running.signal(signal)).toMatchObject({ code: 143, stderr: expect.stringMatching(/goes on in the background/) });
  endBatches({ simulator });
  expect(await world.run(['wait', `${signal.toLowerCase()}.jsonl`], api)).toMatchObject({ code: 0 });
});

if (LONG) test('a second Ctrl-C leaves at once', async () => {
  const running = await startRun('twice');
  running.child.kill('SIGINT');
  await running.printed(/Ctrl-C again leaves at once/);
  const { code, stderr } = await running.signal('SIGINT');
  expect(code).toBe(130);
  expect(stderr).toMatch(/Left at once\. The job waits until `message-batches wait job_\w+`|goes on in the background/);
  endBatches({ simulator });
  expect(await world.run(['wait', 'twice.jsonl'], api)).toMatchObject({ code: 0 });
});

if (LONG) test('somebody without a key may look on while the background worker works', async () => {
  const { stdout } = await world.run(['submit', await world.input('looked-on'), '--json'], api);
  const { job_id: id } = JSON.parse(stdout);
  const waiting = world.start(['wait', id], { ...api, ANTHROPIC_API_KEY: '' });
  await waiting.printed(/msgbatch_\w+ processing/);
  endBatches({ simulator });
  expect(await waiting.ended()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^3 of 3 requests succeeded/) });
});

test('a worker that nobody needs any more ends by itself', async () => {
  const running = world.start(['worker', '--background-child', '--idle-timeout', '1s'], api);
  const { code } = await running.ended();
  expect(code).toBe(0);
});
