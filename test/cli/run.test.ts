/** Whole runs: outputs, the same command again, exit codes. `npm run test:long` has more of what belongs to whom. */
import { existsSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import type { Simulator } from '../../src/simulator';
import type { CliWorld } from './support/cli-world';
import { NOTHING_LISTENS } from './support/cli-world';
import { useSimulatedApi } from './support/simulated-api';
import { endBatches } from '../support/end-batches';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;
useSimulatedApi((opened) => ({ world, simulator, api } = opened));

const accepted = () => simulator.stats().accepted.length;

test('--simulate: without a key, to outputs that say that they are simulated', async () => {
  const input = await world.input('simulated', 20);
  const { code, stdout, stderr } = await world.run(['run', input, '--simulate']);
  expect(stderr).toMatch(/^Sending: 20 requests in 1 batch, .*, to the simulator\njob +sim_[0-9a-f]{16}\noutputs +simulated\.simulated\n[\s\S]*web UI +http/);
  expect(stderr).toMatch(/msgbatch_\w+ processing/);
  expect(stdout).toMatch(/^20 of 20 requests succeeded \(simulated\)\n/);
  expect(code).toBe(0);
  expect(await world.lines('simulated.simulated', 'results.jsonl')).toHaveLength(20);
  expect(JSON.parse(await readFile(join(world.folder, 'simulated.simulated', 'report.json'), 'utf8'))).toMatchObject({ simulated: true, outcomes: { succeeded: 20 } });

  // A simulated result never answers a real run.
  const before = accepted();
  expect(await world.run(['run', input], api)).toMatchObject({ code: 0, stdout: expect.stringMatching(/job +job_/) });
  expect(accepted()).toBe(before + 1);
});

test('the same command again shows the report and sends nothing; --new pays again', async () => {
  const input = await world.input('again');
  const first = await world.run(['run', input, '--json'], api);
  const report = JSON.parse(first.stdout) as JobReport;
  const after = accepted();
  const second = await world.run(['run', input, '--json'], api);
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toEqual(report);
  expect(second.stderr).toMatch(/has ended already, and nothing is sent\. --new submits it once more, and pays again/);
  expect(accepted()).toBe(after);

  const anew = await world.run(['run', input, '--new', '--json'], api);
  expect(anew.stderr).toMatch(/--new: all 3 requests will be paid for again\./);
  expect(JSON.parse(anew.stdout)).toMatchObject({ job_id: `${report.job_id}-2`, output: join(world.folder, 'again.results-2') });
  expect(accepted()).toBe(after + 1);
});

test('a key that is refused in the middle: exit 4; the same command with a good key goes on', async () => {
  simulator.setOptions({ processingMs: Infinity });
  const input = await world.input('refused');
  const before = accepted();
  const running = world.start(['run', input, '--poll-interval', '500ms'], { ...api, ANTHROPIC_API_KEY: 'soon-refused-key' });
  await running.printed(/msgbatch_\w+ processing/);
  simulator.setKeys(['good-key']);
  const { code, stdout, stderr } = await running.ended();
  expect(code).toBe(4);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/waits for a person: [\s\S]*ANTHROPIC_API_KEY[\s\S]*message-batches wait job_/);
  expect(stderr).not.toContain('soon-refused-key');

  const bad = { ...api, ANTHROPIC_API_KEY: 'still-bad-key' };
  expect(await world.run(['run', input, '--poll-interval', '500ms'], bad)).toMatchObject({ code: 4 });
  expect(await world.run(['worker'], bad)).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('ANTHROPIC_API_KEY') });
  endBatches({ simulator });
  expect(await world.run(['run', input, '--poll-interval', '500ms'], { ...api, ANTHROPIC_API_KEY: 'good-key' })).toMatchObject({ code: 0 });
  expect(accepted()).toBe(before + 1);
});

test('what could not begin leaves nothing behind', async () => {
  const input = await world.input('unbegun');
  expect(await world.run(['run', input], { ...api, TEMPORAL_ADDRESS: NOTHING_LISTENS })).toMatchObject({ code: 1 });
  expect(existsSync(join(world.folder, 'unbegun.results'))).toBe(false);
  expect((await world.run(['status'])).stdout).not.toContain('unbegun');
});

test('a batch that was submitted with another host is not given this key', async () => {
  simulator.setOptions({ processingMs: 60_000 });
  const { stdout } = await world.run(['submit', await world.input('hosts'), '--json'], api);
  const { job_id: id, batch_id: batch } = JSON.parse(stdout);
  const other = { ANTHROPIC_API_KEY: 'test-key', ANTHROPIC_BASE_URL: 'http://127.0.0.1:1' };
  expect(await world.run(['wait', batch], other)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: The job was started with the API at http.*\nSet ANTHROPIC_BASE_URL=http/) });
  expect(await world.run(['cancel', id], api)).toMatchObject({ code: 0 });
});

test('the examples in the repository can be run', async () => {
  const questions = join(__dirname, '..', '..', 'examples', 'questions.jsonl');
  if (!existsSync(questions)) return;
  await cp(questions, join(world.folder, 'questions.jsonl'));
  expect(await world.run(['check', 'questions.jsonl'])).toMatchObject({ code: 0 });
});
