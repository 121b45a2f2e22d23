/** Results are on disk in time, and given up at the API only where what is on disk is what was written. */
import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { batchStatusQuery, batchWorkflowId } from '../../src/contract';
import { JobFolder } from '../../src/jobs';
import { sharedTemporal } from '../support/shared-temporal';
import type { TemporalServer } from '../support/temporal-server';
import { World } from '../support/world';
import { LONG } from '../support/long-form';

const shared = sharedTemporal();
let temporal: TemporalServer;
let world: World;

beforeAll(async () => {
  temporal = await shared.start();
});
afterEach(() => world.close());
afterAll(() => shared.stop());

test('a paused job fetches the results as soon as its batch has ended, and knows until when the API keeps them', async () => {
  world = await World.create({ processingMs: 3_600_000 }, temporal);
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(20), pollIntervalMs: 200 });
  const part = (await world.client()).workflow.getHandle(batchWorkflowId(world.jobId, 1, 1));
  const { creates } = new JobFolder(world.storage, world.jobId).part(1, 1);
  let created = await creates.state();
  while (created.kind !== 'accepted') {
    await new Promise((resolve) => setTimeout(resolve, 50));
    created = await creates.state();
  }
  await job.signal('pause');
  let status = await part.query(batchStatusQuery);
  // The pause can come before the answer to the create.
  while (!status.paused || status.phase !== 'processing') status = await part.query(batchStatusQuery);
  expect(status).toMatchObject({ paused: true, phase: 'processing', resultsKeptUntil: new Date(Date.parse(created.createdAt) + 29 * 24 * 3_600_000).toISOString() });
  world.simulator.endBatch(created.batchId);
  expect((await job.result()).outcomes.succeeded).toBe(20);
});

if (LONG) test('results.jsonl that was cut before the batches are deleted: none is deleted, and the reason is on record', async () => {
  world = await World.create({}, temporal);
  const worker = await world.startWorker({ stopAt: { record: `jobs/${world.jobId}/report.json`, when: 'after', signal: 'SIGKILL' } });
  const job = await world.startJob({ requests: await world.writeRequests(20), deleteFromApi: true });
  await worker.stopped();
  const results = join(world.outputOf(world.jobId), 'results.jsonl');
  await truncate(results, (await readFile(results)).length - 10);
  await world.startWorker();
  expect((await job.result()).outcomes.succeeded).toBe(20);
  expect(world.simulator.stats().accepted.map((batch) => batch.deletedAt)).toEqual([undefined]);
  expect(await new JobFolder(world.storage, world.jobId).readDeleted()).toEqual({ at: expect.any(String), batches: [], kept_because: expect.stringMatching(/^results\.jsonl has [\d,]+ bytes, and [\d,]+ were written$/) });
});
