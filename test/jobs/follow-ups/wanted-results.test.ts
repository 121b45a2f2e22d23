import { API_OUTCOMES } from '../../../src/contract';
import { WantedResults } from '../../../src/jobs/follow-ups/wanted-results';
import { SeededHash } from '../../../src/jobs/seeded-hash';

const COUNT = 50_000;
/** Beyond the 4 GB that 32 bits hold. */
const FAR = 2 ** 40;

it('holds where each lies in less than 50 bytes', () => {
  const before = process.memoryUsage();
  const wanted = new WantedResults(COUNT);
  for (let i = 0; i < COUNT; i++) wanted.add(`request-${i}`);
  for (let i = COUNT; i-- > 0; ) {
    wanted.setResult(`request-${i}`, { offset: FAR + i, length: i + 1, outcome: API_OUTCOMES[i % API_OUTCOMES.length]! });
    wanted.setRequest(`request-${i}`, { offset: i, length: 2 * i + 1 });
  }
  expect((process.memoryUsage().arrayBuffers - before.arrayBuffers) / COUNT).toBeLessThan(50);
  for (const i of [0, 1, 7, COUNT - 1]) {
    expect(wanted.resultOf(`request-${i}`)).toEqual({ offset: FAR + i, length: i + 1, outcome: API_OUTCOMES[i % API_OUTCOMES.length] });
    expect(wanted.requestOf(`request-${i}`)).toEqual({ offset: i, length: 2 * i + 1 });
  }
});

it('knows none that was not added, nothing of one that was not found, and takes an id only once', () => {
  const wanted = new WantedResults(2);
  for (const id of ['a', 'a', 'b']) wanted.add(id);
  expect(wanted.size).toBe(2);
  expect([wanted.has('a'), wanted.has('c'), wanted.resultOf('c'), wanted.requestOf('c')]).toEqual([true, false, undefined, undefined]);
  wanted.setRequest('a', { offset: 0, length: 5 });
  expect([wanted.requestOf('a'), wanted.resultOf('a'), wanted.requestOf('b')]).toEqual([{ offset: 0, length: 5 }, undefined, undefined]);
  expect(wanted.found).toEqual({ results: 0, requests: 1 });
});

it('tells of an id that has the hash of another one, and gives neither the place of the other', () => {
  jest.spyOn(SeededHash.prototype, 'of').mockImplementation(function of(this: SeededHash) {
    [this.high, this.low] = [1, 1];
  });
  const wanted = new WantedResults(1);
  wanted.add('a');
  wanted.setRequest('a', { offset: 0, length: 5 });
  expect(() => wanted.setRequest('b', { offset: 6, length: 5 })).toThrow('b is there twice, or two ids have one hash');
  expect(wanted.requestOf('a')).toEqual({ offset: 0, length: 5 });
  jest.restoreAllMocks();
});
