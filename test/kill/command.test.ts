/** The whole of it as a person has it: a command, killed in the middle, and the same command again. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { CliWorld } from '../cli/support/cli-world';
import { SmallDisk } from '../support/small-disk';

const REQUESTS = 30;
let world: CliWorld;
let simulator: Simulator;
let input: string;

/** As for the real API: a key, and a base URL, which here is a simulator's. */
let real: Record<string, string>;

beforeEach(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: 4_000 });
  real = { ANTHROPIC_API_KEY: 'good-key', ANTHROPIC_BASE_URL: simulator.url };
  input = await world.input('questions', REQUESTS);
});

afterEach(async () => {
  await world.close();
  await simulator.close();
});

async function expectDoneOnce(ended: { code: number | null; stdout: string }): Promise<void> {
  expect(ended.code).toBe(0);
  const report = JSON.parse(ended.stdout) as { outcomes: { succeeded: number }; output: string };
  expect(report.outcomes.succeeded).toBe(REQUESTS);
  const lines = (await readFile(join(report.output, 'results.jsonl'), 'utf8')).split('\n').filter(Boolean);
  expect(new Set(lines.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id)).size).toBe(REQUESTS);
  expect(lines).toHaveLength(REQUESTS);
  expect(simulator.stats().accepted).toHaveLength(1);
}

async function serverPid(): Promise<number> {
  return (JSON.parse(await readFile(join(world.home, 'run', 'server.json'), 'utf8')) as { pid: number }).pid;
}

test('kill -9 of the command while it polls, then the same command', async () => {
  const first = world.start(['run', input], real);
  await simulator.waitFor('poll');
  await first.signal('SIGKILL');
  await expectDoneOnce(await world.run(['run', input, '--json'], real));
});

test('kill -9 of command and server after accept and before the answer, then the same command', async () => {
  simulator.addFault({ on: 'create', kind: 'hold-answer' });
  const first = world.start(['run', input, '--create-grace', '2s'], real);
  await simulator.waitFor('create-accepted');
  const pid = await serverPid();
  await first.signal('SIGKILL');
  process.kill(pid, 'SIGKILL');
  // It waits for the create's deadline, a minute, before it decides what became of it.
  await expectDoneOnce(await world.run(['run', input, '--json'], real));
}, 180_000);

test('Ctrl-C hands over; the job ends without a command; the same command shows the report', async () => {
  const first = world.start(['run', input], real);
  await simulator.waitFor('poll');
  expect((await first.signal('SIGINT')).code).toBe(130);
  await simulator.waitFor('results-finished');
  await expectDoneOnce(await world.run(['run', input, '--json'], real));
  // Finished before: nothing was asked of the API again.
  expect(simulator.stats().calls.results).toBe(1);
});

test('a key that is refused in the middle: exit 4; the same command with a good key goes on', async () => {
  const first = world.start(['run', input], { ...real, ANTHROPIC_API_KEY: 'old-key' });
  await simulator.waitFor('poll');
  simulator.setKeys(['good-key']);
  const refused = await first.ended();
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain('ANTHROPIC_API_KEY');
  expect(refused.stderr + refused.stdout).not.toContain('old-key');
  await expectDoneOnce(await world.run(['run', input, '--json'], real));
});

test('the disk fills up: exit 4 with the file and what to do; after that is done the same command goes on', async () => {
  simulator.setOptions({ answerBytes: 300_000 });
  const disk = SmallDisk.mount(join(world.folder, 'disk'), 6_000_000);
  try {
    const command = ['run', input, '--output', join(disk.path, 'results'), '--json'];
    const full = await world.run(command, real);
    expect({ code: full.code, stderr: full.stderr }).toEqual({ code: 4, stderr: expect.stringContaining(join(disk.path, 'results', '.parts')) });
    expect(full.stderr).toContain('the disk is full');
    expect(full.stderr).toContain('Free some disk space, then go on with the same command');
    disk.resize(100_000_000);
    await expectDoneOnce(await world.run(command, real));
  } finally {
    disk.unmount();
  }
});

test('simulated and real runs of the same file never answer for each other', async () => {
  const simulated = JSON.parse((await world.run(['run', input, '--simulate', '--json'])).stdout) as { job_id: string; simulated: boolean; output: string };
  expect(simulated).toMatchObject({ simulated: true });
  expect(simulator.stats().accepted).toHaveLength(0);
  const ended = await world.run(['run', input, '--json'], real);
  await expectDoneOnce(ended);
  const report = JSON.parse(ended.stdout) as { job_id: string; output: string };
  expect(report.job_id).not.toBe(simulated.job_id);
  expect(report.output).not.toBe(simulated.output);
});

test('the key is nowhere in the home folder or the outputs', async () => {
  const key = 'sk-very-secret-key-4711';
  const ended = await world.run(['run', input], { ...real, ANTHROPIC_API_KEY: key });
  expect(ended.code).toBe(0);
  for (const entry of await readdir(world.folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.parentPath.startsWith(join(world.folder, 'api'))) continue;
    const content = await readFile(join(entry.parentPath, entry.name));
    expect({ file: entry.name, holdsKey: content.includes(key) }).toEqual({ file: entry.name, holdsKey: false });
  }
});
