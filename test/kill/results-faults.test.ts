/**
 * Downloads that go wrong in the middle, each after one that was killed: what is stored in the end is the truth, never a mix.
 * `npm test` does one that is cut and one that is of other results; `npm run test:long` does all, with and without Range.
 */
import type { OpenWorld } from '../support/side-by-side';
import { testSideBySide } from '../support/side-by-side';
import { expectTruth, sizeOfTruth } from '../support/truth';
import type { TestWorker, WorkerSettings, World } from '../support/world';
import type { Fault, SimulatorOptions } from '../../src/simulator';

const REQUESTS = 2_000;

/** Of about 1.3 MB. */
const KILLED_AT = 500_000;

interface Download {
  what: string;
  /** Whether the server supports Range; default both. */
  ranges?: boolean[];
  /** Those that only the long form does. */
  onlyLong?: boolean[];
}

/** With Range a download begins behind what is stored; without, some end in that, some behind it. */
const SPOILT: (Download & { fault: Fault })[] = [
  { what: 'cut in the middle of a line', fault: { on: 'results', kind: 'cut', afterBytes: 300_001 }, ranges: [true] },
  { what: 'cut in the middle of a line', fault: { on: 'results', kind: 'cut', afterBytes: 1_100_001 }, ranges: [false], onlyLong: [false] },
  { what: 'cut with the whole length announced', fault: { on: 'results', kind: 'cut', afterBytes: 300_001, contentLength: true }, ranges: [false], onlyLong: [false] },
  { what: 'cut at a line, looking complete', fault: { on: 'results', kind: 'cut', afterLines: 400, looksComplete: true }, onlyLong: [true, false] },
  { what: 'cut at a later line, looking complete', fault: { on: 'results', kind: 'cut', afterLines: 1_700, looksComplete: true }, ranges: [false], onlyLong: [false] },
  { what: 'cut before its first line', fault: { on: 'results', kind: 'cut', afterBytes: 5 }, ranges: [true], onlyLong: [true] },
  { what: 'cut in compressed bytes', fault: { on: 'results', kind: 'cut', afterBytes: 9_000, gzip: true }, ranges: [true], onlyLong: [true] },
  { what: 'cut in compressed bytes', fault: { on: 'results', kind: 'cut', afterBytes: 38_000, gzip: true }, ranges: [false], onlyLong: [false] },
  { what: 'stalled', fault: { on: 'results', kind: 'stall', afterBytes: 300_001 }, ranges: [true], onlyLong: [true] },
  { what: 'stalled', fault: { on: 'results', kind: 'stall', afterBytes: 1_100_001 }, ranges: [false], onlyLong: [false] },
];

/** Lines of the first download that are others in the second. */
const DIFFERING: (Download & { line: number; count: number })[] = [
  { what: 'in what was stored', line: 2, count: 300, onlyLong: [false] },
  { what: 'in what was not stored yet', line: 1_900, count: 50, onlyLong: [true, false] },
  { what: 'everywhere', line: 1, count: REQUESTS, ranges: [true], onlyLong: [true] },
];

/** Those that take longest begin first. */
const CASES = [
  { onlyLong: true, name: 'killed again before the answer has begun: goes on by Range', run: expectRangeAfterSecondKill },
  ...forEachRange(DIFFERING).map(({ what, line, count, supportsRange, how, onlyLong }) => ({
    onlyLong,
    name: `the second download differs ${what}, ${how}`,
    run: async (open: OpenWorld) => expectSecondTruth(await open(throttled({ supportsRange })), { on: 'results', kind: 'changed-results', line, count }),
  })),
  ...forEachRange(SPOILT).map(({ what, fault, supportsRange, how, onlyLong }) => ({
    onlyLong,
    name: `${what}, ${how}`,
    run: async (open: OpenWorld) => expectTruthAfterFault(await open(throttled({ supportsRange })), fault),
  })),
  { onlyLong: true, name: 'compressed all the time', run: expectTruthOfCompressed },
  { onlyLong: true, name: 'Range is no longer supported at the second download', run: expectWithoutRangeFromNowOn },
  { onlyLong: true, name: 'killed as soon as something is stored: goes on by Range', run: expectRangeAfterEarlyKill },
];

testSideBySide(CASES, { timeoutMs: 150_000, atOnce: 8 }, ({ run }, open) => run(open));

