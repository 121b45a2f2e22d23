/** What can be done with a job that has ended: proved again, its working data freed, its batches deleted at the API. */
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import { JobFolder } from '../../src/jobs';
import type { Simulator } from '../../src/simulator';
import { CliWorld } from './support/cli-world';
import { useSimulatedApi } from './support/simulated-api';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;
useSimulatedApi((opened) => ({ world, simulator, api } = opened));

const path = (...names: string[]) => join(world.folder, ...names);
const run = async (...args: string[]) => JSON.parse((await world.run(['run', ...args, '--json'], api)).stdout) as JobReport;

test('verify proves a job from its files, without a key and a server, and tells what was changed', async () => {
  simulator.setOptions({ erroredShare: 0.3 });
  const report = await run(await world.input('verified', 30));
  const offline = { ...api, ANTHROPIC_API_KEY: '', ANTHROPIC_BASE_URL: 'http://127.0.0.1:1' };
  const proved = await world.run(['verify', report.job_id], offline);
  expect(proved).toEqual({ code: 0, stderr: '', stdout: expect.stringMatching(/^Job \w+ is proved\.\nok +report[\s\S]*\nok +batches +the 1 batches that were paid/) });

  // Elsewhere, as far as it can be.
  await cp(path('verified.results'), path('moved'), { recursive: true });
  const moved = await world.run(['verify', 'moved', '--json'], { MESSAGE_BATCHES_HOME: path('other-home') });
  expect(moved).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(moved.stdout)).toMatchObject({ job_id: report.job_id, output: path('moved'), proved: true, checks: expect.arrayContaining([{ name: 'batches', state: 'unchecked', message: expect.any(String) }]) });

  await appendFile(path('verified.results', 'results.jsonl'), '\n');
  const changed = await world.run(['verify', report.job_id], offline);
  expect(changed).toMatchObject({ code: 2, stdout: expect.stringMatching(/is not proved: [\s\S]*failed +results +results\.jsonl has [\d,]+ bytes, and [\d,]+ were written\n +Put the file back/) });
  expect(await world.run(['results', report.job_id])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: .*results\.jsonl was changed since the job ended: it has [\d,]+ bytes/) });
  expect(await world.run(['results', report.job_id, '--all'])).toMatchObject({ code: 1, stdout: '' });
});

if (LONG) test('verify and clean have nothing to do with a job that is open', async () => {
  simulator.setOptions({ processingMs: 60_000 });
  const { code, stdout } = await world.run(['submit', await world.input('open'), '--json'], api);
  expect(code).toBe(0);
  const { job_id: id } = JSON.parse(stdout) as { job_id: string };
  expect(await world.run(['verify', id])).toMatchObject({ code: 1, stderr: expect.stringMatching(/has not ended yet[\s\S]*message-batches wait/) });
  expect(await world.run(['clean', id])).toMatchObject({ code: 1, stderr: expect.stringMatching(/is open, and needs all that it has/) });
  const listed = JSON.parse((await world.run(['clean', '--all', '--json'])).stdout) as { items: { path: string }[] };
  expect(listed.items.filter((item) => item.path.includes('open.results'))).toEqual([]);
  expect(existsSync(path('open.results', '.parts', 'round-01'))).toBe(true);
  await world.run(['cancel', id], api);
  expect(await world.run(['wait', id], api)).toMatchObject({ code: 3 });
});

