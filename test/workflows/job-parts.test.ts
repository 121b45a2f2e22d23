/** What becomes of single parts of a job: too large, out of money, beyond a cap. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jobStatusQuery } from '../../src/contract';
import { testsOfWorlds } from '../support/side-by-side';
import { LONG } from '../support/long-form';

const together = testsOfWorlds({ timeoutMs: 120_000 });

together('a part that is refused with 413 is halved until its halves are accepted; the others go on', async (open) => {
  // About 150 bytes a request: five fit, ten do not.
  const world = await open({ maxBodyBytes: 1_000 });
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(25), maxRequestsPerBatch: 10 });
  expect(report.outcomes.succeeded).toBe(25);
  expect(world.simulator.stats().accepted.map((batch) => batch.requests).sort((a, b) => a - b)).toEqual([5, 5, 5, 5, 5]);
  expect((await world.results(report)).size).toBe(25);
});

if (LONG) together('a single request that is refused with 413 stays unsent, and says why', async (open) => {
  const world = await open({ maxBodyBytes: 400 });
  await world.startWorker();
  const requests = await world.writeRequests(2);
  const long = JSON.stringify({ custom_id: 'long', params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: 'x'.repeat(500) }] } });
  await writeFile(requests, `${long}\n`, { flag: 'a' });
  const report = await world.runJob({ requests });
  expect(report.outcomes).toMatchObject({ succeeded: 2, unsent: 1 });
  expect(report.unsent_reason).toMatch(/413/);
  expect(await readFile(join(report.output, 'failed-requests.jsonl'), 'utf8')).toBe(`${long}\n`);
});

together('a job ends below its cap although the requests use three times what is expected; the rest is unsent', async (open) => {
  const world = await open({ usageFactor: 3, processingMs: 300 });
  await world.startWorker();
  const maxCost = 0.25;
  const report = await world.runJob({ requests: await world.writeRequests(1_000, { bytes: 200 }), maxCost, pollIntervalMs: 300 });
  console.info(`Cost $${report.cost?.total} of $${maxCost}: ${report.outcomes.succeeded} succeeded in ${report.batches.length} batches`);
  expect(report.cost!.total).toBeGreaterThan(maxCost / 2);
  expect(report.cost!.total).toBeLessThanOrEqual(maxCost);
  expect(report.outcomes.unsent).toBeGreaterThan(0);
  expect(report.outcomes.succeeded + report.outcomes.unsent).toBe(1_000);
  expect(report.unsent_reason).toMatch(/may cost \$0\.25 at most/);
});

if (LONG) together('a cap that is raised while the job runs lets the rest go; parts wait for the cost of those that run', async (open) => {
  const world = await open({ processingMs: Infinity });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(150, { bytes: 200 }), maxCost: 0.05, pollIntervalMs: 200 });
  await world.simulator.waitFor('create-accepted');
  await job.signal('settings', { maxCost: null });
  // Nothing is held back any more: all parts are sent before the first has ended.
  const { parts } = await job.query(jobStatusQuery);
  await world.simulator.waitFor('create-accepted', parts.total);
  world.simulator.setOptions({ processingMs: 0 });
  for (const { id } of world.simulator.stats().accepted) world.simulator.endBatch(id);
  expect((await job.result()).outcomes.succeeded).toBe(150);
});

together('a spend limit at the API pauses the job with that reason; nothing else is created until somebody resumes it', async (open) => {
  const world = await open();
  world.simulator.addFault({ on: 'create', kind: 'status', status: 429, errorCode: 'enforced_spend_limit_reached', times: 1 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(30), maxRequestsPerBatch: 10 });
  expect((await world.attention(job)).code).toBe('spend_limit');
  const received = world.simulator.stats().accepted.length;
  expect(received).toBeLessThanOrEqual(2);
  await job.signal('resume');
  expect((await job.result()).outcomes.succeeded).toBe(30);
});

if (LONG) together('a part whose every request expires is sent again; one whose retries are used up ends as expired', async (open) => {
  const world = await open({ expiredShare: 1, faultyAttempts: Infinity });
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(20), maxRequestsPerBatch: 10, retries: 1 });
  expect(report.outcomes.expired).toBe(20);
  expect(report.batches.map(({ round, requests }) => [round, requests]).sort()).toEqual([[1, 10], [1, 10], [2, 10], [2, 10]]);
});

together('with a warm cache, one request of each shared prefix is done before the others are sent, and they read from the cache', async (open) => {
  const world = await open({ processingMs: 500 });
  await world.startWorker();
  const line = (id: string, system: string): string => {
    const params = { model: 'claude-sonnet-4-5', max_tokens: 64, system: [{ type: 'text', text: system, cache_control: { type: 'ephemeral', ttl: '1h' } }], messages: [{ role: 'user', content: `Question ${id}` }] };
    return JSON.stringify({ custom_id: id, params });
  };
  const long = ['a', 'b'].map((name) => `You are ${name}. ${'Be careful. '.repeat(500)}`);
  const requests = join(world.folder, 'cached.jsonl');
  await writeFile(requests, `${Array.from({ length: 20 }, (_, index) => line(`q-${index}`, long[index % 2]!)).join('\n')}\n`);
  const report = await world.runJob({ requests, warmCache: true, pollIntervalMs: 200 });

  const [warm, others] = report.batches;
  expect([warm?.requests, others?.requests]).toEqual([2, 18]);
  expect(Date.parse(others!.created_at)).toBeGreaterThanOrEqual(Date.parse(warm!.ended_at));
  expect(report.outcomes.succeeded).toBe(20);
  // 18 of 20 prompts, nearly all of which is the shared prefix.
  expect(report.cache_hit_share).toBeGreaterThan(0.8);
});
