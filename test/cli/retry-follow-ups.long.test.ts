/**
 * Failed follow-ups that are to run again, where something is in their way: files that were changed or are gone, workflows that were terminated,
 * a type that nobody serves, a job that still runs; and where other answers are asked of them.
 */
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '@temporalio/client';
import { Client } from '@temporalio/client';
import type { JobReport } from '../../src/contract';
import { followUpRetryShardWorkflowId, followUpRetryWorkflowId, followUpWorkflowId } from '../../src/contract';
import { FollowUpWorker } from '../support/follow-ups/worker';
import { finishSignal } from '../support/follow-ups/workflows';
import { until } from '../support/until';
import type { CliWorld } from './support/cli-world';
import { useFollowedJobs } from './support/followed-jobs';

let world: CliWorld;
let env: Record<string, string>;
let connection: Connection;
const { effects, input, ended, runs, linesOf, again } = useFollowedJobs((opened) => ({ world, env, connection } = opened));

test('answers are checked against a mended schema instead, by the worker that the command brings; one that cannot be used is refused before anything runs', async () => {
  const first = await ended('checked', [{ fail: 'Never' }]);
  await world.file('bad-schema.json', '{"tpye": "object"}');
  await world.file('schema.json', '{"type": "object"}');
  expect(await again(first.job_id, '--check-schema', 'bad-schema.json')).toMatchObject({ code: 1, error: { code: 'bad_schema' } });
  expect(await again(first.job_id, '--check-schema', 'schema.json', '--follow-up-args', '1')).toMatchObject({ code: 1, error: { code: 'usage' } });
  expect(existsSync(join(first.output, '.parts'))).toBe(false);
  expect(await again(first.job_id, '--check-schema', 'schema.json')).toMatchObject({ code: 2, result: { attempt: 1, follow_ups: { retried_with: [{ attempt: 1, workflow: 'checkJsonAnswer', other_args: true }] } } });
  expect(await linesOf(first)).toMatchObject([{ status: 'completed', value: { valid: false } }]);
  expect(runs('checked', 1)).toEqual([1]);
  // It has completed, so no other schema changes that: which is said.
  expect(await world.run(['retry-follow-ups', first.job_id, '--check-schema', 'schema.json'], env)).toMatchObject({ code: 2, stdout: expect.stringMatching(/have completed[\s\S]*answers +0 valid, 1 invalid: 1 × not_json[\s\S]*do not run again, also not with another schema/) });
});

test('where all have completed it says so; a job without follow-ups is told apart', async () => {
  const all = await ended('fine', [{}, {}]);
  expect(await again(all.job_id)).toMatchObject({ code: 0, result: { selected: 0 } });
  expect(runs('fine', 2)).toEqual([1, 1]);
  const input = await world.input('plain');
  const plain = JSON.parse((await world.run(['run', input, '--simulate', '--json'], env)).stdout) as JobReport;
  expect(await again(plain.job_id)).toMatchObject({ code: 1, error: { code: 'no_follow_ups' } });
});

test('a shard that is terminated in the middle is started again, and those that have failed in this attempt do not run once more', async () => {
  const first = await ended('broken', [{ fail: 'Never' }, { fail: 'Never' }, { fail: 'Not yet', once: true, waits: true }]);
  const client = new Client({ connection });
  const running = world.start(['retry-follow-ups', first.job_id, '--json'], env);
  await effects.ranAgain('broken-', 3);
  await Promise.all((await linesOf(first)).slice(0, 2).map(({ workflow_id: id }) => client.workflow.getHandle(id).result().catch(() => undefined)));
  await client.workflow.getHandle(followUpRetryShardWorkflowId(first.job_id, 1, 1)).terminate('By somebody');
  const { code, stdout } = await running.ended();
  expect([code, JSON.parse(stdout)]).toEqual([2, expect.objectContaining({ attempt: 1, selected: 3 })]);
  expect((await linesOf(first)).map(({ status }) => status)).toEqual(['failed', 'failed', 'completed']);
  // The third was canceled with its shard, which could put that on no record.
  expect(runs('broken', 3)).toEqual([2, 2, 3]);
});

