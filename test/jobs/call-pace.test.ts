/** Who waits for a call, and for what: with real files, and time that is virtual. */
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CallPace } from '../../src/jobs';
import { useFolder } from '../storage/helpers';
import { VirtualTime } from './virtual-time';

const ACCOUNT = { label: 'test', baseUrl: 'https://api.anthropic.com' };
const BEGIN = Date.UTC(2026, 0, 1);
const WINDOW_MS = 6_000;

const folder = useFolder();
let time: VirtualTime;
beforeEach(() => {
  time = new VirtualTime(BEGIN);
});

const paceOf = (callsPerMinute?: number) => new CallPace(folder.path, ACCOUNT, { callsPerMinute, clock: time.clock() });
const inAccount = (...names: string[]) => join(folder.path, 'accounts', 'test', ...names);

/** How long each of these many calls, one after the other, had to wait, in ms. */
async function waits(pace: CallPace, calls: number): Promise<number[]> {
  return time.run(async () => {
    const waited: number[] = [];
    for (let call = 0; call < calls; call++) {
      const before = time.now;
      await pace.place();
      waited.push(time.now - before);
    }
    return waited;
  });
}

describe('the bound', () => {
  test('is none where nobody has told of one', async () => {
    expect(await waits(paceOf(), 1_000)).toEqual(Array(1_000).fill(0));
    await expect(readdir(inAccount())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('is what the API told one worker, for those that begin later at once, and for those that run within a second', async () => {
    const [one, other] = [paceOf(), paceOf()];
    await waits(other, 1);
    await one.learnCallsPerMinute(12);
    expect(await waits(one, 2)).toEqual([0, WINDOW_MS]);
    expect(await waits(paceOf(), 2)).toEqual([WINDOW_MS, WINDOW_MS]);
    expect(await waits(other, 1)).toEqual([WINDOW_MS]);
  });

  test('that was given goes before what the API tells', async () => {
    await paceOf().learnCallsPerMinute(12);
    expect(await waits(paceOf(36), 4)).toEqual([0, 0, 0, WINDOW_MS]);
  });

  test.each([0, -5, 1.5, NaN])('cannot be %d', async (nonsense) => {
    expect(() => paceOf(nonsense)).toThrow('callsPerMinute is a whole number from 1.');
    const pace = paceOf();
    await pace.learnCallsPerMinute(nonsense);
    expect(await waits(pace, 100)).toEqual(Array(100).fill(0));
  });

  test('of thousands costs at most 64 files a window, of which those of old windows are removed', async () => {
    const pace = paceOf(4_000);
    const waited = await waits(pace, 4_000);
    expect(waited.filter((ms) => ms > 0)).toEqual(Array(11).fill(WINDOW_MS));
    for (const window of await readdir(inAccount('calls'))) expect((await readdir(inAccount('calls', window))).length).toBeLessThanOrEqual(64);
    time.now += 60_000;
    await waits(pace, 4_000);
    // The removal is nobody's to wait for.
    while ((await readdir(inAccount('calls'))).length > 13) await new Promise(setImmediate);
  });
});

describe('who waits', () => {
  test('is served in the order of asking, but creates before others', async () => {
    const pace = paceOf(12);
    const served: string[] = [];
    const ask = (name: string, first = false) => pace.place({ first }).then(() => served.push(name));
    await time.run(() => Promise.all([ask('a'), ask('b'), ask('create 1', true), ask('c'), ask('create 2', true)]));
    expect(served).toEqual(['create 1', 'create 2', 'a', 'b', 'c']);
  });

  test('leaves at once when its signal is aborted, with its reason, and takes no place', async () => {
    const pace = new CallPace(folder.path, ACCOUNT, { callsPerMinute: 1 });
    await expect(pace.place({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    // Eleven windows of twelve have no place: one of two calls waits for long.
    const stopping = new AbortController();
    const waiting = [pace.place({ signal: stopping.signal }), pace.place({ signal: stopping.signal })].map((each) => each.catch((error: Error) => error.message));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = performance.now();
    stopping.abort(new Error('enough'));
    expect(await waiting[1]).toBe('enough');
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});

describe('a pause that the API asks for', () => {
  test('is kept by all workers, also where no bound is known', async () => {
    const [one, other] = [paceOf(), paceOf()];
    await waits(other, 1);
    time.now += 1_000;
    await one.pause(20_000);
    expect(await waits(one, 1)).toEqual([20_000]);
    time.now -= 15_000;
    expect(await waits(other, 2)).toEqual([15_000, 0]);
  });

  test('lasts no longer than a minute, and is never made shorter', async () => {
    const pace = paceOf();
    await pace.pause(600_000);
    await pace.pause(5_000);
    expect(await waits(paceOf(), 2)).toEqual([60_000, 0]);
  });

  test.each(['the worker that was told', 'another'])('lasts no longer where the clock is set back by an hour meanwhile: %s', async (which) => {
    const [told, other] = [paceOf(), paceOf()];
    await told.pause(60_000);
    await waits(other, 1);
    await told.pause(120_000);
    time.now -= 3_600_000;
    expect(await waits(which === 'another' ? other : told, 2)).toEqual([60_000, 0]);
  });
});

describe('a folder that cannot be used', () => {
  test('stops no calls: the bound holds for the process', async () => {
    await writeFile(join(folder.path, 'accounts'), 'in the way');
    const pace = paceOf(24);
    expect(await waits(pace, 5)).toEqual([0, 0, WINDOW_MS, 0, WINDOW_MS]);
    await pace.learnCallsPerMinute(50);
    await pace.pause(1_000);
    expect((await stat(join(folder.path, 'accounts'))).isFile()).toBe(true);
  });
});
