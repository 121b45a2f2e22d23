import { PartMemory } from '../../src/client/part-memory';
import type { ObservedPart } from '../../src/client';
import type { RunningPart } from '../../src/contract';

const parts = (count: number): RunningPart[] => Array.from({ length: count }, (_, index) => ({ round: 1, part: index + 1, workflowId: `part-${index + 1}` }));

/** Asks nobody, and remembers who was asked. */
function asker(answer: (part: RunningPart) => Partial<ObservedPart> = () => ({ phase: 'processing' })) {
  const asked: number[] = [];
  const ask = async (part: RunningPart): Promise<ObservedPart> => {
    asked.push(part.part);
    return { ...part, ...answer(part) };
  };
  return { ask, taken: () => asked.splice(0) };
}

const waits = () => true;
const moves = () => false;

test('all are asked once, and those that wait not again', async () => {
  const memory = new PartMemory();
  const { ask, taken } = asker();
  const first = await memory.look(parts(100), ask, { situation: '', waits });
  expect(taken()).toHaveLength(100);
  expect(first.every((part) => part.phase === 'processing')).toBe(true);
  expect(await memory.look(parts(100), ask, { situation: '', waits })).toEqual(first);
  expect(taken()).toEqual([]);
});

test('of those that may have changed, the twenty that were asked the longest ago', async () => {
  const memory = new PartMemory();
  const { ask, taken } = asker();
  await memory.look(parts(50), ask, { situation: '', waits: moves });
  taken();
  const all: number[] = [];
  for (let look = 0; look < 3; look++) {
    // Who was asked at the same moment as others may be asked again at the same; time goes on between two looks.
    jest.useFakeTimers({ now: Date.now() + 1000, doNotFake: ['nextTick', 'setImmediate'] });
    await memory.look(parts(50), ask, { situation: '', waits: moves });
    const asked = taken();
    expect(asked).toHaveLength(20);
    all.push(...asked);
  }
  expect(new Set(all).size).toBe(50);
});

test('a new part is asked at once, one that is over is forgotten, and in another situation all are asked anew', async () => {
  const memory = new PartMemory();
  const { ask, taken } = asker();
  await memory.look(parts(3), ask, { situation: 'before', waits });
  taken();
  expect(await memory.look(parts(4).slice(1), ask, { situation: 'before', waits })).toHaveLength(3);
  expect(taken()).toEqual([4]);
  await memory.look(parts(4), ask, { situation: 'before', waits });
  expect(taken()).toEqual([1]);
  await memory.look(parts(4), ask, { situation: 'cancel', waits });
  expect(taken().sort()).toEqual([1, 2, 3, 4]);
});

test('who waits for the next look at the API is asked when that is over, and after 30 seconds at the latest', async () => {
  jest.useFakeTimers({ now: 1_000_000, doNotFake: ['nextTick', 'setImmediate'] });
  const memory = new PartMemory();
  const next = (seconds: number) => ({ status: { nextPollAt: new Date(1_000_000 + seconds * 1000).toISOString() } as ObservedPart['status'] });
  const { ask, taken } = asker(({ part }) => next(part === 1 ? 5 : 3600));
  await memory.look(parts(2), ask, { situation: '', waits });
  taken();
  jest.setSystemTime(1_000_000 + 4000);
  await memory.look(parts(2), ask, { situation: '', waits });
  expect(taken()).toEqual([]);
  jest.setSystemTime(1_000_000 + 5000);
  await memory.look(parts(2), ask, { situation: '', waits });
  expect(taken()).toEqual([1]);
  jest.setSystemTime(1_000_000 + 30_000);
  await memory.look(parts(2), ask, { situation: '', waits });
  expect(taken()).toContain(2);
});

afterEach(() => jest.useRealTimers());