test('a retry that is terminated goes on from what is on record: nothing runs a second time in the same attempt', async () => {
  const first = await ended('ended-above', [{ fail: 'Never' }, { fail: 'Not yet', once: true, waits: true }]);
  const client = new Client({ connection });
  const running = world.start(['retry-follow-ups', first.job_id, '--json'], env);
  await effects.ranAgain('ended-above-', 2);
  const shard = client.workflow.getHandle(followUpRetryShardWorkflowId(first.job_id, 1, 1));
  await client.workflow.getHandle((await linesOf(first))[0]!.workflow_id).result().catch(() => undefined);
  await client.workflow.getHandle(followUpRetryWorkflowId(first.job_id, 1)).terminate('By somebody');
  expect(await running.ended()).toMatchObject({ code: 1 });
  const worker = world.start(['worker', '--simulate'], env);
  await shard.result().catch(() => undefined);
  await worker.signal('SIGTERM');
  expect(await again(first.job_id)).toMatchObject({ code: 2, result: { attempt: 1, selected: 2 } });
  expect((await linesOf(first)).map(({ status }) => status)).toEqual(['failed', 'canceled']);
  expect(runs('ended-above', 2)).toEqual([2, 2]);
});

test('a follow-ups.jsonl that somebody has edited is refused before anything runs, and says what to do', async () => {
  const first = await ended('edited', [{ fail: 'Never' }, { fail: 'Not yet', once: true }]);
  const path = join(first.output, 'follow-ups.jsonl');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.replace('"failed"', '"completed"'));
  const { code, error } = await again(first.job_id);
  expect([code, error?.message, error?.hint]).toEqual([1, expect.stringContaining('follow-ups.jsonl'), expect.stringContaining('Put the file back')]);
  expect(runs('edited', 2)).toEqual([1, 1]);
  await writeFile(path, whole);
  expect(await again(first.job_id)).toMatchObject({ code: 2, result: { selected: 2 } });
  expect(runs('edited', 2)).toEqual([2, 2]);
});

test('an input that is gone is asked for before anything runs, and may lie elsewhere', async () => {
  const first = await ended('moved', [{ fail: 'Not yet', once: true }]);
  await rename(join(world.folder, 'moved.jsonl'), join(world.folder, 'elsewhere.jsonl'));
  const refused = await again(first.job_id);
  expect([refused.code, refused.error?.hint]).toEqual([1, expect.stringContaining('--input')]);
  expect(runs('moved', 1)).toEqual([1]);
  expect(await again(first.job_id, '--input', 'elsewhere.jsonl')).toMatchObject({ code: 0 });
  expect(runs('moved', 1)).toEqual([2]);
});

test('clean leaves the working data of a retry alone; where somebody has removed it all the same, that is said, and a cancel ends the retry', async () => {
  const first = await ended('gone', [{ fail: 'Not yet', once: true }, { fail: 'Not yet', once: true, waits: true }]);
  const before = await linesOf(first);
  const work = join(first.output, '.parts');
  const running = world.start(['retry-follow-ups', first.job_id, '--json'], env);
  await effects.ranAgain('gone-', 2);
  const refused = await world.run(['clean', first.job_id], env);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/run again \(attempt 1:[\s\S]*retry-follow-ups sim_\w+ --cancel/) });
  for (const args of [['clean'], ['clean', '--all', '--dry-run'], ['clean', '--all']]) {
    expect(await world.run(args, env)).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`Left alone: Follow-ups of job ${first.job_id} `)) });
  }
  expect(existsSync(join(work, 'retry-follow-ups', '1'))).toBe(true);

  await rm(work, { recursive: true });
  await new Client({ connection }).workflow.getHandle(before[1]!.workflow_id).signal(finishSignal);
  const waits = await running.ended();
  const { error } = JSON.parse(waits.stdout) as { error: { code: string; message: string; hint: string } };
  expect([waits.code, error.code, error.message]).toEqual([4, 'storage', expect.stringMatching(/working data of this attempt .* is gone[\s\S]*--cancel/)]);
  expect(error.hint).not.toMatch(/disk space|message-batches resume/);
  expect(await again(first.job_id, '--cancel')).toMatchObject({ code: 3, result: { attempt: 1 } });
  expect(await linesOf(first)).toEqual(before);
  // Those that have completed are found: nothing runs once more.
  expect(await again(first.job_id)).toMatchObject({ code: 0, result: { attempt: 2, selected: 2 } });
  expect(runs('gone', 2)).toEqual([2, 2]);
  expect((await linesOf(first)).map(({ status }) => status)).toEqual(['completed', 'completed']);
});

