import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JobFolder, verifyJob, whyNotProved } from '../../src/jobs';
import { useFolder } from '../storage/helpers';
import { errored, expired, linesOfFile, requestLine, requestLines, succeeded } from './helpers';
import { type EndedJob, endedJob } from './results/helpers';

const folder = useFolder();
const HOME = 'home';

/** `a` and `e` have succeeded, `b` is errored, `c` expired, `d` is missing; one batch a part, as the records and the report say. */
async function provableJob(): Promise<EndedJob & { records: JobFolder }> {
  const lines = [requestLine('a', 'Hé', { n: 1 }), requestLine('b'), requestLine('c'), ` ${requestLine('d')}\t`, requestLine('e')];
  const job = await endedJob(folder.path, lines, [[[expired('c'), errored('b'), succeeded('a')], [succeeded('e')]]], { maxRequests: 3 });
  const records = new JobFolder(join(folder.path, HOME), job.report.job_id);
  const { outcomes } = job.report;
  job.report.batches = [1, 2].map((part) => ({ id: `msgbatch_${part}`, round: 1, requests: part === 1 ? 3 : 2, created_at: '', ended_at: '', outcomes }));
  await records.writePlan(job.rounds[0]!);
  for (const part of [1, 2]) await records.part(1, part).creates.answered(1, { batch_id: `msgbatch_${part}`, created_at: '2026-11-27T10:00:00Z', simulated: false });
  await writeReport(job, records);
  return { ...job, records };
}

async function writeReport({ report, output }: EndedJob, records: JobFolder): Promise<void> {
  writeFileSync(join(output, 'report.json'), JSON.stringify(report));
  await records.writeReport(report);
}

/** The checks that are not ok, by name. */
async function found({ report, records }: EndedJob & { records?: JobFolder }, inputPath?: string) {
  const { checks, proved } = await verifyJob(report, { folder: records, inputPath });
  return { proved, ...Object.fromEntries(checks.filter(({ state }) => state !== 'ok').map(({ name, state, message }) => [name, `${state}: ${message}`])) };
}

it('proves a job from its files, all of it', async () => {
  const job = await provableJob();
  expect(await verifyJob(job.report, { folder: job.records })).toMatchObject({
    proved: true,
    checks: ['report', 'results', 'lines', 'outcomes', 'index', 'input', 'batches'].map((name) => ({ name, state: 'ok' })),
  });
});

describe('does not prove', () => {
  const cells: [string, (job: EndedJob & { records: JobFolder }, path: (name: string) => string) => void | Promise<void>, Record<string, RegExp>][] = [
    ['a results.jsonl that was cut', (_, path) => truncateSync(path('results.jsonl'), 60), { results: /has 60 bytes, and \d+ were written/, lines: /are no results/, outcomes: /./, index: /another results/, input: /2 requests of the input/ }],
    ['one byte that was changed', (_, path) => writeFileSync(path('results.jsonl'), readFileSync(path('results.jsonl'), 'utf8').replace('Hello', 'Hollo')), { results: /holds other bytes/ }],
    ['a line that stands twice', (_, path) => appendFileSync(path('results.jsonl'), `${succeeded('a')}\n`), { results: /bytes/, lines: /further ones of the same request, first "a"/, outcomes: /3 succeeded, the report says 2/, index: /was made for another/ }],
    ['results that are gone', (_, path) => rmSync(path('results.jsonl')), { results: /not there/, outcomes: /unchecked: there is nothing/ }],
    ['a failed request that was taken out of its list', (_, path) => writeFileSync(path('failed-requests.jsonl'), `${requestLine('b')}\n`), { outcomes: /has 1 of the 2 requests whose result is no success/ }],
    ['a succeeded one among the failed', (_, path) => appendFileSync(path('failed-requests.jsonl'), `${requestLine('a')}\n`), { outcomes: /"a" stands in failed-requests.jsonl, and is succeeded/ }],
    ['a failed request that was changed', (_, path) => replaceIn(path('failed-requests.jsonl'), '"b","params":{"model":"claude-opus-4-5"', '"b","params":{"model":"claude-opus-4-6"'), { outcomes: /"b" in failed-requests.jsonl is not as the job was made of it/ }],
    ['a missing request that was changed', (_, path) => replaceIn(path('missing-requests.jsonl'), 'Hi', 'Ho'), { outcomes: /"d" in missing-requests.jsonl is not as the job was made of it/ }],
    ['a list of missing requests that is gone', (_, path) => rmSync(path('missing-requests.jsonl')), { outcomes: /0 missing, the report says 1/, input: /1 requests of the input are in no output, first "d"/ }],
    ['a report that somebody changed', (job, path) => writeFileSync(path('report.json'), JSON.stringify({ ...job.report, usage: { ...job.report.usage, input_tokens: 1 } })), { report: /differ in usage/ }],
    ['a report that is not JSON', (_, path) => writeFileSync(path('report.json'), '{'), { report: /is not JSON/ }],
    ['a folder of another job', (job, path) => writeFileSync(path('report.json'), JSON.stringify({ ...job.report, job_id: 'other' })), { report: /belongs to job other now/ }],
    ['outcomes that do not add up', (job) => (job.report.outcomes.unsent++, writeReport(job, job.records)), { outcomes: /the report itself has 6 outcomes for 5 requests/, index: /0 unsent, and the report 1/, input: /first "d"/ }],
    ['a batch of the records that the report does not know', (job) => (job.report.batches.pop(), writeReport(job, job.records)), { batches: /msgbatch_2 of the records is not in the report/ }],
    ['a batch that stands twice', (job) => (job.report.batches.push(job.report.batches[0]!), writeReport(job, job.records)), { batches: /has msgbatch_1 twice/ }],
    ['an index of other places', (_, path) => swapPlaces(path('results.index')), { index: /2 requests elsewhere than where they are/ }],
  ];
  it.each(cells)('%s', async (_, change, expected) => {
    const job = await provableJob();
    await change(job, (name) => join(job.output, name));
    const failures = Object.entries(expected).map(([name, message]) => [name, expect.stringMatching(new RegExp(`^failed: [\\s\\S]*${message.source}|^${message.source}`))]);
    expect(await found(job)).toEqual({ proved: false, ...Object.fromEntries(failures) });
  });
});

