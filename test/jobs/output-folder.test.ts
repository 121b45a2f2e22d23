import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claimOutput, InputError, outputFolder, readResults, removeUnfinishedOutputs, removeWorkFolder, workFolder } from '../../src/jobs';
import { collect, useFolder } from '../storage/helpers';

const folder = useFolder();
const dir = () => join(folder.path, 'answers/today');
const expectRefused = async (claim: Promise<unknown>, code: string, message: string) => {
  const error = await claim.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(message), hint: expect.stringMatching(/./) });
};

it('makes the folder and marks whose it is; the same job may claim it again', async () => {
  const output = await claimOutput(dir(), 'job-1', { inputBytes: 1000 });
  expect(output).toEqual(outputFolder(dir()));
  expect(output.workFolder).toBe(workFolder(dir()));
  expect(JSON.parse(readFileSync(join(dir(), '.parts/job.json'), 'utf8'))).toEqual({ job_id: 'job-1' });
  expect(await claimOutput(dir(), 'job-1')).toEqual(output);
});

it('refuses a folder of another job and names it, while that runs and when it has ended', async () => {
  const output = await claimOutput(dir(), 'job-1');
  await expectRefused(claimOutput(dir(), 'job-2'), 'output_taken', 'belongs to job job-1');
  writeFileSync(output.report, '{"job_id": "job-1"}');
  await removeWorkFolder(dir());
  expect(existsSync(output.workFolder)).toBe(false);
  await expectRefused(claimOutput(dir(), 'job-2'), 'output_taken', 'belongs to job job-1');
  expect(await claimOutput(dir(), 'job-1')).toEqual(output);
});

it('refuses the same job of another home folder, which knows nothing of what was paid here', async () => {
  const output = await claimOutput(dir(), 'job-1', { storageId: '0a0a0a0a' });
  expect(JSON.parse(readFileSync(output.claim, 'utf8'))).toEqual({ job_id: 'job-1', storage_id: '0a0a0a0a' });
  expect(await claimOutput(dir(), 'job-1', { storageId: '0a0a0a0a' })).toEqual(output);
  await expectRefused(claimOutput(dir(), 'job-1', { storageId: '0b0b0b0b' }), 'output_taken', 'Another home folder');
  await expectRefused(claimOutput(dir(), 'job-2', { storageId: '0b0b0b0b' }), 'output_taken', 'belongs to job job-1');
  writeFileSync(output.claim, '{"job_id": "job-1"}');
  expect(await claimOutput(dir(), 'job-1', { storageId: '0b0b0b0b' })).toEqual(output);
});

it('gives the folder to one of several homes that claim it for the same job at once', async () => {
  const homes = Array.from({ length: 8 }, (_, i) => `0000000${i}`);
  const claims = await Promise.allSettled(homes.map((storageId) => claimOutput(dir(), 'job-1', { storageId })));
  expect(claims.filter((claim) => claim.status === 'fulfilled')).toHaveLength(1);
});

it('gives the folder to one of several jobs that claim it at once', async () => {
  const jobs = Array.from({ length: 8 }, (_, i) => `job-${i}`);
  const claims = await Promise.allSettled(jobs.map((job) => claimOutput(dir(), job)));
  expect(claims.filter((claim) => claim.status === 'fulfilled')).toHaveLength(1);
  const winner = jobs[claims.findIndex((claim) => claim.status === 'fulfilled')];
  expect(JSON.parse(readFileSync(outputFolder(dir()).claim, 'utf8'))).toEqual({ job_id: winner });
});

it('takes a folder that holds other things, but replaces no file of its names', async () => {
  mkdirSync(dir(), { recursive: true });
  writeFileSync(join(dir(), 'notes.txt'), 'mine');
  await claimOutput(dir(), 'job-1');
  const other = join(folder.path, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'results.jsonl'), 'mine');
  await expectRefused(claimOutput(other, 'job-1'), 'output_taken', 'results.jsonl is there already');
  expect(readdirSync(other)).toEqual(['results.jsonl']);
  renameSync(join(other, 'results.jsonl'), join(other, 'results.index'));
  await expectRefused(claimOutput(other, 'job-1'), 'output_taken', 'results.index is there already');
});

it('refuses what is no folder', async () => {
  const file = join(folder.path, 'file');
  writeFileSync(file, '');
  await expectRefused(claimOutput(file, 'job-1'), 'output_not_a_folder', 'is not a folder');
  await expectRefused(claimOutput(join(file, 'sub'), 'job-1'), 'output_not_a_folder', 'is not a folder');
  await expectRefused(claimOutput(join(file, 'sub/sub'), 'job-1'), 'output_not_a_folder', 'is not a folder');
});

it('refuses a folder that cannot be written', async () => {
  // Also root cannot make folders in sysfs.
  const unwritable = process.platform === 'linux' ? '/sys/kernel/message-batches' : '/dev/message-batches';
  await expectRefused(claimOutput(unwritable, 'job-1'), 'output_not_writable', unwritable);
});

it('refuses a disk that is too small, before anything is made', async () => {
  const needed = 2 ** 60;
  await expectRefused(claimOutput(dir(), 'job-1', { inputBytes: needed }), 'disk_too_small', `needs about ${Math.ceil((2 * needed) / 1e6).toLocaleString('en-US')} MB`);
  expect(readdirSync(folder.path)).toEqual([]);
});

it('says that there are no results yet', async () => {
  await expectRefused(collect(readResults(dir())), 'results_not_found', 'no results');
});

it('is for this user alone', async () => {
  await claimOutput(dir(), 'job-1');
  for (const made of [dir(), outputFolder(dir()).workFolder]) expect(statSync(made).mode & 0o777).toBe(0o700);
});

it('removes what dead workers left beside the outputs, and nothing else', async () => {
  await claimOutput(dir(), 'job-1');
  const kept = ['.notes.txt.0123456789ab.tmp', '.results.jsonl.swp', 'results.jsonl', 'report.json'];
  for (const name of [...kept, '.results.jsonl.0123456789ab.tmp', '.report.json.ba9876543210.tmp']) writeFileSync(join(dir(), name), '');
  await removeUnfinishedOutputs(dir());
  expect(readdirSync(dir()).sort()).toEqual([...kept, '.parts'].sort());
});