test('one that was stopped in the middle can be ended with what is on record', async () => {
  const first = await ended('left', [{ fail: 'Not yet', once: true, waits: true }]);
  const running = world.start(['retry-follow-ups', first.job_id, '--json'], env);
  await effects.ranAgain('left-', 1);
  await new Client({ connection }).workflow.getHandle(followUpRetryWorkflowId(first.job_id, 1)).terminate('By somebody');
  expect(await running.ended()).toMatchObject({ code: 1 });
  expect(await world.run(['clean', first.job_id], env)).toMatchObject({ code: 1 });
  expect(await again(first.job_id, '--cancel')).toMatchObject({ code: 3, result: { attempt: 1, canceled: true } });
  // Its shard has canceled it, and put that on record.
  expect(await linesOf(first)).toMatchObject([{ status: 'canceled' }]);
  expect(await again(first.job_id, '--cancel')).toMatchObject({ code: 0, result: { selected: 0 } });
  expect(await world.run(['clean', first.job_id], env)).toMatchObject({ code: 0 });
});

test('a type that nobody serves asks for a person, and where one has come the same command goes on', async () => {
  const first = await ended('alone', [{ fail: 'Not yet', once: true }]);
  const { code, error } = await again(first.job_id, '--follow-up', 'testFollowUp@late');
  expect([code, error?.code, error?.hint]).toEqual([4, 'follow_up_unserved', expect.stringContaining('\nThey go on in the background. Stay with them: ')]);
  expect(runs('alone', 1)).toEqual([1]);
  const seen = await world.run(['status', first.job_id], env);
  expect([seen.code, seen.stdout]).toEqual([0, expect.stringMatching(/\nFollow-ups run again now \(attempt 1\)[\s\S]*no worker polls late for testFollowUp[\s\S]*Stay with them: message-batches retry-follow-ups sim_/)]);
  expect(seen.stdout).not.toContain('To run the follow-ups again that failed');
  const line = `Follow-ups of ${first.job_id} run again now, and wait for a person (follow_up_unserved): message-batches retry-follow-ups ${first.job_id} [--cancel]`;
  const [list, documents, waited, shown, canceled] = await Promise.all([['status'], ['status', '--json'], ['wait', first.job_id], ['run', 'alone.jsonl', '--simulate'], ['cancel', first.job_id]].map((args) => world.run(args, env)));
  expect(list!.stdout.replaceAll(/\s+/g, ' ')).toContain(line);
  const { jobs } = JSON.parse(documents!.stdout) as { jobs: { job_id: string; follow_up_retry?: { attention?: { code: string } } }[] };
  expect(jobs.filter((job) => job.follow_up_retry).map((job) => [job.job_id, job.follow_up_retry?.attention?.code])).toEqual([[first.job_id, 'follow_up_unserved']]);
  for (const ended of [waited!, shown!]) expect([ended.code, ended.stderr.trimEnd().split('\n').at(-1), ended.stdout.includes('To run the follow-ups')]).toEqual([2, line, false]);
  expect(canceled).toMatchObject({ code: 0, stdout: `Job ${first.job_id} has ended already: there is nothing to cancel but the follow-ups that run again now: message-batches retry-follow-ups ${first.job_id} --cancel\n` });
  expect(await again(first.job_id, '--follow-up', 'testFollowUp@elsewhere')).toMatchObject({ code: 1, error: { code: 'follow_up_retry_conflict', hint: expect.stringContaining('--cancel') } });
  expect(await again(first.job_id, '--cancel')).toMatchObject({ code: 3, result: { attempt: 1 } });
  expect(await again(first.job_id, '--cancel')).toMatchObject({ code: 0, result: { selected: 0 } });
  expect(await again(first.job_id, '--follow-up', 'testFollowUp@late')).toMatchObject({ code: 4 });
  const late = await FollowUpWorker.start(env['TEMPORAL_ADDRESS']!, 'late', effects);
  // The background worker may have been faster.
  expect(await again(first.job_id)).toMatchObject({ code: 0 });
  await late.stop();
  expect(runs('alone', 1)).toEqual([2]);
}, 240_000);

test('a job that still runs is refused', async () => {
  const running = world.start(['run', await input('open', [{ waits: true }]), '--simulate', '--follow-up', 'testFollowUp@followers', '--json'], env);
  const [, jobId] = await running.printed(/^job +(sim_\w+)$/m);
  await until(() => effects.runs.has('open-0'));
  const { code, error } = await again('open.jsonl');
  expect([code, error?.code, error?.hint]).toEqual([1, 'job_unfinished', expect.stringContaining('message-batches wait')]);
  await new Client({ connection }).workflow.getHandle(followUpWorkflowId(jobId!, 1, 'open-0')).signal(finishSignal);
  expect((await running.ended()).code).toBe(0);
});
