/**
 * Failed follow-ups of a job that has ended run again, counted by what they do outside of Temporal. The API is simulated.
 * `npm run test:long` has more that may be in their way.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '@temporalio/client';
import { Client } from '@temporalio/client';
import { MessageBatchesClient } from '../../src/client';
import type { JobReport } from '../../src/contract';
import { until } from '../support/until';
import type { CliWorld } from './support/cli-world';
import { useFollowedJobs } from './support/followed-jobs';

let world: CliWorld;
let env: Record<string, string>;
let connection: Connection;
const { effects, ended, runs, linesOf, again } = useFollowedJobs((opened) => ({ world, env, connection } = opened));

test('those that failed run again and no others; each still has one line, and the report counts them', async () => {
  const first = await ended('mended', [{}, { fail: 'Not yet', once: true }, { fail: 'Never' }, {}, { fail: 'Not yet', once: true }]);
  expect(first.follow_ups).toMatchObject({ selected: 5, succeeded: 2, failed: 3 });
  const before = await linesOf(first);

  const { code, result, stderr } = await again(first.job_id);
  expect({ code, stderr: code === 2 ? '' : stderr }).toEqual({ code: 2, stderr: '' });
  expect(result).toMatchObject({ selected: 3, canceled: false, attempt: 1 });
  expect(runs('mended', 5)).toEqual([1, 2, 2, 1, 2]);
  const lines = await linesOf(first);
  expect(lines.map(({ custom_id: id, status }) => [id, status])).toEqual([
    ['mended-0', 'completed'], ['mended-1', 'completed'], ['mended-2', 'failed'], ['mended-3', 'completed'], ['mended-4', 'completed'],
  ]);
  expect([lines[0], lines[3]]).toEqual([before[0], before[3]]);
  expect(lines[1]).toEqual({ custom_id: 'mended-1', outcome: 'succeeded', status: 'completed', value: { id: 'mended-1', args: [] }, workflow_id: before[1]!.workflow_id });
  const inOutput = JSON.parse(await readFile(join(first.output, 'report.json'), 'utf8')) as JobReport;
  expect(inOutput).toEqual({ ...first, follow_ups: { ...first.follow_ups, started: 5, succeeded: 4, failed: 1, retries: 1, file: inOutput.follow_ups!.file } });
  expect(JSON.parse(await readFile(join(world.home, 'jobs', first.job_id, 'report.json'), 'utf8'))).toEqual(inOutput);
  expect(await world.run(['verify', first.job_id], env)).toMatchObject({ code: 0 });
  expect(existsSync(join(first.output, '.parts'))).toBe(false);
  // The workflow of the job has ended long before.
  const job = new MessageBatchesClient({ client: new Client({ connection }) }).job(first.job_id);
  expect(await job.report()).toEqual(inOutput);

  // A second attempt takes what is left.
  expect(await again(first.job_id, '--follow-up-args', '["more"]')).toMatchObject({ code: 2, result: { attempt: 2, selected: 1 } });
  expect(runs('mended', 5)).toEqual([1, 2, 3, 1, 2]);
  const retriedWith = [{ attempt: 2, workflow: 'testFollowUp', task_queue: 'followers', other_args: true }];
  expect(await job.status()).toMatchObject({ followUps: { succeeded: 4, failed: 1 }, report: { follow_ups: { retries: 2, retried_with: retriedWith, options: { workflow: 'testFollowUp' } } } });
  expect(await world.run(['status', first.job_id], env)).toMatchObject({ code: 0, stdout: expect.stringMatching(/follow-ups +testFollowUp: 4 of 5 succeeded, 1 failed; run again 2 times \(the last time as testFollowUp on task queue followers with\s+other arguments\)/) });
});

test('killed in the middle and run again, each has run exactly once more', async () => {
  const first = await ended('killed', Array.from({ length: 12 }, () => ({ fail: 'Not yet', once: true, ms: 300 })));
  const killed = world.start(['retry-follow-ups', first.job_id], env);
  await effects.ranAgain('killed-', 4);
  await killed.signal('SIGKILL');
  // Two at once: the second attaches.
  const [one, two] = await Promise.all([again(first.job_id), again(first.job_id)]);
  expect([one.code, two.code]).toEqual([0, 0]);
  expect(runs('killed', 12)).toEqual(Array.from({ length: 12 }, () => 2));
  expect((await linesOf(first)).map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 'completed'));
  expect(JSON.parse(await readFile(join(first.output, 'report.json'), 'utf8'))).toMatchObject({ follow_ups: { succeeded: 12, failed: 0, retries: 1 } });
  expect(await world.run(['verify', first.job_id], env)).toMatchObject({ code: 0 });
});

test('a program cancels: what has ended is kept, the rest can run later', async () => {
  const first = await ended('stopped', [{ fail: 'Not yet', once: true }, { fail: 'Not yet', once: true, waits: true }]);
  const batches = new MessageBatchesClient({ client: new Client({ connection }) });
  const running = world.start(['retry-follow-ups', first.job_id, '--json'], env);
  await effects.ranAgain('stopped-', 2);
  await running.printed(/2 running|1 running/);
  // A worker that does not answer in time leaves the counts out; and the first has to be through.
  const status = await until(() => batches.job(first.job_id).status(), ({ followUpRetry }) => followUpRetry?.followUps?.succeeded === 1);
  expect(status).toMatchObject({ phase: 'ended', followUps: { failed: 2 }, followUpRetry: { attempt: 1, phase: 'running', cancelRequested: false, followUps: { selected: 2, started: 2 } } });
  await (await batches.job(first.job_id).retryFollowUps({ attempt: 1 })).cancel();
  expect((await running.ended()).code).toBe(3);
  expect((await linesOf(first)).map(({ status }) => status)).toEqual(['completed', 'canceled']);
  expect(await again(first.job_id)).toMatchObject({ code: 0, result: { selected: 1 } });
  expect(runs('stopped', 2)).toEqual([2, 3]);
});

test('--cancel with options of what would run is refused', async () => {
  expect(await again('any', '--cancel', '--follow-up', 'testFollowUp@late')).toMatchObject({ code: 1, error: { code: 'usage', message: expect.stringContaining('--follow-up') } });
});
