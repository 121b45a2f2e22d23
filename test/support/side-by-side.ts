/** Tests that each have a world of their own and run side by side: most of their time they wait for a dead worker to be noticed. */
import type { SimulatorOptions } from '../../src/simulator';
import type { Variant } from './long-form';
import { ofThisForm } from './long-form';
import { sharedTemporal } from './shared-temporal';
import type { TemporalServer } from './temporal-server';
import { World } from './world';

/** Two cores carry so many of each of two files: a worker costs two seconds of one when it starts. */
const AT_ONCE = 6;

/** Makes a world that is closed when its test is over. @param storage storage root; default a folder of its own. */
export type OpenWorld = (options?: Partial<SimulatorOptions>, storage?: string) => Promise<World>;

/** What a test is given is for a machine of its own; with others beside it, and on a slower one, it takes several times as long. */
const PATIENCE = 3;

export interface SideBySideOptions {
  atOnce?: number;
  /** For each of the tests, from its own beginning. */
  timeoutMs: number;
}

/** Has something done when the test is over, whatever came of it. */
export type Afterwards = (close: () => Promise<void>) => void;

/**
 * What defines a test, as `test` does, where tests have nothing in common but what the hooks before this call have made. They begin
 * together, in their order and a few at a time, and each tells of its own failure.
 */
export function testsTogether({ atOnce = AT_ONCE, timeoutMs }: SideBySideOptions): (name: string, run: (afterwards: Afterwards) => Promise<void>) => void {
  const runs: (() => Promise<void>)[] = [];

  beforeAll(() => {
    const waiting = runs.values();
    const next = async (): Promise<void> => {
      for (const run of waiting) await run();
    };
    for (let slot = 0; slot < atOnce; slot++) void next();
  });

  return (name, run) => {
    const { promise, resolve, reject } = withResolvers();
    runs.push(() => runCase(PATIENCE * timeoutMs, run).then(resolve, reject));
    // It may have to wait for a slot first; what it may take itself is held to in `runCase`.
    test(name, () => promise, PATIENCE * timeoutMs * Math.ceil(runs.length / atOnce));
  };
}

/** The same for tests that each open worlds of their own, on one Temporal server. */
export function testsOfWorlds(options: SideBySideOptions): (name: string, run: (open: OpenWorld) => Promise<void>) => void {
  const shared = sharedTemporal();
  let temporal: TemporalServer;

  beforeAll(async () => {
    temporal = await shared.start();
  });
  const together = testsTogether(options);
  afterAll(() => shared.stop());

  return (name, run) =>
    together(name, (afterwards) =>
      run(async (simulator, storage) => {
        const world = await World.create(simulator, temporal, storage);
        afterwards(() => world.close());
        return world;
      }),
    );
}

/** Defines a test of worlds for each of the cases of this form. */
export function testSideBySide<Case extends Variant & { name: string }>(cases: readonly Case[], options: SideBySideOptions, run: (one: Case, open: OpenWorld) => Promise<void>): void {
  const together = testsOfWorlds(options);
  for (const one of ofThisForm(cases)) together(one.name, (open) => run(one, open));
}

async function runCase(timeoutMs: number, run: (afterwards: Afterwards) => Promise<void>): Promise<void> {
  const closings: (() => Promise<void>)[] = [];
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`It was not done within ${timeoutMs / 1_000} s`)), timeoutMs);
  });
  try {
    await Promise.race([run((close) => closings.push(close)), tooLate]);
  } finally {
    clearTimeout(timer);
    await Promise.all(closings.map((close) => close()));
  }
}

interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve(): void;
  reject(reason: unknown): void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<void>((onDone, onFailure) => {
    resolve = onDone;
    reject = onFailure;
  });
  // Its test asks for it later.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
