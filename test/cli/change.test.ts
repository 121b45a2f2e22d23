/** Settings that are typed for a job that runs: they stand in its history when the command has ended. */
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { JobSettings } from '../../src/contract';
import { jobWorkflowId, settingsSignal } from '../../src/contract';
import { openHome, temporalConnection } from '../../src/local';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { CliWorld } from './support/cli-world';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;

beforeAll(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: Infinity });
  api = { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: 'test-key' };
});
afterAll(async () => {
  await world.close();
  await simulator.close();
});

/** What was sent to a job, oldest first: the names of signals, and the settings. */
async function sentTo(jobId: string): Promise<(string | JobSettings)[]> {
  const env = { MESSAGE_BATCHES_HOME: world.home, TEMPORAL_CLI_PATH: process.env['TEMPORAL_CLI_PATH'] };
  const { address, namespace, connectionOptions } = await temporalConnection(await openHome(env), env, () => undefined);
  const connection = await Connection.connect({ ...connectionOptions, address });
  try {
    const { events } = await new Client({ connection, namespace }).workflow.getHandle(jobWorkflowId(jobId)).fetchHistory();
    const signals = (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes ?? []);
    return signals.map(({ signalName, input }) => (signalName === settingsSignal.name ? defaultPayloadConverter.fromPayload<JobSettings>(input!.payloads![0]!) : (signalName ?? '')));
  } finally {
    await connection.close();
  }
}

test('run and submit again, resume, pause: what was typed is sent, a default never', async () => {
  const input = await world.input('limits');
  const first = await world.run(['submit', input, '--max-cost', '5', '--json'], api);
  const { job_id: id } = JSON.parse(first.stdout) as { job_id: string };
  expect(first.stderr).not.toContain('changed');
  expect(await world.run(['submit', input], api)).toMatchObject({ code: 0, stderr: expect.not.stringContaining('changed') });
  expect(await sentTo(id)).toEqual([]);

  expect(await world.run(['submit', input, '--max-cost', '20', '--queue-limit', 'none'], api)).toMatchObject({ code: 0, stderr: expect.stringMatching(/^changed {2}at most \$20\.00, no limit of the queue but the API's own$/m) });
  const resumed = await world.run(['resume', id, '--retries', '5', '--json']);
  expect(resumed).toMatchObject({ code: 0, stdout: `${JSON.stringify({ job_id: id, paused: false, settings: { retries: 5 } })}\n` });
  const paused = await world.run(['pause', id, '--max-cost', 'none']);
  expect(paused.stdout).toBe(`Job ${id} sends nothing more.\nChanged: no limit of the cost.\nGo on: message-batches resume ${id}\n`);
  expect(await world.run(['resume', id])).toMatchObject({ stdout: expect.not.stringContaining('Changed') });
  expect(await sentTo(id)).toEqual([{ maxCost: 20, queueLimit: null }, { retries: 5 }, 'resume', { maxCost: null }, 'pause', 'resume']);
});

if (LONG) test('--quiet: the answer alone, of a whole run and of what waits for a person', async () => {
  simulator.setOptions({ processingMs: 0 });
  const input = await world.input('quiet');
  expect(await world.run(['run', input, '--quiet'], api)).toEqual({ code: 0, stdout: expect.stringMatching(/^3 of 3 requests succeeded/), stderr: '' });
  expect(await world.run(['results', input, '-q', '--output', 'quiet.out'])).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await world.run(['results', input, '-q', '--id', 'nobody'])).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: .*nobody/) });
  simulator.setOptions({ processingMs: Infinity, cancelingMs: Infinity });
  const other = await world.input('quiet-too');
  const submitted = await world.run(['submit', other, '-q'], api);
  simulator.setOptions({ cancelingMs: 300 });
  expect(submitted).toEqual({ code: 0, stdout: expect.stringMatching(/^job +job_\w+\nbatch +msgbatch_\w+\nWait for it/), stderr: '' });
  expect(await world.run(['cancel', other, '-q'], api)).toEqual({ code: 0, stdout: expect.stringMatching(/^Job job_\w+ is canceled at the API/), stderr: '' });
  simulator.endBatch(simulator.stats().accepted.at(-1)!.id);
  expect(await world.run(['wait', other, '-q'], api)).toEqual({ code: 3, stdout: expect.stringContaining('canceled'), stderr: '' });
});

test('ids that the API would refuse, and smaller batches: what check and a dry run tell is what is sent', async () => {
  simulator.setOptions({ processingMs: 0 });
  const params = { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: 'Hi' }] };
  const ids = ['row 1', 'Zeile ä', 'row.3', 'a/b'];
  const input = await world.file('ids.jsonl', ids.map((id) => `${JSON.stringify({ custom_id: id, params })}\n`).join(''));
  expect(await world.run(['run', input], api)).toMatchObject({ code: 1, stderr: expect.stringContaining('--ids generate') });
  const flags = ['--ids', 'generate', '--max-requests', '3'];
  expect(await world.run(['check', input, ...flags])).toMatchObject({ code: 0, stdout: expect.stringMatching(/4 requests in 2 batches[\s\S]*message-batches run ids\.jsonl --ids generate --max-requests 3/) });
  expect(await world.run(['run', input, ...flags, '--dry-run'], api)).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Would send: 4 requests in 2 batches/m) });
  const before = simulator.stats().accepted.length;
  expect(await world.run(['run', input, ...flags, '-q'], api)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^4 of 4 requests succeeded/) });
  expect(simulator.stats().accepted.slice(before).map(({ requests }) => requests).sort()).toEqual([1, 3]);
  const { stdout } = await world.run(['results', input]);
  expect(stdout.trim().split('\n').map((line) => (JSON.parse(line) as { custom_id: string }).custom_id).sort()).toEqual([...ids].sort());
});
