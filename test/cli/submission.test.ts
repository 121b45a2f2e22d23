/** What is typed to `run` and `submit`, as the job is started with it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { CommandContext } from '../../src/cli/command';
import { settingsSentence, typedSettings } from '../../src/cli/job-settings';
import { addSubmissionOptions, startOptions } from '../../src/cli/submission';
import type { Submission, SubmissionOptions } from '../../src/cli/submission';
import { SIMULATED_ACCOUNT } from '../../src/contract';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-submission-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function typed(...args: string[]): SubmissionOptions {
  const command = addSubmissionOptions(new Command('run')).exitOverride().configureOutput({ outputError: () => undefined });
  return command.parse(['x.jsonl', ...args], { from: 'user' }).opts<SubmissionOptions>();
}

const started = (...args: string[]) =>
  startOptions({ home: { folder } } as unknown as CommandContext, { id: 'job', account: SIMULATED_ACCOUNT, output: '/out', input: '/in', betas: [], check: { sha256: 'ab'.repeat(32) } } as unknown as Submission, typed(...args));

test('all that is typed reaches the job', async () => {
  const args = ['--ids', 'generate', '--max-requests', '500', '--warm-cache', '--queue-limit', '200000', '--max-cost', '12.50', '--retries', '0', '--notify', 'https://example.com/hook?a=b', '--notify', 'mail -s "done" me'];
  expect(await started(...args)).toMatchObject({
    ids: 'generate',
    maxRequestsPerBatch: 500,
    warmCache: true,
    queueLimit: 200_000,
    maxCost: 12.5,
    retries: 0,
    notify: ['https://example.com/hook?a=b', 'mail -s "done" me'],
  });
});

test('what is not typed is left to the job, and "none" takes a limit away', async () => {
  const plain = await started();
  for (const name of ['ids', 'maxRequestsPerBatch', 'warmCache', 'queueLimit', 'maxCost', 'retries', 'notify'] as const) expect(plain[name]).toBeUndefined();
  expect(await started('--max-cost', 'none', '--queue-limit', 'none')).toMatchObject({ maxCost: null, queueLimit: null });
});

test('only what is typed changes a job that runs', () => {
  expect(typedSettings(typed())).toBeUndefined();
  expect(typedSettings(typed('--simulate', '--max-requests', '5'))).toBeUndefined();
  expect(typedSettings(typed('--retries', '2', '--max-cost', 'none'))).toEqual({ retries: 2, maxCost: null });
  expect(settingsSentence({ retries: 1, maxCost: 20, queueLimit: 200_000 })).toBe('at most $20.00, at most 200,000 requests in the queue, 1 retry');
  expect(settingsSentence({ retries: 0, maxCost: null, queueLimit: null })).toBe('no limit of the cost, no limit of the queue but the API\'s own, 0 retries');
});

test.each([
  [['--max-cost', '-1'], /Write US dollars as a plain number, such as 20 or 12\.50/],
  [['--max-cost', '$5'], /Write US dollars/],
  [['--max-cost', '5$'], /Write US dollars/],
  [['--max-cost', '1,000'], /Write US dollars/],
  [['--max-cost', '1e3'], /Write US dollars/],
  [['--max-cost', ''], /Write US dollars/],
  [['--max-cost', '0.00'], /With 0 nothing could be sent.*message-batches pause/],
  [['--queue-limit', '0'], /whole number of requests without separators, such as 100000, or "none"/],
  [['--queue-limit', '100k'], /whole number of requests/],
  [['--queue-limit', '1.5'], /whole number of requests/],
  [['--max-requests', '0'], /from 1 to 100000/],
  [['--max-requests', '100001'], /from 1 to 100000/],
  [['--retries', '-1'], /Write a whole number/],
  [['--ids', 'generated'], /Allowed choices are given, generate/],
  [['--notify', ' '], /Write an http\(s\) URL, or a command/],
  [['--notify', 'ftp://example.com'], /only whole ones of http and https/],
  [['--notify', 'https://'], /only whole ones of http and https/],
  [['--queue-limt', '5'], /Did you mean --queue-limit\?/],
])('%j is told what is wrong', (args, message) => {
  expect(() => typed(...args)).toThrow(message);
});
