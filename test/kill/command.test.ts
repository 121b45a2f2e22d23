/** The whole of it as a person has it: a command, killed in the middle, and the same command again; one batch, or ten side by side. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { CliWorld } from '../cli/support/cli-world';
import { testsTogether } from '../support/side-by-side';
import { SmallDisk } from '../support/small-disk';
import { LONG } from '../support/long-form';
import { expectGoesOnAfter, testsOfTenParts } from './support/ten-parts';

const REQUESTS = 30;

interface Prepared {
  world: CliWorld;
  simulator: Simulator;
  input: string;
  /** As for the real API: a key, and a base URL, which here is a simulator's. */
  real: Record<string, string>;
}

/** A few at a time: each has a home, and so a server and a worker, of its own. */
const define = testsTogether({ atOnce: 4, timeoutMs: 180_000 });

function together(name: string, run: (prepared: Prepared) => Promise<void>): void {
  define(name, async (afterwards) => {
    const world = await CliWorld.create();
    const simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: 4_000 });
    afterwards(() => world.close().finally(() => simulator.close()));
    await run({ world, simulator, input: await world.input('questions', REQUESTS), real: { ANTHROPIC_API_KEY: 'good-key', ANTHROPIC_BASE_URL: simulator.url } });
  });
}

async function expectDoneOnce(simulator: Simulator, ended: { code: number | null; stdout: string }): Promise<void> {
  expect(ended.code).toBe(0);
  const report = JSON.parse(ended.stdout) as { outcomes: { succeeded: number }; output: string };
  expect(report.outcomes.succeeded).toBe(REQUESTS);
  const lines = (await readFile(join(report.output, 'results.jsonl'), 'utf8')).split('\n').filter(Boolean);
  expect(new Set(lines.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id)).size).toBe(REQUESTS);
  expect(lines).toHaveLength(REQUESTS);
  expect(simulator.stats().accepted).toHaveLength(1);
}

async function serverPid(world: CliWorld): Promise<number> {
  return (JSON.parse(await readFile(join(world.home, 'run', 'server.json'), 'utf8')) as { pid: number }).pid;
}

// Takes a minute, so it begins first.
together('kill -9 of command and server after accept and before the answer, then the same command', async ({ world, simulator, input, real }) => {
  simulator.addFault({ on: 'create', kind: 'hold-answer' });
  const first = world.start(['run', input, '--create-grace', '2s'], real);
  await simulator.waitFor('create-accepted');
  const pid = await serverPid(world);
  await first.signal('SIGKILL');
  process.kill(pid, 'SIGKILL');
  // It waits for the create's deadline, a minute, before it decides what became of it.
  await expectDoneOnce(simulator, await world.run(['run', input, '--json'], real));
});

together('kill -9 of the command while it polls, then the same command', async ({ world, simulator, input, real }) => {
  const first = world.start(['run', input], real);
  await simulator.waitFor('poll');
  await first.signal('SIGKILL');
  await expectDoneOnce(simulator, await world.run(['run', input, '--json'], real));
});

testsOfTenParts()('SIGKILL with parts that wait, are processed and stored: the same command attaches, and ends it', (parts) => expectGoesOnAfter(parts, 'SIGKILL', null));

// `npm test` has its halves in cli/hand-over.test.ts and cli/run.test.ts.
if (LONG) together('Ctrl-C hands over; the job ends without a command; the same command shows the report', async ({ world, simulator, input, real }) => {
  const first = world.start(['run', input], real);
  await simulator.waitFor('poll');
  expect((await first.signal('SIGINT')).code).toBe(130);
  await simulator.waitFor('results-finished');
  await expectDoneOnce(simulator, await world.run(['run', input, '--json'], real));
  // Finished before: nothing was asked of the API again.
  expect(simulator.stats().calls.results).toBe(1);
});

// `npm test` has it in cli/run.test.ts.
if (LONG) together('a key that is refused in the middle: exit 4; the same command with a good key goes on', async ({ world, simulator, input, real }) => {
  const first = world.start(['run', input], { ...real, ANTHROPIC_API_KEY: 'old-key' });
  await simulator.waitFor('poll');
  simulator.setKeys(['good-key']);
  const refused = await first.ended();
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain('ANTHROPIC_API_KEY');
  expect(refused.stderr + refused.stdout).not.toContain('old-key');
  await expectDoneOnce(simulator, await world.run(['run', input, '--json'], real));
});

if (LONG) together('the disk fills up: exit 4 with the file and what to do; after that is done the same command goes on', async ({ world, simulator, input, real }) => {
  simulator.setOptions({ answerBytes: 300_000 });
  const disk = SmallDisk.mount(join(world.folder, 'disk'), 6_000_000);
  try {
    const command = ['run', input, '--output', join(disk.path, 'results'), '--json'];
    const full = await world.run(command, real);
    expect({ code: full.code, stderr: full.stderr }).toEqual({ code: 4, stderr: expect.stringContaining(join(disk.path, 'results', '.parts')) });
    expect(full.stderr).toContain('the disk is full');
    expect(full.stderr).toContain('Free some disk space, then go on with the same command');
    disk.resize(100_000_000);
    await expectDoneOnce(simulator, await world.run(command, real));
  } finally {
    disk.unmount();
  }
});

if (LONG) together('simulated and real runs of the same file never answer for each other', async ({ world, simulator, input, real }) => {
  const simulated = JSON.parse((await world.run(['run', input, '--simulate', '--json'])).stdout) as { job_id: string; simulated: boolean; output: string };
  expect(simulated).toMatchObject({ simulated: true });
  expect(simulator.stats().accepted).toHaveLength(0);
  const ended = await world.run(['run', input, '--json'], real);
  await expectDoneOnce(simulator, ended);
  const report = JSON.parse(ended.stdout) as { job_id: string; output: string };
  expect(report.job_id).not.toBe(simulated.job_id);
  expect(report.output).not.toBe(simulated.output);
});

together('the key is nowhere in the home folder or the outputs', async ({ world, input, real }) => {
  const key = 'sk-very-secret-key-4711';
  const ended = await world.run(['run', input], { ...real, ANTHROPIC_API_KEY: key });
  expect(ended.code).toBe(0);
  for (const entry of await readdir(world.folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.parentPath.startsWith(join(world.folder, 'api'))) continue;
    const content = await readFile(join(entry.parentPath, entry.name));
    expect({ file: entry.name, holdsKey: content.includes(key) }).toEqual({ file: entry.name, holdsKey: false });
  }
});
