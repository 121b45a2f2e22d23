import { CustomIdSet } from '../../src/jobs/custom-id-set';

it('finds each id that was added before, and no other', () => {
  const set = new CustomIdSet();
  // Counting numbers, and ids that differ in the case of letters only.
  const caseId = (i: number) => Array.from({ length: 20 }, (_, bit) => (i & (1 << bit) ? 'A' : 'a')).join('');
  const ids = [...Array.from({ length: 50_000 }, (_, i) => `request-${i}`), ...Array.from({ length: 50_000 }, (_, i) => caseId(i))];
  expect(ids.filter((id) => !set.add(id))).toEqual([]);
  expect(set.size).toBe(100_000);
  expect(ids.filter((id) => set.add(id))).toEqual([]);
  expect(set.size).toBe(100_000);
});

it('gives ids the same key only where it cannot tell them apart', () => {
  const set = new CustomIdSet();
  expect(set.keyOf('a')).toBe(set.keyOf('a'));
  expect(new Set(Array.from({ length: 20_000 }, (_, i) => set.keyOf(`${i}`))).size).toBe(20_000);
});
