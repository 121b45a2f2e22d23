/** Jobs of more than one batch and more than one round. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Attention } from '../../src/contract';
import { jobStatusQuery, jobWorkflowId } from '../../src/contract';
import { QUESTIONS, writeQuestions } from '../support/questions';
import { testsOfWorlds } from '../support/side-by-side';

const together = testsOfWorlds({ timeoutMs: 60_000 });

together('of 1,319 questions with 10 % expired and 5 % overloaded in the first round, all succeed after the second', async (open) => {
  const world = await open({ expiredShare: 0.1, overloadedShare: 0.05 });
  await world.startWorker();
  const requests = join(world.folder, 'questions.jsonl');
  await writeQuestions(requests);
  const report = await world.runJob({ requests });

  expect(report.outcomes).toEqual({ succeeded: QUESTIONS, errored: 0, canceled: 0, expired: 0, missing: 0, unsent: 0 });
  expect((await world.results(report)).size).toBe(QUESTIONS);
  const [first, second, ...more] = world.simulator.stats().accepted;
  expect(first?.requests).toBe(QUESTIONS);
  expect(more).toEqual([]);
  // Only what had not succeeded was sent again.
  expect(second?.requests).toBe(report.batches[0]!.outcomes.expired + report.batches[0]!.outcomes.errored);
  expect(second?.requests).toBeGreaterThan(QUESTIONS * 0.1);
  expect(second?.requests).toBeLessThan(QUESTIONS * 0.2);
});

together('an invalid request is never sent again, and comes back as an input line ready for another run', async (open) => {
  const world = await open();
  await world.startWorker();
  const requests = await world.writeRequests(10);
  const bad = JSON.stringify({ custom_id: 'bad', params: { model: 'claude-sonnet-4-5', max_tokens: 10 }, metadata: { row: 11 } });
  await writeFile(requests, `${bad}\n`, { flag: 'a' });
  const report = await world.runJob({ requests });

  expect(world.simulator.stats().accepted).toHaveLength(1);
  expect(report.outcomes).toMatchObject({ succeeded: 10, errored: 1 });
  expect(await readFile(join(report.output, 'failed-requests.jsonl'), 'utf8')).toBe(`${bad}\n`);
  expect((await world.results(report)).get('bad')?.result).toMatchObject({ type: 'errored', error: { error: { type: 'invalid_request_error' } } });
});

together('three parts make three batches, side by side', async (open) => {
  const world = await open();
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(25), maxRequestsPerBatch: 10 });
  expect(world.simulator.stats().accepted.map((batch) => batch.requests).sort((a, b) => a - b)).toEqual([5, 10, 10]);
  expect(report.outcomes.succeeded).toBe(25);
  expect((await world.results(report)).size).toBe(25);
});

together('the history of a job of 30 parts has at most 100 events, and 15 a part', async (open) => {
  const world = await open({ processingMs: 300 });
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(60), maxRequestsPerBatch: 2, pollIntervalMs: 500 });
  expect(report.outcomes.succeeded).toBe(60);
  const { historyLength } = await (await world.client()).workflow.getHandle(jobWorkflowId(world.jobId)).describe();
  console.info(`Events in the history of a job of 30 parts: ${historyLength}`);
  expect(historyLength).toBeLessThanOrEqual(100 + 15 * 30);
});

together('everything once with no workflow kept in memory between two of its tasks', async (open) => {
  const world = await open({ expiredShare: 0.2 });
  await world.startWorker({ maxCachedWorkflows: 0 });
  const report = await world.runJob({ requests: await world.writeRequests(50), maxRequestsPerBatch: 20 });
  expect(report.outcomes.succeeded).toBe(50);
});

together('a key that is refused in the middle asks for a person; a good key goes on', async (open) => {
  const world = await open({ processingMs: 3_000 });
  const first = await world.startWorker({ key: 'old-key' });
  const job = await world.startJob({ requests: await world.writeRequests(20) });
  await world.simulator.waitFor('poll');
  world.simulator.setKeys(['new-key']);
  expect((await world.attention(job)).code).toBe('key_refused');
  // A worker whose key is refused takes no more activities; its owner ends it.
  await first.endedOfRefusal();
  await expect(world.startWorker({ key: 'old-key' })).rejects.toThrow('The worker ended with 1');

  await world.startWorker({ key: 'new-key' });
  await job.signal('resume');
  const report = (await job.result()) as { outcomes: { succeeded: number } };
  expect(report.outcomes.succeeded).toBe(20);
  expect(world.simulator.stats().accepted).toHaveLength(1);
});

together('a credential that is not to be had asks for a person after a while; the same worker goes on when it is there', async (open) => {
  const world = await open();
  const keyFile = join(world.folder, 'key');
  await world.startWorker({ keyFile });
  const job = await world.startJob({ requests: await world.writeRequests(20) });
  let attention: Attention | undefined;
  while (!attention) {
    await delay(200);
    attention = (await job.query(jobStatusQuery)).attention;
  }
  expect(attention).toMatchObject({ code: 'no_access', message: expect.stringContaining('the function that gives the credential failed (ENOENT)'), hint: expect.stringContaining('credential') });
  expect(attention.message).not.toContain(keyFile);

  await writeFile(keyFile, 'test-key');
  await job.signal('resume');
  expect((await job.result()).outcomes.succeeded).toBe(20);
  expect(world.simulator.stats().accepted).toHaveLength(1);
});

together('the batches are deleted at the API, where asked for, once their results are on disk', async (open) => {
  const world = await open();
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(20), deleteFromApi: true });
  expect(report.outcomes.succeeded).toBe(20);
  expect(world.simulator.stats().accepted.map((batch) => batch.deletedAt !== undefined)).toEqual([true]);
});

together('a job whose caller names no queue for its activities is served as well', async (open) => {
  const world = await open();
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(20), activityTaskQueue: undefined });
  expect(report.outcomes.succeeded).toBe(20);
});

together('a paused job creates nothing until it is resumed', async (open) => {
  const world = await open();
  const job = await world.startJob({ requests: await world.writeRequests(20) });
  await job.signal('pause');
  await world.startWorker();
  await world.phase(job, 'running');
  expect(world.simulator.stats().calls.create).toBe(0);
  await job.signal('resume');
  expect((await job.result()).outcomes.succeeded).toBe(20);
});
