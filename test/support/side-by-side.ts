/** Tests that each have a world of their own and run side by side: most of their time they wait for a dead worker to be noticed. */
import type { SimulatorOptions } from '../../src/simulator';
import { sharedTemporal } from './shared-temporal';
import type { TemporalServer } from './temporal-server';
import { World } from './world';

/** Two cores carry so many: a worker costs two seconds of one when it starts. */
const AT_ONCE = 6;

/** Makes a world that is closed when its test is over. */
export type OpenWorld = (options?: Partial<SimulatorOptions>) => Promise<World>;

export interface SideBySideOptions {
  atOnce?: number;
  /** For each of the tests, from its own beginning. */
  timeoutMs: number;
}

/** Defines a test for each of the cases, on one Temporal server: see `testTogether`. */
export function testSideBySide<Case extends TogetherCase>(cases: readonly Case[], options: SideBySideOptions, run: (one: Case, open: OpenWorld) => Promise<void>): void {
  const shared = sharedTemporal();
  let temporal: TemporalServer;

  beforeAll(async () => {
    temporal = await shared.start();
  });
  testTogether(cases, options, (one, afterwards) =>
    run(one, async (simulator) => {
      const world = await World.create(simulator, temporal);
      afterwards(() => world.close());
      return world;
    }),
  );
  afterAll(() => shared.stop());
}

export interface TogetherCase {
  name: string;
}

/** Has something done when the test is over, whatever came of it. */
export type Afterwards = (close: () => Promise<void>) => void;

/**
 * Defines a test for each of the cases, which have nothing in common but what they say themselves. They begin together, in their
 * order and a few at a time, once the hooks that stand before this call are done; and each tells of its own failure.
 */
export function testTogether<Case extends TogetherCase>(cases: readonly Case[], { atOnce = AT_ONCE, timeoutMs }: SideBySideOptions, run: (one: Case, afterwards: Afterwards) => Promise<void>): void {
  const outcomes = new Map<Case, PromiseWithResolvers>(cases.map((one) => [one, withResolvers()]));

  beforeAll(() => {
    const waiting = cases.values();
    const next = async (): Promise<void> => {
      for (const one of waiting) {
        const { resolve, reject } = outcomes.get(one)!;
        await runCase(timeoutMs, (afterwards) => run(one, afterwards)).then(resolve, reject);
      }
    };
    for (let slot = 0; slot < atOnce; slot++) void next();
  });

  const expectSuccess = (one: Case): Promise<void> => outcomes.get(one)!.promise;
  // It may have to wait for a slot first; what it may take itself is held to in `runCase`.
  test.each(cases)('$name', (one) => expectSuccess(one), timeoutMs * Math.ceil(cases.length / atOnce));
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
