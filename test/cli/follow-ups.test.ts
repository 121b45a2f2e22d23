/** Follow-ups by the command line, as a person starts and watches them: real processes, and a worker of the user's own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { ObservedJobStatus } from '../../src/client';
import type { JobReport } from '../../src/contract';
import type { Simulator } from '../../src/simulator';
import type { CliWorld } from './support/cli-world';
import { whileGraded } from './support/grading-worker';
import { useSimulatedApi } from './support/simulated-api';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;

beforeAll(() => void Runtime.install({ logger: new DefaultLogger('ERROR') }));
useSimulatedApi((opened) => ({ world, simulator, api } = opened));

test('a type that no worker of the program serves is refused before anything is sent', async () => {
  const input = await world.input('unserved');
  for (const flags of [[], ['--dry-run']]) {
    expect(await world.run(['run', input, '--follow-up', 'gradeAnswer', ...flags], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: No worker of this program serves a workflow of type gradeAnswer\.\nNothing was sent\. .*--follow-up gradeAnswer@QUEUE/) });
  }
  expect(simulator.stats().accepted).toEqual([]);
});

test('a dry run says which follow-up will be started for what', async () => {
  const input = await world.input('dry');
  const flags = ['--follow-up', 'gradeAnswer@grading', '--follow-up-where', '/metadata/topic=history', '--follow-up-args', '[{"someLimit": 3}]'];
  const text = await world.run(['run', input, '--dry-run', ...flags], api);
  expect(text.stderr).toMatch(/^then {5}follow-up gradeAnswer on task queue grading for each succeeded result where \/metadata\/topic is "history", at most 50 at once for a batch$/m);
  const { stdout } = await world.run(['run', input, '--dry-run', '--json', ...flags], api);
  expect(JSON.parse(stdout)).toMatchObject({ follow_up: { workflow: 'gradeAnswer', task_queue: 'grading', on: ['succeeded'], args: [{ someLimit: 3 }] } });
  await world.file('schema.json', '{"type": "object"}');
  expect((await world.run(['submit', input, '--dry-run', '--check-schema', 'schema.json'], api)).stderr).toMatch(/^then {5}follow-up checkJsonAnswer for each succeeded result/m);
});

test('a job with follow-ups: one fails, exit 2; once begun, others are refused', async () => {
  const input = await world.input('graded', 5);
  const flags = ['--follow-up', 'gradeAnswer@grading', '--follow-up-args', '2'];
  const submitted = JSON.parse((await world.run(['submit', input, '--json', ...flags], api)).stdout) as { job_id: string };
  const ended = await whileGraded(world, () => world.run(['wait', submitted.job_id, '--json'], api));
  const report = JSON.parse(ended.stdout) as JobReport;
  expect({ code: ended.code, outcomes: report.outcomes.succeeded, followUps: report.follow_ups }).toMatchObject({ code: 2, outcomes: 5, followUps: { selected: 5, started: 5, succeeded: 4, failed: 1 } });
  expect(JSON.parse(await readFile(join(world.home, 'jobs', submitted.job_id, 'follow-ups.json'), 'utf8'))).toMatchObject({ workflow: 'gradeAnswer', taskQueue: 'grading', args: [2] });

  expect(await world.run(['run', input, ...flags], api)).toMatchObject({ code: 2, stdout: expect.stringMatching(/^5 of 5 requests succeeded, 1 follow-up failed \(simulated\)\n[\s\S]*follow-ups +.*4 of 5 succeeded, 1 failed\n[\s\S]*message-batches retry-follow-ups job_/) });
  expect((await world.run(['status', '--json'])).stdout).toContain('"follow_ups":{"selected":5,"started":5,"running":0,"succeeded":4,"failed":1}');
  const other = await world.run(['run', input, '--follow-up', 'other@grading', '--json'], api);
  expect({ code: other.code, ...(JSON.parse(other.stdout) as object) }).toMatchObject({ code: 1, error: { code: 'follow_up_ignored', hint: expect.stringContaining('--new') }, job_id: submitted.job_id });
  expect(simulator.stats().accepted).toHaveLength(1);
});

test('the example of --check-schema runs on the simulator: some answers are valid, some are not, exit 2', async () => {
  const [requests, schema] = ['grades.jsonl', 'grade-schema.json'].map((name) => join(__dirname, '..', '..', 'examples', name));
  const answers = { valid: 2, invalid: 4, reasons: { max_tokens: 1, schema: 3 } };
  const ended = await world.run(['run', requests!, '--check-schema', schema!, '--output', 'checked', '--json'], api);
  expect({ code: ended.code, ...(JSON.parse(ended.stdout) as object) }).toMatchObject({ code: 2, outcomes: { succeeded: 6 }, follow_ups: { selected: 6, succeeded: 6, answers } });
  expect(JSON.parse(await readFile(join(world.folder, 'checked', 'report.json'), 'utf8'))).toMatchObject({ follow_ups: { answers } });
  expect(await world.run(['wait', 'checked'], api)).toMatchObject({ code: 2, stdout: expect.stringMatching(/^6 of 6 requests succeeded, 4 answers invalid[\s\S]*\nanswers +2 valid, 4 invalid: 3 × schema, 1 × max_tokens\n/) });
  const [line] = (await readFile(join(world.folder, 'checked', 'follow-ups.jsonl'), 'utf8')).split('\n').filter((each) => each.includes('"train-meeting"'));
  expect(JSON.parse(line!)).toMatchObject({ status: 'completed', value: { valid: false, reason: 'schema', errors: [{ path: '/grade', message: 'must be <= 5' }] } });
});

if (LONG) test('while only follow-ups run: outcomes are known, results say what they wait for, cancel names no batch as canceled', async () => {
  const input = await world.input('following');
  await world.run(['submit', input, '--follow-up', 'gradeAnswer@nobody'], api);
  let status: Pick<ObservedJobStatus, 'outcomes'> & { follow_ups?: ObservedJobStatus['followUps'] };
  do status = JSON.parse((await world.run(['status', input, '--json'], api)).stdout) as typeof status;
  while (status.follow_ups?.running !== 3);
  // Its results are there, although it is not done.
  expect(status.outcomes.succeeded).toBe(3);
  const unfinished = await world.run(['results', input], api);
  expect(unfinished).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: The batches of job job_\w+ have ended, and its follow-ups still run \(0 of 3 done, 3 running\); its results are written when these have ended too\.\nWait for it: .*\nEnd it without those that have not run: message-batches cancel job_\w+\nOf one batch, as the API gives them: message-batches api results msgbatch_\w+\n$/) });
  const [, batchId] = /(msgbatch_\w+)/.exec(unfinished.stderr)!;
  expect((await world.run(['api', 'results', batchId!], api)).stdout.trimEnd().split('\n')).toHaveLength(3);
  expect(await world.run(['cancel', input], api)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Job job_\w+ is canceled\. Nothing of it runs at the API any more; its follow-ups are being canceled\. What is done is kept\.\nWait for the outputs: /) });
  expect(await world.run(['wait', input], api)).toMatchObject({ code: 3, stdout: expect.stringMatching(/^3 of 3 requests succeeded, 3 follow-ups canceled, canceled \(simulated\)\n[\s\S]*\nfollow-ups +gradeAnswer: 0 of 3 succeeded, 3 canceled\n/) });
  expect(JSON.parse((await world.run(['status', input, '--json'])).stdout)).toMatchObject({ report: { status: 'canceled' }, follow_ups: { selected: 3, started: 3, failed: 0, canceled: 3, running: 0 } });
});

if (LONG) test('what is taken over from another job gets no follow-up, and that is said', async () => {
  const input = await world.input('reused', 2);
  const first = JSON.parse((await world.run(['run', input, '--json'], api)).stdout) as JobReport;
  await world.file('any.json', '{"type": "object"}');
  const again = await world.run(['run', input, '--new', '--reuse', first.job_id, '--check-schema', 'any.json'], api);
  expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/\nreuse .*, so that is the most; results that are taken over get no follow-up\n--new: what is sent will be paid for again\.\n/) });
  expect(again.stdout).toMatch(new RegExp(`\\nfollow-ups +checkJsonAnswer: none\\n[\\s\\S]*\\n2 results were taken over from ${first.job_id}: no follow-up was started for them\\.\\n$`));
  const [, id] = /\njob +(\S+)/.exec(again.stdout)!;
  expect(JSON.parse((await world.run(['status', id!, '--json'])).stdout)).toMatchObject({ follow_ups: { selected: 0 }, report: { follow_ups: { selected: 0, started: 0, options: { workflow: 'checkJsonAnswer' } } } });
});

test('a job that runs keeps the follow-ups that it was begun with', async () => {
  simulator.setOptions({ processingMs: Infinity });
  const input = await world.input('kept');
  expect((await world.run(['submit', input], api)).code).toBe(0);
  expect(await world.run(['submit', input, '--follow-up', 'gradeAnswer@grading'], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: Job job_\w+ is known already\. It was begun without follow-ups, .*no effect\.\nThe same command without these options goes on with it\. /) });
  expect(await world.run(['cancel', input], api)).toMatchObject({ code: 0 });
});

if (LONG) test('retry starts the same follow-ups for what it sends again, unless told not to', async () => {
  simulator.setOptions({ processingMs: 0, expiredShare: 1 });
  const input = await world.input('again', 4);
  const flags = ['--retries', '0', '--follow-up', 'gradeAnswer@grading'];
  const first = JSON.parse((await world.run(['run', input, '--json', ...flags], api)).stdout) as JobReport;
  expect(first.outcomes.expired).toBe(4);
  simulator.setOptions({ expiredShare: 0 });
  const none = await world.run(['retry', first.job_id, '--dry-run', '--no-follow-up'], api);
  expect(none.stderr).not.toContain('follow-up');
  const again = await world.run(['retry', first.job_id, '--dry-run'], api);
  expect(again.stderr).toMatch(/^then {5}follow-up gradeAnswer on task queue grading for each succeeded result/m);
});
