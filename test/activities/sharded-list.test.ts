import { shardsAs } from '../../src/activities/sharded-list';
import { eachShard } from '../../src/workflows/sharded-list';

const ref = { jobId: 'j', round: 1, part: 1, output: `/home/${'x'.repeat(100)}` };
const list = `${ref.output}/list.jsonl`;
const slices = (count: number) => Array.from({ length: count }, (_, index) => ({ offset: index * 300_000, length: 300_000, count: 1_000 }));
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
/** Temporal's limit of a payload. */
const PAYLOAD_BYTES = 2 * 1024 * 1024;

it('tells thousands of shards by their cuts, which fit an answer and say the same', () => {
  const many = slices(50_000);
  const told = shardsAs(true, ref, list, many);
  expect(bytesOf(told)).toBeLessThan(PAYLOAD_BYTES);
  expect(eachShard(told)).toEqual(shardsAs(false, ref, list, many));
});

it('tells a few one by one, as releases before knew them', () => {
  const told = shardsAs(true, ref, list, slices(2));
  expect(told).toEqual([0, 1].map((index) => ({ ref, list: { uri: list, offset: index * 300_000, length: 300_000 }, count: 1_000 })));
  expect(eachShard(told)).toBe(told);
});

it('tells those of a full batch one by one', () => {
  expect(shardsAs(true, ref, list, slices(100))).toHaveLength(100);
});
