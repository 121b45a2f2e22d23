/** A job of more requests than one batch may hold, in bounded memory: the command with its worker, as a person runs it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { CliWorld } from '../cli/support/cli-world';

const REQUESTS = 250_001;
const MEGABYTE = 1024 * 1024;

let world: CliWorld;
let simulator: Simulator;

beforeEach(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: 0 });
});

afterEach(async () => {
  await world.close();
  await simulator.close();
});

test('250,001 small requests make three batches, below 250 MB', async () => {
  const input = await world.input('large', REQUESTS);
  const running = world.start(['run', input, '--json'], { ANTHROPIC_API_KEY: 'test-key', ANTHROPIC_BASE_URL: simulator.url });
  const peak = peakMemory(running.child.pid!);
  const { code, stdout } = await running.ended();

  expect(code).toBe(0);
  expect((JSON.parse(stdout) as JobReport).outcomes.succeeded).toBe(REQUESTS);
  expect(simulator.stats().accepted.map((batch) => batch.requests).sort((a, b) => b - a)).toEqual([100_000, 100_000, 50_001]);
  console.info(`Peak memory of command and worker: ${Math.round((await peak) / MEGABYTE)} MB`);
  expect(await peak).toBeLessThan(250 * MEGABYTE);
}, 300_000);

/** The largest resident set that a process has until it ends, in bytes (Linux keeps count of it). */
async function peakMemory(pid: number): Promise<number> {
  let peak = 0;
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const seen = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (seen === undefined) return peak;
    peak = Number(seen) * 1024;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
