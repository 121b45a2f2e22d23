/** Jobs of ten parts as a person has them: a command against a simulated API of the test's own, in one home. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../../src/contract';
import type { Simulator } from '../../../src/simulator';
import { startSimulator } from '../../../src/simulator';
import type { Ended } from '../../cli/support/cli-world';
import { CliWorld } from '../../cli/support/cli-world';
import { endBatches } from '../../support/end-batches';
import type { Afterwards } from '../../support/side-by-side';
import { testsTogether } from '../../support/side-by-side';

export const REQUESTS = 100;
const PARTS = 10;
/** Ten parts, of which six have room. */
const TEN_PARTS = ['--max-requests', '10', '--queue-limit', '60', '--poll-interval', '200ms', '--create-grace', '2s', '--json'];

const AT_ONCE = 4;
const TIMEOUT_MS = 240_000;

export class TenParts {
  private constructor(
    readonly world: CliWorld,
    readonly simulator: Simulator,
    /** Name of the file of requests. */
    readonly input: string,
  ) {}

  static async create(world: CliWorld, number: number): Promise<TenParts> {
    const simulator = await startSimulator({ folder: join(world.folder, `api-${number}`), processingMs: Infinity });
    return new TenParts(world, simulator, await world.input(`questions-${number}`, REQUESTS));
  }

  /** As for the real API: a key, and a base URL, which here is the simulator's. */
  get real(): Record<string, string> {
    return { ANTHROPIC_API_KEY: 'good-key', ANTHROPIC_BASE_URL: this.simulator.url };
  }

  /** The command. */
  get run(): string[] {
    return ['run', this.input, ...TEN_PARTS];
  }

  /** From now on batches end at once, and so do those that are being processed. */
  endBatches(): void {
    endBatches(this);
  }

  async expectDoneOnce(ended: Ended): Promise<void> {
    if (ended.code !== 0) throw new Error(`It ended with ${ended.code}: ${ended.stderr}${ended.stdout}`);
    const report = JSON.parse(ended.stdout) as JobReport;
    expect(report.outcomes.succeeded).toBe(REQUESTS);
    expect(this.simulator.stats().accepted.map(({ requests, seenBefore }) => [requests, seenBefore])).toEqual(Array.from({ length: PARTS }, () => [10, 0]));
    expect((await readFile(join(report.output, 'results.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(REQUESTS);
  }
}

/** What defines a test of such a job. All of a file run side by side in one home, each with an API, and so with workers, of its own. */
export function testsOfTenParts(): (name: string, run: (parts: TenParts) => Promise<void>) => void {
  let world: CliWorld;
  let runs = 0;

  beforeAll(async () => {
    world = await CliWorld.create();
  });
  const together = testsTogether({ atOnce: AT_ONCE, timeoutMs: TIMEOUT_MS });
  afterAll(() => world.close());

  return (name, run) =>
    together(name, async (afterwards: Afterwards) => {
      const parts = await TenParts.create(world, ++runs);
      afterwards(() => parts.simulator.close());
      await run(parts);
    });
}

/** A signal with parts that wait, are processed and stored: the same command attaches, and ends it. */
export async function expectGoesOnAfter(parts: TenParts, signal: NodeJS.Signals, exitCode: number | null): Promise<void> {
  const { world, simulator, run, real } = parts;
  simulator.setOptions({ answerBytes: 2_000, resultsBytesPerSecond: 20_000 });
  const first = world.start(run, real);
  await simulator.waitFor('create-accepted', 6);
  for (const { id } of simulator.stats().accepted.slice(0, 2)) simulator.endBatch(id);
  await simulator.waitFor('results-started');
  expect((await first.signal(signal)).code).toBe(exitCode);
  const again = world.start(run, real);
  parts.endBatches();
  await parts.expectDoneOnce(await again.ended());
}
