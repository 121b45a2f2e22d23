/** How often it is asked whether follow-ups are served, and what of it is told. The watch itself, in time that is skipped. */
import type { FollowUpService } from '../../src/activities';
import { askInterval, ServiceWatch } from '../../src/workflows/follow-up-service';
import { eventsLeft } from '../../src/workflows/follow-up-window';
import { SkippedConditions } from '../support/follow-ups/skipped-conditions';

let time = new SkippedConditions();

jest.mock('@temporalio/workflow', () => ({ condition: (until: () => boolean, ms?: number) => time.condition(until, ms) }));

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const SERVED: FollowUpService = { kind: 'served' };
const BUSY: FollowUpService = { kind: 'busy' };
const NOBODY: FollowUpService = { kind: 'unserved', message: 'nobody' };

/** A timer and an activity, with the workflow tasks that follow; a timer alone; and what an end by itself adds, without its record. */
const EVENTS_OF_LOOK = 11;
const EVENTS_OF_TIMER = 5;
const EVENTS_OF_END = 4;
/** Both signals of a message that is told and taken back. */
const EVENTS_TOLD = 5;

class Watched {
  readonly asked: { at: number; isServed: boolean }[] = [];
  readonly told: (string | undefined)[] = [];
  readonly closed: number[] = [];
  answer: (isServed: boolean) => FollowUpService = () => SERVED;
  ends = 0;
  readonly watch: ServiceWatch;

  /** @param events in the history when the watch begins. */
  constructor(
    public running: number,
    private readonly events = 0,
  ) {
    time = new SkippedConditions();
    this.watch = new ServiceWatch({
      ask: async (isServed) => {
        this.asked.push({ at: time.now, isServed });
        return this.answer(isServed);
      },
      running: () => this.running,
      eventsLeft: () => eventsLeft(this.history, this.running),
      onService: (message) => {
        if (message !== this.told.at(-1)) this.told.push(message);
      },
    });
  }

  get history(): number {
    // Each look has a timer of its own.
    const timers = time.timers - this.asked.length;
    return this.events + this.asked.length * EVENTS_OF_LOOK + timers * EVENTS_OF_TIMER + this.ends * EVENTS_OF_END + this.told.length * EVENTS_TOLD;
  }

  end(): void {
    this.running--;
    this.ends++;
    this.watch.seenServed();
  }
}

function asksIn(totalMs: number): number[] {
  const at: number[] = [];
  for (let silentMs = 0; silentMs < totalMs; at.push(silentMs)) silentMs += askInterval(silentMs, 30 * SECOND, Infinity);
  return at;
}

test('often at first, so that a worker that is gone is told of as soon as the server knows; then ever more seldom', () => {
  expect(asksIn(30 * MINUTE).map((ms) => ms / MINUTE)).toEqual([0.5, 1, 1.5, 2, 4, 8, 16, 26, 36]);
  const intervals = asksIn(30 * DAY).map((ms, index, all) => ms - (all[index - 1] ?? 0));
  expect(Math.max(...intervals)).toBeLessThan((30 * DAY) / 19);
});

describe.each([
  ['in silence', 1, Infinity],
  ['hundreds an hour apart', 500, HOUR],
  ['a thousand every few minutes', 1_000, 7 * MINUTE],
  ['ten a day apart', 10, DAY],
  ['a hundred a week apart', 100, 7 * DAY],
])('however they end: %s', (_, count, apartMs) => {
  test.each([0, 8_000])('the watch keeps the history below 10,000 events, where %i stood in it before', async (filled) => {
    const before = Math.max(2 * count, filled - 7 * count);
    const watched = new Watched(count, before);
    // Each look that is not served is told, and each end takes it back.
    let looks = 0;
    watched.answer = () => (looks++ % 2 ? NOBODY : SERVED);
    void watched.watch.watch();
    if (apartMs !== Infinity) for (let index = 1; index <= count; index++) time.at(index * apartMs, () => watched.end());
    await time.pass(Math.max(3 * 365 * DAY, apartMs === Infinity ? 0 : (count + 1) * apartMs));
    expect(watched.history).toBeLessThan(10_000);
    expect(watched.asked.length).toBeGreaterThan(0);
    // A person is heard at once, whatever stands in the history.
    const asked = watched.asked.length;
    watched.running++;
    await time.pass(0);
    watched.watch.resume();
    await time.pass(0);
    expect(watched.asked.length).toBe(asked + 1);
  });
});

test('a full history is looked at for a year, at least every two months', async () => {
  const watched = new Watched(1, 9_000 - 7);
  void watched.watch.watch();
  for (let hour = 1; hour <= 365 * 24; hour++) time.at(hour * HOUR, () => watched.watch.seenServed());
  // In all this time some ends come right before a look would be due; then there is none to be seen.
  await time.pass(365 * DAY);
  expect(watched.history).toBeLessThan(10_000);
  const silent = new Watched(1, 9_000 - 7);
  void silent.watch.watch();
  await time.pass(365 * DAY);
  const gaps = silent.asked.map(({ at }, index, all) => at - (all[index - 1]?.at ?? 0));
  expect([silent.asked[0]!.at, Math.max(...gaps, 365 * DAY - silent.asked.at(-1)!.at) / DAY < 60]).toEqual([15 * SECOND, true]);
  expect(silent.history).toBeLessThan(10_000);
});

test('what cannot be said takes nothing back: only an answer that they are served does, or an end', async () => {
  const watched = new Watched(2);
  const answers = [NOBODY, BUSY, NOBODY, BUSY];
  watched.answer = () => answers.shift() ?? BUSY;
  void watched.watch.watch();
  await time.pass(4 * MINUTE);
  expect(answers).toEqual([]);
  expect(watched.told).toEqual(['nobody']);
  watched.answer = () => SERVED;
  watched.watch.resume();
  await time.pass(0);
  expect(watched.told).toEqual(['nobody', undefined]);
  watched.answer = () => NOBODY;
  await time.pass(5 * MINUTE);
  expect(watched.told).toEqual(['nobody', undefined, 'nobody']);
  watched.end();
  expect(watched.told).toEqual(['nobody', undefined, 'nobody', undefined]);
});

describe('canceled', () => {
  test.each([100, 11_000])('those that nobody takes up are closed, also where others are served, of whom nobody is told; with %i events before', async (events) => {
    const watched = new Watched(5, events);
    watched.watch.seenServed();
    watched.answer = (isServed) => (isServed && watched.running > 2 ? NOBODY : SERVED);
    watched.watch.cancel();
    const ended = watched.watch.untilEnded(async () => {
      const count = watched.running - 2;
      watched.closed.push(count);
      watched.running -= count;
      return count > 0;
    });
    await time.pass(MINUTE);
    expect(watched.closed).toEqual([3]);
    expect(watched.told).toEqual([]);
    // These are no longer served either.
    watched.answer = () => NOBODY;
    await time.pass(5 * MINUTE);
    expect(watched.told).toEqual(['nobody']);
    watched.running = 0;
    await time.pass(0);
    await ended;
    expect(watched.told).toEqual(['nobody', undefined]);
  });
});
