/** Whole runs that fail in part, are killed or canceled; names, folders, homes and inputs of jobs, and whose they are. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import type { Simulator } from '../../src/simulator';
import type { CliWorld } from './support/cli-world';
import { useSimulatedApi } from './support/simulated-api';
import { endBatches } from '../support/end-batches';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;
useSimulatedApi((opened) => ({ world, simulator, api } = opened));

const accepted = () => simulator.stats().accepted.length;

test('some did not succeed: exit 2, and what failed is ready for another run', async () => {
  simulator.setOptions({ erroredShare: 0.5 });
  const input = await world.input('errors', 20);
  const { code, stdout } = await world.run(['run', input], api);
  expect(code).toBe(2);
  expect(stdout).toMatch(/\nerrored +\d+ × invalid_request_error: .*\n[\s\S]*failed +errors\.results\/failed-requests\.jsonl[\s\S]*message-batches run errors\.results\/failed-requests\.jsonl\n$/);
  const failed = await world.lines('errors.results', 'failed-requests.jsonl');
  const succeeded = (await world.lines('errors.results', 'results.jsonl')).filter((line) => JSON.parse(line).result.type === 'succeeded');
  expect(failed.length + succeeded.length).toBe(20);

  simulator.setOptions({ erroredShare: 0 });
  expect(await world.run(['run', join('errors.results', 'failed-requests.jsonl')], api)).toMatchObject({ code: 0 });
});

test('an output folder belongs to one job', async () => {
  const input = await world.input('folder');
  expect(await world.run(['run', input], api)).toMatchObject({ code: 0 });
  const before = accepted();
  await writeFile(join(world.folder, input), (await readFile(join(world.folder, input), 'utf8')).replaceAll('What', 'How much'));
  // The input has changed since, so most of it need not be paid again: that is said first, by a dry run too.
  for (const more of [[], ['--dry-run']]) {
    expect(await world.run(['run', input, ...more], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: .*folder\.results belongs to job job_\w+\.\nNothing was sent\. That job was made of an earlier folder\.jsonl; to send only what is new: message-batches run folder\.jsonl --reuse job_\w+ --output folder\.results-2\nOr choose another folder with --output DIR, or move that one away: all of it is then paid for\.\n$/) });
  }
  const unrelated = await world.run(['run', await world.input('unrelated'), '--output', 'folder.results'], api);
  expect(unrelated).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/\nNothing was sent\. Choose another folder with --output DIR, or move that one away\.\n$/) });
  expect(accepted()).toBe(before);
  expect(await world.run(['run', input, '--output', 'elsewhere'], api)).toMatchObject({ code: 0 });
  expect(await world.lines('elsewhere', 'results.jsonl')).toHaveLength(3);
});

test('the same job from another home is refused while it runs, and leaves the claim as it is', async () => {
  simulator.setOptions({ processingMs: Infinity });
  const input = await world.input('two-homes');
  const before = accepted();
  const running = world.start(['run', input, '--poll-interval', '500ms'], api);
  await running.printed(/msgbatch_\w+ processing/);
  const other = { ...api, MESSAGE_BATCHES_HOME: join(world.folder, 'second-home') };
  for (const command of ['run', 'submit']) {
    const refused = { code: 1, stdout: '', stderr: expect.stringMatching(/^Error: Another home folder [\s\S]*\nNothing was sent\. Go on from there\. .*--output DIR.*paid for again\.\n$/) };
    expect(await world.run([command, input], other)).toEqual(refused);
  }
  endBatches({ simulator });
  expect(await running.ended()).toMatchObject({ code: 0 });
  expect(accepted()).toBe(before + 1);
});

test('--id names a job; other requests cannot have the same', async () => {
  const one = await world.input('named');
  expect(await world.run(['run', one, '--id', 'mine'], api)).toMatchObject({ code: 0, stdout: expect.stringMatching(/job +mine\n/) });
  const other = await world.input('named-other');
  expect(await world.run(['run', other, '--id', 'mine'], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: Job mine was made of other requests than named-other\.jsonl holds now/) });
});

test('standard input is kept, so that the job can read it again', async () => {
  const content = await readFile(join(world.folder, await world.input('piped')), 'utf8');
  const { code, stdout } = await world.run(['run', '-', '--json'], api, content);
  expect(code).toBe(0);
  const { input, output } = JSON.parse(stdout) as JobReport;
  expect(input.path).toBe(join(world.home, 'inputs', `${input.sha256}.jsonl`));
  expect(await readFile(input.path, 'utf8')).toBe(content);
  expect(output).toBe(join(world.folder, `stdin-${input.sha256.slice(0, 8)}.results`));
});

test('a finished job is recognised by its outputs, even where the home folder is new', async () => {
  const input = await world.input('kept');
  expect(await world.run(['run', input], api)).toMatchObject({ code: 0 });
  const before = accepted();
  const { code, stdout } = await world.run(['run', input], { ...api, MESSAGE_BATCHES_HOME: join(world.folder, 'new-home') });
  expect([code, accepted()]).toEqual([0, before]);
  expect(stdout).toMatch(/^3 of 3 requests succeeded/);
});

test('results to a file, and by custom_id', async () => {
  const input = await world.input('read', 5);
  expect(await world.run(['run', input], api)).toMatchObject({ code: 0 });
  expect(await world.run(['results', input, '--output', 'all.jsonl'])).toEqual({ code: 0, stdout: '', stderr: 'Wrote all.jsonl\n' });
  expect(await readFile(join(world.folder, 'all.jsonl'))).toEqual(await readFile(join(world.folder, 'read.results', 'results.jsonl')));
  const two = await world.run(['results', input, '--id', 'read-3', '--id', 'read-1']);
  expect(two.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line).custom_id).sort()).toEqual(['read-1', 'read-3']);
  expect(await world.run(['results', input, '--id', 'nobody'])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/has no result for nobody\./) });
});

test('outputs that are gone, or another job\'s by now, are not taken for the job\'s own', async () => {
  const input = await world.input('gone');
  expect(await world.run(['run', input], api)).toMatchObject({ code: 0 });
  expect(await world.run(['results', input, '--output', 'nowhere/x.jsonl'])).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: There is no folder nowhere\./) });
  await rm(join(world.folder, 'gone.results'), { recursive: true });
  const note = /The outputs are gone: they are not in gone\.results any more\. .* 29 days/;
  for (const command of ['run', 'status']) expect(await world.run([command, input], api)).toMatchObject({ code: 0, stdout: expect.stringMatching(note) });
  expect(await world.run(['results', input])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(note) });

  expect(await world.run(['run', await world.input('next'), '--output', 'gone.results', '--id', 'next'], api)).toMatchObject({ code: 0 });
  expect(await world.run(['results', input])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/gone\.results belongs to job next now/) });
});

test('kill -9, and the same command goes on: one batch', async () => {
  simulator.setOptions({ processingMs: Infinity });
  const input = await world.input('killed');
  const before = accepted();
  const running = world.start(['run', input], api);
  await running.printed(/msgbatch_\w+ processing/);
  await running.signal('SIGKILL');
  endBatches({ simulator });
  const { code, stderr } = await world.run(['run', input], api);
  expect(stderr).toMatch(/^Job is known already, going on with it: 3 requests, to /);
  expect([code, accepted()]).toEqual([0, before + 1]);
});

test('cancel returns when the API has answered, not before; again it says the same', async () => {
  simulator.setOptions({ processingMs: 600_000, cancelingMs: 600_000 });
  const { stdout } = await world.run(['submit', await world.input('cancel'), '--json'], api);
  const { job_id: id, batch_id: batch } = JSON.parse(stdout);
  simulator.addFault({ on: 'cancel', kind: 'status', status: 500, times: 2 });
  const before = simulator.stats().calls.cancel;
  const answer = { code: 0, stdout: `${JSON.stringify({ job_id: id, ended: false, batch_ids: [batch], follow_ups_canceled: false })}\n` };
  expect(await world.run(['cancel', batch, '--json'], api)).toMatchObject(answer);
  expect(simulator.stats().calls.cancel).toBe(before + 3);
  expect(await world.run(['cancel', id, '--json'], api)).toMatchObject(answer);
  simulator.endBatch(batch);
  expect(await world.run(['wait', id, '--json'], api)).toMatchObject({ code: 3, stdout: expect.stringContaining('"status":"canceled"') });
});

test('--timeout: exit 5, the job goes on in the background, wait ends it', async () => {
  simulator.setOptions({ processingMs: Infinity });
  const input = await world.input('slow');
  const { code, stdout } = await world.run(['run', input, '--timeout', '1s', '--json'], api);
  expect(code).toBe(5);
  const { error, job_id: id } = JSON.parse(stdout);
  expect(error).toMatchObject({ code: 'timeout', hint: expect.stringContaining(`message-batches wait ${id}`) });
  endBatches({ simulator });
  expect(await world.run(['wait', id, '--json'], api)).toMatchObject({ code: 0, stdout: expect.stringContaining('"succeeded":3') });
});
