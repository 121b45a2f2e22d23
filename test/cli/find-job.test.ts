import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findJob, nextJobId } from '../../src/cli/find-job';
import { knownJobs } from '../../src/cli/known-jobs';
import type { JobReport } from '../../src/contract';
import { AccountRecords, JobFolder } from '../../src/jobs';

const ACCOUNT = { label: 'default', baseUrl: 'https://api.anthropic.com' };
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'message-batches-find-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function addJob(id: string, { input = '/data/a.jsonl', output = `/data/${id}`, ended = false, simulated = false, day = 1, retryOf = '' } = {}): Promise<void> {
  const folder = new JobFolder(home, id);
  await folder.createJob({
    format: 1,
    job_id: id,
    simulated,
    account: { label: ACCOUNT.label, base_url: ACCOUNT.baseUrl },
    input: { path: input, sha256: 'a'.repeat(64), requests: 3, bytes: 300 },
    output,
    betas: [],
    created_at: `2026-11-0${day}T00:00:00.000Z`,
    ...(retryOf !== '' && { earlier: { job_id: retryOf, output: `/data/${retryOf}`, only: ['expired'] } }),
  });
  if (ended) await folder.writeReport({ job_id: id, output } as JobReport);
}

const find = async (reference?: string, more = {}) => (await findJob(reference, { homeFolder: home, cwd: '/data', ...more })).id;

test('by its id, which may be the beginning of another', async () => {
  await addJob('job_1');
  await addJob('job_12');
  expect(await find('job_1')).toBe('job_1');
  expect(await find('job_12')).toBe('job_12');
});

test('by an id that is no name of a folder, and goes by the record', async () => {
  await addJob('orders/../2026', { ended: true });
  expect(await find('orders/../2026', { openOnly: false })).toBe('orders/../2026');
  expect(await knownJobs(home)).toEqual([expect.objectContaining({ id: 'orders/../2026', report: expect.objectContaining({ job_id: 'orders/../2026' }) })]);
});

test('a copy of a job\'s folder is no other job', async () => {
  await addJob('job_1');
  await cp(join(home, 'jobs', 'job_1'), join(home, 'jobs', 'job_1.bak'), { recursive: true });
  expect((await knownJobs(home)).map(({ id }) => id)).toEqual(['job_1']);
});

test('by a unique beginning of its id; a shared one lists the candidates', async () => {
  await addJob('job_abc', { day: 1 });
  await addJob('job_abd', { day: 2, ended: true });
  expect(await find('job_abc')).toBe('job_abc');
  await expect(find('job_ab')).rejects.toMatchObject({
    code: 'ambiguous_job',
    message: '"job_ab" can mean 2 jobs.',
    hint: expect.stringMatching(/job_abd {2}ended[\s\S]*job_abc {2}open/),
    details: { candidates: ['job_abd', 'job_abc'] },
  });
});

test('by the path of its input or its output folder, relative or not', async () => {
  await addJob('job_a', { input: '/data/in/a.jsonl', output: '/data/in/a.results' });
  for (const reference of ['in/a.jsonl', '/data/in/a.jsonl', 'in/a.results', './in/a.results/']) expect(await find(reference)).toBe('job_a');
});

test('several jobs of one input: the only open one is meant, else none', async () => {
  await addJob('job_first', { ended: true });
  await addJob('job_second', { ended: true });
  await expect(find('a.jsonl')).rejects.toMatchObject({ code: 'ambiguous_job' });
  await addJob('job_third');
  expect(await find('a.jsonl')).toBe('job_third');
});

test('a real and a simulated job of one input are told apart', async () => {
  await addJob('job_real');
  await addJob('sim_same', { simulated: true });
  await expect(find('a.jsonl')).rejects.toMatchObject({ code: 'ambiguous_job' });
  expect(await find('a.jsonl', { simulatedOnly: true })).toBe('sim_same');
  await expect(find('job_real', { simulatedOnly: true })).rejects.toMatchObject({ code: 'job_not_found' });
});

test('by one of its batches', async () => {
  await addJob('job_a');
  await addJob('job_b');
  await new AccountRecords(home, ACCOUNT).own('msgbatch_01AB', { job_id: 'job_b', round: 1, part: 1 });
  expect(await find('msgbatch_01AB')).toBe('job_b');
  await expect(find('msgbatch_other')).rejects.toMatchObject({ code: 'job_not_found' });
});

test('left out: the only open one', async () => {
  await expect(find()).rejects.toMatchObject({ code: 'no_job', message: 'There is no job yet.' });
  await addJob('job_done', { ended: true });
  await expect(find()).rejects.toMatchObject({ code: 'no_job', message: 'No job is open.' });
  expect(await find(undefined, { openOnly: false })).toBe('job_done');
  await addJob('job_open');
  expect(await find()).toBe('job_open');
  expect(await find(undefined, { openOnly: false })).toBe('job_open');
  await addJob('job_open_too');
  await expect(find()).rejects.toMatchObject({ code: 'ambiguous_job', message: '2 jobs are open: say which one.' });
});

test('what no folder knows is asked for elsewhere', async () => {
  const elsewhere = async (id: string) => (id === 'grades' ? { ...(await knownJobs(home))[0]!, id } : undefined);
  await addJob('job_a');
  expect(await find('grades', { elsewhere })).toBe('grades');
  await expect(find('others', { elsewhere })).rejects.toMatchObject({ code: 'job_not_found' });
});

test('a mistyped id, beginning or path: what may have been meant', async () => {
  await addJob('grades-2026-11', { input: '/data/in/grades.jsonl', output: '/data/in/grades.results' });
  await addJob('job_4c1f09be72a3d586', { input: '/data/b.jsonl' });
  const hint = async (reference: string, more = {}) => find(reference, more).then(() => 'found', ({ hint: told }: { hint: string }) => /^Did you mean (.*?)\? /.exec(told)?.[1]);
  expect(await hint('grade-2026')).toBe('grades-2026-11');
  expect(await hint('grades-2026-12')).toBe('grades-2026-11');
  expect(await hint('jbo_4c1f')).toBe('job_4c1f09be72a3d586');
  expect(await hint('in/grade.jsonl')).toBe('in/grades.jsonl');
  expect(await hint('/data/in/grads.results')).toBe('/data/in/grades.results');
  expect(await hint('something-else')).toBeUndefined();
  expect(await hint('x')).toBeUndefined();
  expect(await hint('gradse-of-a-program', { idsElsewhere: async () => ['grades-of-a-program'] })).toBe('grades-of-a-program');
});

test('--new takes the first number that is free', async () => {
  expect(await nextJobId('job_a', home)).toEqual({ id: 'job_a', number: 1 });
  await addJob('job_a');
  expect(await nextJobId('job_a', home)).toEqual({ id: 'job_a-2', number: 2 });
  await addJob('job_a-2');
  expect(await nextJobId('job_a', home)).toEqual({ id: 'job_a-3', number: 3 });
});

test('where originals are meant, a job that sends another one again goes by its own id and folder alone', async () => {
  await addJob('job_1', { ended: true });
  await addJob('job_1-retry-1', { day: 2, retryOf: 'job_1' });
  const options = { openOnly: false, originalsOnly: true };
  for (const reference of ['a.jsonl', 'job_1', 'job_', undefined]) expect(await find(reference, options)).toBe('job_1');
  for (const reference of ['job_1-retry-1', '/data/job_1-retry-1']) expect(await find(reference, options)).toBe('job_1-retry-1');
  expect(await find('a.jsonl', { openOnly: false })).toBe('job_1-retry-1');
});
