/** Any number of workers, with clocks that differ and ways to the API that take their time: no sliding minute has more calls than the limit. Time is virtual, files are real. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { CallPace } from '../../src/jobs';
import { VirtualTime } from './virtual-time';
import { runsOfThisForm } from '../support/long-form';

const ACCOUNT = { label: 'test', baseUrl: 'http://127.0.0.1:1' };
const MINUTE_MS = 60_000;
const BEGIN = Date.UTC(2026, 0, 1);

/** Of how far clocks are apart, and how long calls take to arrive, together. */
const SPREAD_MS = 6_000;

interface WorkerModel {
  /** How far its clock is ahead, ms. */
  ahead: number;
  /** Groups of calls: so long after the one before, ms, so many, each this long on its way, ms. */
  groups: { afterMs: number; calls: number; onItsWayMs: number }[];
}

const workers = fc.array(
  fc.record<WorkerModel>({
    ahead: fc.integer({ min: 0, max: SPREAD_MS / 2 }),
    groups: fc.array(
      fc.record({
        afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30_000 }), fc.constantFrom(5_999, 59_999)),
        calls: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 30 })),
        onItsWayMs: fc.constantFrom(0, 1, SPREAD_MS / 2 - 1),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  { minLength: 1, maxLength: 8 },
);
const limits = fc.oneof(fc.integer({ min: 5, max: 13 }), fc.integer({ min: 14, max: 100 }), fc.constantFrom(1_000, 4_000));

/** @returns when the calls arrived, in order, ms */
async function arrivals(folder: string, models: WorkerModel[], callsPerMinute: number): Promise<number[]> {
  const time = new VirtualTime(BEGIN);
  const arrived: number[] = [];
  await Promise.all(
    models.map(({ ahead, groups }) =>
      time.run(async () => {
        const pace = new CallPace(folder, ACCOUNT, { callsPerMinute, clock: time.clock(ahead) });
        for (const { afterMs, calls, onItsWayMs } of groups) {
          await time.sleep(afterMs);
          for (let call = 0; call < calls; call++) {
            await pace.place();
            arrived.push(time.now + onItsWayMs);
          }
        }
      }),
    ),
  );
  return arrived.sort((a, b) => a - b);
}

function mostInAMinute(times: number[]): number {
  let begin = 0;
  return times.reduce((most, time, index) => {
    while (times[begin]! <= time - MINUTE_MS) begin++;
    return Math.max(most, index - begin + 1);
  }, 0);
}

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-pace-'));
  try {
    return await use(folder);
  } finally {
    // Old windows may be being removed still.
    rmSync(folder, { recursive: true, maxRetries: 5 });
  }
}

it('no sliding minute has more calls than the limit', async () => {
  await fc.assert(
    fc.asyncProperty(workers, limits, (models, limit) =>
      withFolder(async (folder) => {
        const arrived = await arrivals(folder, models, limit);
        expect(arrived).toHaveLength(models.flatMap(({ groups }) => groups).reduce((sum, { calls }) => sum + calls, 0));
        expect(mostInAMinute(arrived)).toBeLessThanOrEqual(limit);
      }),
    ),
    { numRuns: runsOfThisForm(40) },
  );
});

it.each([1, 2, 5, 12, 50, 300])('at a limit of %i, workers that never rest make as many calls in each 72 seconds', async (limit) => {
  await withFolder(async (folder) => {
    const busy = { ahead: 0, groups: [{ afterMs: 0, calls: limit, onItsWayMs: 0 }] };
    const arrived = await arrivals(folder, [busy, busy, busy], limit);
    expect(arrived.filter((at) => at < BEGIN + 72_000)).toHaveLength(limit);
    expect(arrived.filter((at) => at < BEGIN + 144_000)).toHaveLength(2 * limit);
    expect(mostInAMinute(arrived)).toBeLessThanOrEqual(limit);
  });
});

it('the last moment of one window and the first of another, a minute later, are within the bound', async () => {
  // The worst case: the calls of a first window come as late as they can, those of the last one at once.
  await withFolder(async (folder) => {
    const late = { ahead: 0, groups: [{ afterMs: 5_999, calls: 1, onItsWayMs: SPREAD_MS - 1 }] };
    const busy = { ahead: 0, groups: [{ afterMs: 6_000, calls: 60, onItsWayMs: 0 }] };
    expect(mostInAMinute(await arrivals(folder, [late, busy], 12))).toBe(12);
  });
});
