import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OldOutcome } from '../../src/contract';
import { EndedJob, hashOfRequest, mergeJob, parseRequestLine, partFolder, planRetryOf, planRoundOne, takeOver, workFolder } from '../../src/jobs';
import type { RequestLine } from '../../src/jobs/request-line';
import { readOrdinals } from '../../src/jobs/part-requests';
import { useFolder } from '../storage/helpers';
import { closePart, errored, expired, linesOfFile, requestLine, requestLines, succeeded, writeLines } from './helpers';
import { type EndedJob as Ended, endedJob } from './results/helpers';

const folder = useFolder();

function written(job: Ended): Ended {
  writeFileSync(join(job.output, 'report.json'), JSON.stringify(job.report));
  return job;
}

/** Plans a job that takes over from another one, and does so. */
async function planned(job: Ended, how: { only: OldOutcome[] } | { lines: string[]; ids?: 'generate' }, maxRequests = 100) {
  const output = join(folder.path, 'second');
  const work = workFolder(output);
  const old = await EndedJob.open(job.output);
  try {
    const plan = 'only' in how
      ? await planRetryOf({ workFolder: work, old, only: how.only, maxRequests })
      : await planRoundOne({ workFolder: work, input: writeLines(join(folder.path, 'in'), how.lines, 'second.jsonl'), reuse: old, ids: how.ids, maxRequests });
    for (const { part, requests, reused } of plan.parts) if (reused) await takeOver(old, partFolder(work, 1, part), requests);
    return { plan, output, work, counts: await old.outcomeCounts() };
  } finally {
    await old.close();
  }
}

const SIX = () => endedJob(folder.path, requestLines(6), [[[expired('q-4'), succeeded('q-0'), errored('q-1'), errored('q-2', 'overloaded_error'), succeeded('q-5')]]]).then(written);

it('sends the outcomes again that are named, and has the others as they were, byte for byte', async () => {
  const job = await SIX();
  const { plan, output, work, counts } = await planned(job, { only: ['errored', 'expired'] });
  expect(counts).toEqual({ succeeded: 2, errored: 1, errored_final: 1, canceled: 0, expired: 1, missing: 1, unsent: 0 });
  expect(plan.parts.map(({ requests, reused }) => [requests, reused?.jobId])).toEqual([[2, undefined], [2, 'job_ended'], [2, 'job_ended']]);
  expect([...(await readOrdinals(partFolder(work, 1, 1), 2))]).toEqual([2, 4]);
  await closePart(work, plan, 1, [succeeded('q-2'), succeeded('q-4')]);
  const merged = await mergeJob({ workFolder: work, rounds: [plan], output });
  // Of the two that were sent alone.
  expect(merged).toMatchObject({ outcomes: { succeeded: 4, errored: 1, missing: 1 }, usage: { input_tokens: 20 }, results: 5 });
  expect(linesOfFile(join(output, 'results.jsonl'))).toEqual([succeeded('q-2'), succeeded('q-4'), succeeded('q-0'), succeeded('q-5'), errored('q-1')]);
  expect(linesOfFile(join(output, 'failed-requests.jsonl'))).toEqual([requestLines(6)[1]]);
  expect(linesOfFile(join(output, 'missing-requests.jsonl'))).toEqual([requestLines(6)[3]]);
  expect(readFileSync(join(output, 'requests.index')).equals(readFileSync(join(job.output, 'requests.index')))).toBe(true);
});

it('compares by id and params: metadata and white space around may differ, and each request is taken once', async () => {
  const job = await SIX();
  const same = requestLines(6);
  const lines = [requestLine('new'), ` ${same[5]} `, same[0]!.replace('"params"', '"metadata":{"n":1},"params"'), same[1]!, same[2]!, requestLine('q-3', 'Another question'), same[4]!];
  const { plan, work } = await planned(job, { lines });
  expect(plan.parts.map(({ requests, reused }) => [requests, reused !== undefined])).toEqual([[4, false], [2, true], [1, true]]);
  expect([...(await readOrdinals(partFolder(work, 1, 1), 4))]).toEqual([0, 4, 5, 6]);
});

it('leaves ids of ours where they belong: a retry has the same, another input sends requests that have none', async () => {
  const anonymous = (text: string) => requestLine('x', text).replace('"custom_id":"x",', '');
  const lines = [anonymous('One'), requestLine('a b', 'Two'), anonymous('Three'), anonymous('Four')];
  const job = await endedJob(folder.path, lines, [[[succeeded('generated-1'), succeeded('generated-2'), errored('generated-3'), expired('generated-4')]]], { ids: 'generate' });
  job.report.input.generated_ids = job.rounds[0]!.generatedIds!;
  written(job);
  const { plan, output, work } = await planned(job, { only: ['expired'] });
  await closePart(work, plan, 1, [succeeded('generated-4')]);
  expect(await mergeJob({ workFolder: work, rounds: [plan], output })).toMatchObject({ outcomes: { succeeded: 3, errored: 1 } });
  const ids = linesOfFile(join(output, 'results.jsonl')).map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
  expect(ids.sort()).toEqual(['a b', 'generated-1', 'generated-3', 'generated-4']);
});

it('sends again no request that was changed in the lists', async () => {
  const job = await SIX();
  const path = join(job.output, 'failed-requests.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('Question 4', 'Question 5'));
  await expect(planned(job, { only: ['expired'] })).rejects.toMatchObject({ code: 'earlier_job_changed', message: expect.stringContaining('Request 5 of the input is not what was sent') });
});

it('takes no result over by its hash alone, if that is of another id', async () => {
  const job = await SIX();
  const lines = requestLines(6);
  // As if somebody had made a request whose hash is that of q-0, or had changed the list of hashes.
  const path = join(job.output, 'requests.index');
  const index = readFileSync(path);
  const other = parseRequestLine(Buffer.from(requestLine('other'))) as RequestLine;
  hashOfRequest(other).copy(index, 16);
  writeFileSync(path, index);
  const { plan, work } = await planned(job, { lines: [requestLine('other'), lines[5]!] });
  expect(plan.parts.map(({ requests, reused }) => [requests, reused !== undefined])).toEqual([[1, false], [1, true]]);
  expect([...(await readOrdinals(partFolder(work, 1, 1), 1))]).toEqual([0]);
});

it('takes nothing over for requests without an id of their own: the numbers of others would be on their results', async () => {
  const anonymous = (text: string) => requestLine('x', text).replace('"custom_id":"x",', '');
  const job = await endedJob(folder.path, ['One', 'Two', 'Three'].map(anonymous), [[[succeeded('generated-1'), succeeded('generated-2'), succeeded('generated-3')]]], { ids: 'generate' });
  job.report.input.generated_ids = job.rounds[0]!.generatedIds!;
  written(job);
  const { plan } = await planned(job, { lines: ['Zero', 'One', 'Two', 'Three'].map(anonymous), ids: 'generate' });
  expect(plan.parts.map(({ requests, reused }) => [requests, reused !== undefined])).toEqual([[4, false]]);
});

it('closes the lists of a retry whose planning fails', async () => {
  const job = await SIX();
  const path = join(job.output, 'failed-requests.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('Question 4', 'Question 5'));
  const opened = () => readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
  await expect(planned(job, { only: ['expired'] })).rejects.toMatchObject({ code: 'earlier_job_changed' });
  expect(opened()).toEqual([]);
});