function forEachRange<Case extends Download>(cases: Case[]): (Omit<Case, 'onlyLong'> & { supportsRange: boolean; how: string; onlyLong: boolean })[] {
  return cases.flatMap((one) =>
    (one.ranges ?? [true, false]).map((supportsRange) => ({ ...one, supportsRange, how: `${supportsRange ? 'with' : 'without'} Range`, onlyLong: one.onlyLong?.includes(supportsRange) ?? false })),
  );
}

/** The first download is slow, so that it is killed in its middle. */
function throttled(options: Partial<SimulatorOptions>): Partial<SimulatorOptions> {
  return { resultsBytesPerSecond: 200_000, ...options };
}

function unthrottled({ simulator }: World): void {
  simulator.setOptions({ resultsBytesPerSecond: Infinity });
}

/** @returns how often results were asked for. */
async function expectTruthAfterKill(world: World, killedAt: number, api?: WorkerSettings['api']): Promise<number> {
  const first = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.bytesStored(killedAt);
  await first.kill();
  unthrottled(world);
  await world.startWorker({ api });
  const report = await job.result();
  const calls = world.simulator.stats().calls.results;
  await expectTruth(world, report);
  return calls;
}

/** The fault meets the download after the one that is killed. */
async function expectTruthAfterFault(world: World, fault: Fault, killedAt = KILLED_AT): Promise<void> {
  world.simulator.addFault({ ...fault, after: 1 });
  // Only a body that stands still is left before its time.
  expect(await expectTruthAfterKill(world, killedAt, fault.kind === 'stall' ? { idleTimeoutMs: 8_000 } : undefined)).toBe(3);
}

async function expectTruthOfCompressed(open: OpenWorld): Promise<void> {
  const world = await open({ gzipResults: true, resultsBytesPerSecond: 10_000 });
  await expectTruthAfterFault(world, { on: 'results', kind: 'cut', gzip: true, afterBytes: 20_000 }, 1);
}

/** The first download is of other results; what the others give is the truth, and one of them is killed too. */
async function expectSecondTruth(world: World, fault: Fault): Promise<void> {
  world.simulator.addFault(fault);
  const first = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.bytesStored(KILLED_AT);
  expect(world.simulator.stats().events.fault).toBe(1);
  await first.kill();
  const second = await world.startWorker();
  await sentOfResults(world, 2, KILLED_AT + 300_000);
  await second.kill();
  unthrottled(world);
  await world.startWorker();
  await expectTruth(world, await job.result());
}

async function expectWithoutRangeFromNowOn(open: OpenWorld): Promise<void> {
  const world = await open(throttled({ supportsRange: true }));
  const first = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.bytesStored(KILLED_AT);
  await first.kill();
  world.simulator.setOptions({ supportsRange: false });
  unthrottled(world);
  await world.startWorker();
  await expectTruth(world, await job.result());
}

async function expectRangeAfterEarlyKill(open: OpenWorld): Promise<void> {
  const world = await open(throttled({ supportsRange: true }));
  await killThenFinish(world, await world.startWorker(), () => world.bytesStored(1));
}

/** The second attempt, too, has to leave behind what the third needs to go on. */
async function expectRangeAfterSecondKill(open: OpenWorld): Promise<void> {
  const world = await open({ supportsRange: true, resultsBytesPerSecond: 150_000 });
  world.simulator.addFault({ on: 'results', kind: 'hold-answer', after: 1 });
  await killThenFinish(world, await world.startWorker(), () => world.simulator.waitFor('results-started').then(() => world.heartbeats(2)), async () => {
    const second = await world.startWorker();
    await world.simulator.waitFor('fault');
    await world.heartbeats(2);
    await second.kill();
  });
}

/** No byte is asked for that is stored already. */
async function killThenFinish(world: World, first: TestWorker, untilKill: () => Promise<void>, between: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await untilKill();
  await first.kill();
  await between();
  await world.startWorker();
  const report = await job.result();
  const offsets = world.simulator.stats().results.map(({ offset }) => offset);
  await expectTruth(world, report);
  expect({ offsets, fromTheBeginning: offsets.filter((offset) => offset === 0).length }).toEqual({ offsets, fromTheBeginning: 1 });
  expect(offsets.at(-1)).toBeLessThan(await sizeOfTruth(world));
}

/** Waits until the n-th call for results was sent so many bytes. */
async function sentOfResults({ simulator }: World, call: number, bytes: number): Promise<void> {
  await simulator.waitFor('results-started', call);
  while (simulator.stats().results[call - 1]!.bytes < bytes && simulator.stats().results[call - 1]!.open) await new Promise((resolve) => setTimeout(resolve, 20));
}