it('says what it cannot check, and proves the rest: an older release, an input that is gone, no records, no index', async () => {
  const job = await provableJob();
  delete job.report.results;
  await writeReport(job, job.records);
  rmSync(join(job.output, 'results.index'));
  rmSync(job.input);
  expect(await found({ ...job, records: undefined })).toEqual({
    proved: true,
    results: expect.stringMatching(/^unchecked: .*kept no hash/),
    index: expect.stringMatching(/^unchecked: /),
    input: expect.stringMatching(/^unchecked: .*cannot be read any more/),
    batches: expect.stringMatching(/^unchecked: the records of the job are not in this home/),
  });
});

it('proves a job whose ids were made, also where requests have none', async () => {
  const anonymous = (text: string) => requestLine('x', text).replace('"custom_id":"x",', '');
  const lines = [requestLine('a b', 'One'), anonymous('Two'), anonymous('Three'), requestLine('é', 'Four'), requestLine('good', 'Five'), anonymous('Six')];
  const job = await endedJob(folder.path, lines, [[[succeeded('generated-1'), succeeded('generated-2'), errored('generated-3'), succeeded('generated-4'), succeeded('good')]]], { ids: 'generate' });
  job.report.input.generated_ids = job.rounds[0]!.generatedIds!;
  writeFileSync(join(job.output, 'report.json'), JSON.stringify(job.report));
  expect(await found(job)).toEqual({ proved: true, batches: expect.stringMatching(/^unchecked/) });
  writeFileSync(join(job.output, 'failed-requests.jsonl'), '');
  expect(await found(job)).toMatchObject({ proved: false, outcomes: expect.stringMatching(/^failed/) });
});

it('takes another input for a changed one, and a copy for the same', async () => {
  const job = await provableJob();
  const copy = join(folder.path, 'copy.jsonl');
  writeFileSync(copy, readFileSync(job.input));
  writeFileSync(job.input, linesOfFile(job.input).slice(1).join('\n'));
  expect(await found(job)).toEqual({ proved: true, input: expect.stringMatching(/^unchecked: .*is not what it was/) });
  expect(await found(job, copy)).toEqual({ proved: true });
});

it('tells in one read whether the results may be had from the outputs alone', async () => {
  const job = await endedJob(folder.path, requestLines(2), [[[succeeded('q-0'), errored('q-1')]]]);
  writeFileSync(join(job.output, 'report.json'), JSON.stringify(job.report));
  expect(await whyNotProved(job.report)).toBeUndefined();
  expect(await whyNotProved({ ...job.report, outcomes: { ...job.report.outcomes, missing: 1 } })).toMatch(/^1 requests have no result/);
  expect(await whyNotProved({ ...job.report, results: undefined })).toMatch(/kept no hash/);
  truncateSync(join(job.output, 'results.jsonl'), 10);
  expect(await whyNotProved(job.report)).toMatch(/has 10 bytes, and/);
  rmSync(join(job.output, 'report.json'));
  expect(await whyNotProved(job.report)).toMatch(/its outputs are gone/);
});

it('lists of requests are proved by their ids alone where requests.index is not there, and that is said', async () => {
  const job = await provableJob();
  rmSync(join(job.output, 'requests.index'));
  const { proved, checks } = await verifyJob(job.report, { folder: job.records });
  expect(proved).toBe(true);
  expect(checks.find(({ name }) => name === 'outcomes')).toMatchObject({ state: 'ok', message: expect.stringContaining('requests.index of this job is not there') });
});

function replaceIn(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

/** Exchanges the places of the first and the last request, `a` and `e`, which have both succeeded. */
function swapPlaces(path: string): void {
  const bytes = readFileSync(path);
  const at = (request: number): number => 40 + 2 * 4 + request * 16;
  const first = Buffer.from(bytes.subarray(at(0), at(1)));
  bytes.copyWithin(at(0), at(4), at(5));
  first.copy(bytes, at(4));
  writeFileSync(path, bytes);
}
