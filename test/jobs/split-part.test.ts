import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { closePartIn, expired, linesOfFile, plannedJob, requestLine, succeeded } from './helpers';
import { batchesOf, createBody, JobFolder, mergeJob, partFolder, partOf, planRetryRound, readHashes, readRoundPlan, type RoundPlan, splitPart } from '../../src/jobs';
import { readOrdinals } from '../../src/jobs/part-requests';
import { bytesOf, useFolder } from '../storage/helpers';

const folder = useFolder();
/** Five requests, one without an id and one with a bad one, in one part of a set of betas and one of another. */
const lines = ['a', 'b 1', 'c', 'd', 'e'].map((id, index) => requestLine(id).replace('{', index < 4 ? '{"betas":["x"],' : '{'));
const planned = () => plannedJob(folder.path, lines, { ids: 'generate' });
const splitFirst = (work: string, plan: RoundPlan, numbers: [number, number] = [3, 4]) => splitPart({ workFolder: work, round: 1, planned: plan.parts[0]!, numbers });

it('makes two parts of the halves, with all that a part has', async () => {
  const { work, plan } = await planned();
  const halves = await splitFirst(work, plan);
  expect(halves).toMatchObject([{ part: 3, requests: 2, betas: ['x'] }, { part: 4, requests: 2, betas: ['x'] }]);
  for (const [index, half] of halves.entries()) {
    const place = partFolder(work, 1, half.part);
    expect([...(await readOrdinals(place, 2))]).toEqual([2 * index, 2 * index + 1]);
    expect(linesOfFile(place.requests)).toEqual(lines.slice(2 * index, 2 * index + 2));
    expect(await readHashes(place, 2)).toEqual((await readHashes(partFolder(work, 1, 1), 4))!.subarray(32 * index, 32 * index + 32));
    expect((await bytesOf(createBody(place, half).chunks())).length).toBe(half.bodyBytes);
    expect(existsSync(place.ownIds)).toBe(index === 0);
  }
  expect(linesOfFile(partFolder(work, 1, 3).customIds)).toEqual(['a', 'generated-2']);
  const after = (await readRoundPlan(work, 1))!;
  expect(after.parts.map(({ part, splitInto }) => [part, splitInto])).toEqual([[1, [3, 4]], [2, undefined], [3, undefined], [4, undefined]]);
  expect(batchesOf(after).map(({ part }) => part)).toEqual([2, 3, 4]);
  expect(partOf(after, 4)).toEqual(halves[1]);
  expect(after.requests).toBe(5);
});

it('can be repeated after a kill at any step: what is there is kept, what is not is made', async () => {
  const { work, plan } = await planned();
  const halves = await splitFirst(work, plan);
  const round = join(work, 'round-01');
  const names = readdirSync(round).sort();
  for (const lost of [['split-0001.json'], ['split-0001.json', 'part-0004'], ['split-0001.json', 'part-0003', 'part-0004']]) {
    for (const name of lost) rmSync(join(round, name), { recursive: true });
    expect((await readRoundPlan(work, 1))!.parts).toHaveLength(2);
    expect(await splitFirst(work, plan)).toEqual(halves);
    expect(readdirSync(round).sort()).toEqual(names);
  }
  // Whatever numbers somebody else has for it: what was done first holds.
  expect(await splitFirst(work, plan, [7, 8])).toEqual(halves);
  expect(readdirSync(round).sort()).toEqual(names);
});

it('is what the merge and the next round go by, with the input’s own ids and in its order', async () => {
  const { work, plan, output } = await planned();
  await splitFirst(work, plan);
  const again = await splitPart({ workFolder: work, round: 1, planned: partOf(await readRoundPlan(work, 1), 4)!, numbers: [5, 6] });
  expect(again.map(({ requests }) => requests)).toEqual([1, 1]);
  await closePartIn(work, 1, 2, 1, [expired('e')]);
  await closePartIn(work, 1, 3, 2, [expired('generated-2'), succeeded('a')]);
  await closePartIn(work, 1, 5, 1, [expired('c')]);
  await closePartIn(work, 1, 6, 1, [succeeded('d')]);
  const second = await planRetryRound({ workFolder: work, round: 2 });
  expect(second.parts).toMatchObject([{ part: 1, requests: 1 }, { part: 2, requests: 2, betas: ['x'] }]);
  expect(linesOfFile(partFolder(work, 2, 2).customIds)).toEqual(['generated-2', 'c']);
  await closePartIn(work, 2, 1, 1, [expired('e')]);
  await closePartIn(work, 2, 2, 2, [expired('c'), expired('generated-2')]);
  const rounds = [(await readRoundPlan(work, 1))!, second];
  expect(await mergeJob({ workFolder: work, rounds, output })).toMatchObject({ outcomes: { succeeded: 2, expired: 3 } });
  expect(linesOfFile(join(output, 'failed-requests.jsonl'))).toEqual([lines[1], lines[2], lines[4]]);
  expect(linesOfFile(join(output, 'results.jsonl'))).toEqual([succeeded('a'), succeeded('d'), expired('e'), expired('c'), expired('b 1')]);
});

describe('in the job folder', () => {
  const records = () => new JobFolder(join(folder.path, 'storage'), 'job');

  it('the plan tells of splits, and what was recorded first holds', async () => {
    const { work, plan } = await planned();
    await records().writePlan(plan);
    const into = await splitFirst(work, plan);
    expect(await records().recordSplit(1, { part: 1, into })).toEqual({ part: 1, into });
    expect(await records().recordSplit(1, { part: 1, into: [into[1], into[0]] })).toEqual({ part: 1, into });
    expect(await records().readPlan(1)).toEqual(await readRoundPlan(work, 1));
    expect(JSON.parse(readFileSync(join(folder.path, 'storage/jobs/job/round-01/plan.json'), 'utf8'))).toEqual(plan);
  });

  it('no two parts get the same number, and a part keeps the numbers that it got first', async () => {
    const claims = await Promise.all([1, 2, 3].map((part) => records().claimNumbers(1, part, [11, 12])));
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    const winner = claims.findIndex((claim) => claim !== undefined) + 1;
    expect(await records().claimNumbers(1, winner, [13, 14])).toEqual([11, 12]);
    const loser = winner === 1 ? 2 : 1;
    expect(await records().claimNumbers(1, loser, [12, 13])).toBeUndefined();
    expect(await records().claimNumbers(1, loser, [14, 15])).toEqual([14, 15]);
  });
});
