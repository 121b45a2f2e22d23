/** Jobs whose key is refused or is not to be had, that are paused, whose batches are deleted, and that name no queue; of three parts. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Attention } from '../../src/contract';
import { jobStatusQuery } from '../../src/contract';
import { testsOfWorlds } from '../support/side-by-side';

const together = testsOfWorlds({ timeoutMs: 60_000 });

together('three parts make three batches, side by side', async (open) => {
  const world = await open();
  await world.startWorker();
  const report = await world.runJob({ requests: await world.writeRequests(25), maxRequestsPerBatch: 10 });
  expect(world.simulator.stats().accepted.map((batch) => batch.requests).sort((a, b) => a - b)).toEqual([5, 10, 10]);
  expect(report.outcomes.succeeded).toBe(25);
  expect((await world.results(report)).size).toBe(25);
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