test('clean frees working data and piped inputs of jobs that have ended, and nothing else', async () => {
  simulator.addFault({ on: 'results', kind: 'change-lines', change: 'unknown-result-type' });
  const { code } = await world.run(['run', '-', '--output', 'kept'], api, await readFile(path(await world.input('kept', 5)), 'utf8'));
  expect(code).toBe(2);
  const report = JSON.parse(await readFile(path('kept', 'report.json'), 'utf8')) as JobReport;
  expect(report.outcomes.missing).toBe(1);
  await writeFile(path('kept', '.results.jsonl.0123456789ab.tmp'), 'unfinished');
  // Of commands that died, and of one that has just begun.
  await mkdir(join(world.home, 'inputs'), { recursive: true });
  for (const [name, age] of [['.abc.tmp', 2], ['young.jsonl', 0]] as const) {
    const file = join(world.home, 'inputs', name);
    await writeFile(file, 'x'.repeat(100));
    await utimes(file, new Date(), new Date(Date.now() - age * 3_600_000));
  }
  const left = [path('kept', '.parts'), path('kept', '.results.jsonl.0123456789ab.tmp'), report.input.path, join(world.home, 'inputs', '.abc.tmp')];

  for (const args of [['clean'], ['clean', '--all', '--dry-run'], ['clean', report.job_id, '--dry-run']]) {
    expect(await world.run(args)).toMatchObject({ code: 0, stdout: expect.stringMatching(/kept\/\.parts +working data of \w+, kept because requests are missing[\s\S]* can be freed/) });
  }
  for (const each of left) expect(existsSync(each)).toBe(true);

  const freed = await world.run(['clean', '--all', '--json']);
  const { items, bytes } = JSON.parse(freed.stdout) as { items: { path: string; bytes: number }[]; bytes: number };
  expect(items.map((item) => item.path).sort()).toEqual([...left].sort());
  expect(bytes).toBe(items.reduce((sum, item) => sum + item.bytes, 0));
  for (const each of left) expect(existsSync(each)).toBe(false);
  expect(existsSync(join(world.home, 'inputs', 'young.jsonl'))).toBe(true);
  expect(await world.run(['clean', '--all'])).toMatchObject({ code: 0, stdout: 'There is nothing to free.\n' });
  // What was paid is still known, and the outputs are whole.
  expect(await world.run(['verify', report.job_id])).toMatchObject({ code: 0 });
});

test('--delete-from-api deletes what is proved, says so, and keeps what is not', async () => {
  const deleted = () => simulator.stats().accepted.filter((batch) => batch.deletedAt !== undefined).length;
  const { stderr } = await world.run(['run', await world.input('deleted'), '--delete-from-api'], api);
  expect(stderr).toMatch(/\nDeleted at the API: msgbatch_\w+\. The results are in the outputs alone now\.\n$/);
  expect(deleted()).toBe(1);

  simulator.addFault({ on: 'results', kind: 'change-lines', change: 'unknown-result-type' });
  const kept = await world.run(['run', await world.input('not-deleted'), '--delete-from-api'], api);
  expect(kept.stderr).toMatch(/\nNothing was deleted at the API, where the results can still be had: 1 requests have no result that was found\.\n$/);
  expect(deleted()).toBe(1);
});

test('status and doctor tell of results that the API will not keep much longer, from the records alone', async () => {
  const other = await CliWorld.create();
  try {
    const records = new JobFolder(other.home, 'job_old');
    const account = { label: 'default', base_url: 'https://api.anthropic.com' };
    await records.createJob({ format: 1, job_id: 'job_old', simulated: false, account, input: { path: '/x.jsonl', sha256: '', requests: 2, bytes: 1 }, output: '/x.results', betas: [], created_at: '2026-01-01T00:00:00Z' });
    await records.writePlan({ round: 1, requests: 2, parts: [{ part: 1, requests: 2, bodyBytes: 1, bodySha256: '' }] });
    const createdAt = new Date(Date.now() - 25 * 24 * 3_600_000);
    await records.part(1, 1).creates.answered(1, { batch_id: 'msgbatch_old', created_at: createdAt.toISOString(), simulated: false });
    const until = new Date(createdAt.getTime() + 29 * 24 * 3_600_000).toISOString().slice(0, 10);
    const sentence = `The API keeps the results of msgbatch_old until ${until}, and they are not stored yet. Fetch them: message-batches wait job_old`;
    expect((await other.run(['status'])).stdout).toMatch(/job_old has results that are not stored yet, and that the API deletes in 4 d|results are lost in 3 d/);
    expect(await other.run(['status', 'job_old'])).toMatchObject({ stdout: expect.stringContaining(`the API keeps its results until ${until} only`), stderr: expect.stringContaining(sentence) });
    expect(await other.run(['doctor'])).toMatchObject({ code: 1, stdout: expect.stringContaining(sentence) });
    // Once they are stored, nothing is lost.
    await rm(join(records.folder, 'round-01'), { recursive: true });
    expect(await other.run(['doctor'])).toMatchObject({ stdout: expect.not.stringContaining('msgbatch_old') });
  } finally {
    await other.close();
  }
});
