import { CustomIdTable } from '../../src/jobs/custom-id-table';
import { SeededHash } from '../../src/jobs/seeded-hash';

afterEach(() => jest.restoreAllMocks());

it('finds each id at its position, and no other', () => {
  const ids = Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? `request-${i}` : `${i}`.padStart(64, 'x')));
  const table = new CustomIdTable(ids.length);
  expect(ids.filter((id) => !table.add(id))).toEqual([]);
  expect(table.size).toBe(ids.length);
  expect(ids.findIndex((id, position) => table.positionOf(id) !== position)).toBe(-1);
  expect(ids.find((id) => table.positionOf(`${id}-`) !== -1 || table.positionOf(id.slice(1)) !== -1)).toBeUndefined();
});

it.each([1, 2, 3, 4, 5])('has room for %i and no more', (capacity) => {
  const table = new CustomIdTable(capacity);
  for (let i = 0; i < capacity; i++) expect(table.add(`${i}`)).toBe(true);
  expect(table.add('one more')).toBe(false);
  expect(table.positionOf('one more')).toBe(-1);
  expect(table.positionOf(`${capacity - 1}`)).toBe(capacity - 1);
});

it('adds no id twice, nor one of the same hash', () => {
  const table = new CustomIdTable(10);
  expect([table.add('a'), table.add('a'), table.positionOf('a')]).toEqual([true, false, 0]);
  jest.spyOn(SeededHash.prototype, 'of').mockImplementation(function (this: SeededHash) {
    this.high = this.low = 7;
  });
  expect([table.add('b'), table.add('c')]).toEqual([true, false]);
});

it('tells ids apart whose slots are the same', () => {
  let made = 0;
  jest.spyOn(SeededHash.prototype, 'of').mockImplementation(function (this: SeededHash, id: string) {
    made++;
    this.high = id.length;
    this.low = 3;
  });
  const table = new CustomIdTable(6);
  const ids = ['a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff'];
  for (const id of ids) expect(table.add(id)).toBe(true);
  expect(ids.map((id) => table.positionOf(id))).toEqual([0, 1, 2, 3, 4, 5]);
  expect(table.positionOf('ggggggg')).toBe(-1);
  expect(made).toBe(13);
});
