/** Jobs of ten parts as a person has them: what a command says when it waits for somebody, is stopped or killed, and the same command again. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import type { Ended } from '../cli/support/cli-world';
import { CliWorld } from '../cli/support/cli-world';

const REQUESTS = 100;
const PARTS = 10;
/** Ten parts, of which six have room. */
const TEN_PARTS = ['--max-requests', '10', '--queue-limit', '60', '--poll-interval', '200ms', '--create-grace', '2s', '--json'];

let world: CliWorld;
let simulator: Simulator;
let input: string;
let real: Record<string, string>;
let runs = 0;

beforeAll(async () => {
  world = await CliWorld.create();
});

afterAll(() => world.close());

beforeEach(async () => {
  simulator = await startSimulator({ folder: join(world.folder, `api-${++runs}`), processingMs: Infinity });
  real = { ANTHROPIC_API_KEY: 'good-key', ANTHROPIC_BASE_URL: simulator.url };
  input = await world.input(`questions-${runs}`, REQUESTS);
});

afterEach(() => simulator.close());

function run(): string[] {
  return ['run', input, ...TEN_PARTS];
}

/** From now on batches end at once, and so do those that are being processed. */
function endBatches(): void {
  simulator.setOptions({ processingMs: 0 });
  for (const { id } of simulator.stats().accepted) simulator.endBatch(id);
}

async function expectDoneOnce(ended: Ended): Promise<JobReport> {
  expect(ended).toMatchObject({ code: 0 });
  const report = JSON.parse(ended.stdout) as JobReport;
  expect(report.outcomes.succeeded).toBe(REQUESTS);
  expect(simulator.stats().accepted.map(({ requests, seenBefore }) => [requests, seenBefore])).toEqual(Array.from({ length: PARTS }, () => [10, 0]));
  expect((await readFile(join(report.output, 'results.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(REQUESTS);
  return report;
}

test.each([
  ['the key is switched off', () => simulator.setKeys(['other-key']), () => simulator.setKeys(), /ANTHROPIC_API_KEY/, /key/],
  [
    'a spend limit is reached',
    () => simulator.addFault({ on: 'create', kind: 'status', status: 429, errorCode: 'enforced_spend_limit_reached', times: Infinity }),
    () => simulator.clearFaults(),
    /message-batches resume/,
    /429|limit/i,
  ],
])('%s in the middle: exit 4, what to do, and the same command goes on', async (_what, break_, mend, does, says) => {
  const first = world.start(run(), real);
  await simulator.waitFor('create-accepted', 6);
  break_();
  // Room for the next ones, which meet it.
  simulator.endBatch(simulator.stats().accepted[0]!.id);
  const { code, stderr } = await first.ended();
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringMatching(does) });
  expect(stderr).toMatch(says);
  expect(stderr).not.toContain('good-key');
  mend();
  endBatches();
  await expectDoneOnce(await world.run(run(), real));
});

test.each(['SIGTERM', 'SIGKILL'] as const)('%s with parts that wait, are processed and stored: the same command attaches, and ends it', async (signal) => {
  simulator.setOptions({ answerBytes: 2_000, resultsBytesPerSecond: 20_000 });
  const first = world.start(run(), real);
  await simulator.waitFor('create-accepted', 6);
  for (const { id } of simulator.stats().accepted.slice(0, 2)) simulator.endBatch(id);
  await simulator.waitFor('results-started');
  const { code } = await first.signal(signal);
  expect(code).toBe({ SIGTERM: 143, SIGKILL: null }[signal]);
  const again = world.start(run(), real);
  endBatches();
  await expectDoneOnce(await again.ended());
}, 90_000);
