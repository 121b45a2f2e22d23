/**
 * Workers die at random points of a stream of 50,000 results, again and again. Each death costs ten seconds until it is noticed,
 * so several worlds do it side by side. `npm run test:long` does KILLS (100) with Range and as many without.
 */
import { Random } from '../support/random';
import { testSideBySide } from '../support/side-by-side';
import { expectTruth, sizeOfTruth } from '../support/truth';
import type { World } from '../support/world';

const REQUESTS = 50_000;
const KILLS_EACH = Number(process.env['KILLS'] ?? 2);
const KILLS_A_WORLD = KILLS_EACH > 4 ? 4 : 2;
const BYTES_PER_SECOND = 4_000_000;

/** A kill may tear the line that is being written. Results are shorter than this. */
const MOST_TORN_BYTES = 1_000;

const seed = Random.seedOfThisRun();

const CASES = [true, false].flatMap((supportsRange) =>
  Array.from({ length: Math.ceil(KILLS_EACH / KILLS_A_WORLD) }, (_, index) => ({
    name: `world ${index + 1}, ${KILLS_A_WORLD} kills, ${supportsRange ? 'with' : 'without'} Range`,
    supportsRange,
    random: new Random(seed + index + (supportsRange ? 0 : 10_000)),
  })),
);

const totals = { true: { kills: 0, fromTheBeginning: 0, body: 0, sent: 0, most: 0 }, false: { kills: 0, fromTheBeginning: 0, body: 0, sent: 0, most: 0 } };

testSideBySide(CASES, { timeoutMs: 240_000 }, async ({ supportsRange, random }, open) => {
  // Without Range each attempt reads it all again: faster, so that it does not last longer too.
  const world = await open({ supportsRange, resultsBytesPerSecond: supportsRange ? BYTES_PER_SECOND : 4 * BYTES_PER_SECOND });
  let worker = await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await world.simulator.waitFor('results-started');
  const body = await sizeOfTruth(world);
  const repeated: number[] = [];
  for (let kills = 0; kills < KILLS_A_WORLD; kills++) {
    await world.simulator.waitFor('results-started', kills + 1);
    const { offset } = world.simulator.stats().results.at(-1)!;
    const most = supportsRange ? (body - offset) / (KILLS_A_WORLD - kills) : body;
    // Not at its very end: a stream that is through is not killed.
    await bytesSent(world, random.below(0.9 * most));
    await worker.kill();
    const stored = await world.storedBytes();
    const sent = world.simulator.stats().results.at(-1)!;
    worker = await world.startWorker();
    await world.simulator.waitFor('results-started', kills + 2);
    const next = world.simulator.stats().results.at(-1)!;
    repeated.push(sent.offset + sent.bytes - next.offset);
    // Nothing is sent again that lies on disk, be it synced or not.
    if (supportsRange) expect(stored - next.offset).toBeLessThanOrEqual(MOST_TORN_BYTES * (kills + 1));
  }
  const report = await job.result();
  count(world, supportsRange, body, repeated);
  await expectTruth(world, report);
});

afterAll(() => {
  for (const [range, { kills, fromTheBeginning, body, sent, most }] of Object.entries(totals)) {
    const what = `${kills} kills, ${megabytes(sent)} sent of bodies of ${megabytes(body)}, ${fromTheBeginning} times from the beginning again`;
    const cost = range === 'true' ? `With Range: ${what}; ${megabytes((sent - body) / kills)} repeated a kill, at most ${megabytes(most)}` : `Without Range: ${what}`;
    process.stderr.write(`${cost}\n`);
  }
});

/** Waits until the latest call for results was sent so many bytes. */
async function bytesSent(world: World, bytes: number): Promise<void> {
  while (world.simulator.stats().results.at(-1)!.bytes < bytes) await new Promise((resolve) => setTimeout(resolve, 5));
}

function count(world: World, supportsRange: boolean, body: number, repeated: number[]): void {
  const total = totals[`${supportsRange}`];
  total.kills += repeated.length;
  total.body += body;
  const sent = world.simulator.stats().results;
  total.sent += sent.reduce((sum, { bytes }) => sum + bytes, 0);
  total.fromTheBeginning += sent.slice(1).filter(({ offset }) => offset === 0).length;
  total.most = Math.max(total.most, ...repeated);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
