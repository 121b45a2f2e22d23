import { partFolder } from '../../src/jobs';
import { inputLines } from '../../src/jobs/input-lines';
import { collect, useFolder } from '../storage/helpers';
import { plannedJob, requestLine } from './helpers';

const folder = useFolder();

it('gives the lines of parts that overlap in the order of the input', async () => {
  const lines = Array.from({ length: 60 }, (_, index) => requestLine(`q-${index}`).replace('{', `{"betas":["set-${(index * 7) % 5}"],`));
  const { work, plan } = await plannedJob(folder.path, lines, { maxRequests: 4 });
  expect(plan.parts).toHaveLength(15);
  const sources = plan.parts.map(({ part, requests }) => ({ folder: partFolder(work, 1, part), requests }));
  const all = await collect(inputLines(sources, () => true, {}));
  expect(all.map(String)).toEqual(lines);
  const some = await collect(inputLines(sources, (ordinal) => ordinal % 11 === 3, {}));
  expect(some.map(String)).toEqual(lines.filter((_, ordinal) => ordinal % 11 === 3));
  expect(await collect(inputLines(sources, () => false, {}))).toEqual([]);
});
