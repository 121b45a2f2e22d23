/** The progress of a job of several batches, on a real terminal. */
import { dirname, join } from 'node:path';
import { fit } from '../../src/cli/display/rendering';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { CliWorld, MAIN } from './support/cli-world';
import { Terminal } from './support/terminal';
import { LONG } from '../support/long-form';
import { until } from '../support/until';

const DISPLAY = join(dirname(MAIN), 'display');
const REQUESTS = 300;
const PARTS = 5;
const FOOTER = 'Ctrl-C hands over to the background; the job goes on';
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

/** How long a command is given to start a background worker and to stop its own. */
const HANDING_OVER_MS = 120_000;

/** How each line of the picture begins: what does not is the rest of one that was too long for the terminal. */
const BEGINNING = /^(job_\w+ → |round \d: |[█░]{10}|\d+ of 300 requests done$| {2}part \d| {2}and \d|queue {5}|stored {4}|outcomes {2}|tokens {4}|cost {6}|Ctrl-C hands over)/;

/** Whether a picture stands on the screen, below its title nothing but its lines. */
function isPicture(screen: string, columns: number): boolean {
  const title = screen.search(/^job_\w+ → /m);
  const lines = screen.slice(title).trimEnd().split('\n');
  return title >= 0 && lines.length > 4 && lines.every((line) => line.length <= columns && BEGINNING.test(line));
}

/** The same, and no line of an earlier one is left, neither on the screen nor above it. */
function standsAlone(all: string, columns: number): boolean {
  return isPicture(all, columns) && [/^job_\w+ → /gm, / of 300 requests done/g, /^outcomes /gm, /^Ctrl-C hands over/gm].every((line) => count(all, line) === 1);
}

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

test('lines that come and go in the middle leave nothing behind', async () => {
  const shell = await open();
  const pictures = ['top\\none\\ntwo\\nthree\\nend', 'top\\nfour\\nend', 'top\\nfour\\nfive\\nsix\\nend', 'top\\nsix\\nend'];
  const script = `const { liveText } = require('${join(DISPLAY, 'live-text.js')}'); liveText(process.stderr).then((live) => { ${pictures.map((picture) => `live.draw('${picture}');`).join(' ')} });`;
  await shell.type(`clear; "${process.execPath}" -e "${script}"; echo done`);
  expect((await shell.shows(/^done$/m)).trimEnd().split('\n').slice(0, 4)).toEqual(['top', 'six', 'end', 'done']);
});

test('bars, a terminal that gets narrower, and Ctrl-C', async () => {
  const shell = await open();
  const before = simulator.stats().accepted.length;
  await start(shell, 'bars');
  await shell.shows(PROCESSING, 60_000);
  await shell.becomes((screen) => isPicture(screen, 80));
  await until(async () => (await shell.screen({ escapes: true })).includes('\u001b['));

  // About seven seconds for the results of a batch.
  simulator.setOptions({ resultsBytesPerSecond: 6000 });
  // All but the last: the job is not to end before Ctrl-C.
  await simulator.waitFor('create-accepted', before + PARTS);
  for (const { id } of simulator.stats().accepted.slice(before, -1)) simulator.endBatch(id);
  await shell.becomes((screen) => isPicture(screen, 80) && /^ {2}part \d of 5: +[█░]{10} .*storing results: \d+ of 60/m.test(screen));
  simulator.setOptions({ resultsBytesPerSecond: undefined });
  await shell.becomes((screen) => isPicture(screen, 80) && /^█+░+ (60|120|180|240) of 300 requests done$/m.test(screen) && /^outcomes {2}(60|120|180|240) succeeded$/m.test(screen));

  await shell.resize(50, 24);
  await shell.becomes((all) => standsAlone(all, 50) && all.includes(`\n${fit(FOOTER, 50)}\n`), { history: true });
  await shell.resize(100, 24);
  await shell.becomes((all) => standsAlone(all, 100) && all.includes(`\n${FOOTER}\n`), { history: true });

  await shell.press('C-c');
  const left = await shell.shows(/^exit 130$/m, HANDING_OVER_MS);
  expect(left).toMatch(/Handing the job over to a background worker[\s\S]*Watch it: +message-batches wait job_\w+/);
  expect(left).not.toMatch(/[█░]/);
  expect(left).not.toContain('requests done');

  await shell.type(`clear; "${process.execPath}" "${MAIN}" status`);
  const jobs = (await shell.shows(/^One in detail/m)).split('\n');
  expect(jobs[0]).toMatch(/^JOB +STATE/);
  expect(jobs[1]).toMatch(/^job_\w{16} {2}(round 1: \d of 5|processing)/);
  expect(jobs[2]).toMatch(/^One in detail/);
});

if (LONG) test('NO_COLOR: the same without colours', async () => {
  const shell = await open({ NO_COLOR: '1' });
  await start(shell, 'plain');
  await shell.shows(PROCESSING, 60_000);
  expect(await shell.screen({ escapes: true })).not.toContain('\u001b');
  await shell.press('C-c');
  await shell.shows(/^exit 130$/m, HANDING_OVER_MS);
});

if (LONG) test('a terminal that is not of UTF-8: ASCII', async () => {
  const shell = await open({ LC_ALL: 'C' });
  await start(shell, 'ascii');
  await shell.shows(/^-+ 0 of 300 requests done$[\s\S]*^ {2}part \d of 5: +msgbatch_\S+ processing/m, 60_000);
  // oxlint-disable-next-line no-control-regex -- ASCII begins with them
  expect(await shell.screen()).toMatch(/^[\u0000-\u007f]*$/);
  await shell.press('C-c');
  await shell.shows(/^exit 130$/m, HANDING_OVER_MS);
});
