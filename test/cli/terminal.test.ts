/** The progress of a job of several batches, on a real terminal. */
import { join } from 'node:path';
import { fit } from '../../src/cli/display/rendering';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { CliWorld, MAIN } from './support/cli-world';
import { Terminal } from './support/terminal';

const REQUESTS = 300;
const PARTS = 5;
/** What the picture has in each of its states. */
const PROCESSING = /^[█░]+ 0 of 300 requests done$[\s\S]*^ {2}part \d of 5: +msgbatch_\S+ processing/m;

let world: CliWorld;
let simulator: Simulator;
let terminal: Terminal | undefined;

beforeAll(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: Infinity });
});
afterEach(() => terminal?.close());
afterAll(async () => {
  await world.close();
  await simulator.close();
});

async function open(env: Record<string, string> = {}): Promise<Terminal> {
  const settings = { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: 'test-key', MESSAGE_BATCHES_HOME: world.home, XDG_CONFIG_HOME: world.folder, TEMPORAL_CLI_PATH: process.env['TEMPORAL_CLI_PATH'] ?? '', NO_COLOR: '', ...env };
  terminal = await Terminal.open({ columns: 80, lines: 24, cwd: world.folder, env: settings });
  return terminal;
}

async function start(shell: Terminal, seed: string): Promise<void> {
  const input = await world.input(seed, REQUESTS);
  await shell.type(`"${process.execPath}" "${MAIN}" run ${input} --max-requests ${REQUESTS / PARTS} --poll-interval 300ms; echo "exit $?"`);
}

const endAll = () => simulator.stats().accepted.forEach(({ id }) => simulator.endBatch(id));

function expectWidth(screen: string, columns: number): void {
  for (const line of screen.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
}

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

test('bars, a terminal that gets narrower, and Ctrl-C', async () => {
  const shell = await open();
  await start(shell, 'bars');
  const processing = await shell.shows(PROCESSING, 60_000);
  expectWidth(processing, 80);
  expect(await shell.screen({ escapes: true })).toMatch(/\u001b\[\d/);

  // About three seconds for the results of a batch.
  simulator.setOptions({ resultsBytesPerSecond: 6000 });
  endAll();
  expectWidth(await shell.shows(/^ {2}part \d of 5: +[█░]{10} .*storing results: \d+ of 60/m), 80);
  simulator.setOptions({ resultsBytesPerSecond: undefined });
  const oneDone = await shell.shows(/^█+░* (60|120|180|240|300) of 300 requests done$/m);
  expect(oneDone).toMatch(/^outcomes {2}(60|120|180|240|300) succeeded$/m);

  for (const columns of [50, 40, 120, 45]) {
    await shell.resize(columns, 24);
    const footer = fit('Ctrl-C hands over to the background; the job goes on', columns);
    const screen = await shell.shows(new RegExp(`^${footer}$`, 'm'));
    expectWidth(screen, columns);
    // The picture stands there once: nothing of an earlier one is left, neither here nor above.
    const all = await shell.screen({ history: true });
    expect(count(all, /^job_\w+ → /gm)).toBe(1);
    expect(count(all, / of 300 requests done/g)).toBe(1);
    expect(count(all, /^Ctrl-C hands over/gm)).toBe(1);
    expect(count(all, /^outcomes /gm)).toBe(1);
  }

  await shell.press('C-c');
  const left = await shell.shows(/^exit 130$/m);
  expect(left).toMatch(/Handing the job over to a background worker[\s\S]*Watch it: +message-batches wait job_\w+/);
  expect(left).not.toMatch(/[█░]/);
  expect(left).not.toContain('requests done');
});

test('NO_COLOR: the same without colours', async () => {
  const shell = await open({ NO_COLOR: '1' });
  await start(shell, 'plain');
  await shell.shows(PROCESSING, 60_000);
  expect(await shell.screen({ escapes: true })).not.toContain('\u001b');
  await shell.press('C-c');
  await shell.shows(/^exit 130$/m);
});

test('a terminal that is not of UTF-8: ASCII', async () => {
  const shell = await open({ LC_ALL: 'C' });
  await start(shell, 'ascii');
  await shell.shows(/^-+ 0 of 300 requests done$[\s\S]*^ {2}part \d of 5: +msgbatch_\S+ processing/m, 60_000);
  // oxlint-disable-next-line no-control-regex -- ASCII begins with them
  expect(await shell.screen()).toMatch(/^[\u0000-\u007f]*$/);
  await shell.press('C-c');
  await shell.shows(/^exit 130$/m);
});
