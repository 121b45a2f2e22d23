/** Jobs of more than one batch and more than one round. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jobWorkflowId } from '../../src/contract';
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
