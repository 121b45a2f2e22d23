/**
 * kill -9 while a job that takes over outcomes is planned: it goes on, nothing is sent twice, and the outputs are the same.
 * `npm test` does it while results that are taken over are written, and before the plan is on record; `npm run test:long` at each moment.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Variant } from '../support/long-form';
import type { StopAt, StopAtStep } from '../support/world';
import { testSideBySide } from '../support/side-by-side';

type Moment = Variant & { name: string } & ({ stopAt: Omit<StopAt, 'signal'> } | { stopAtStep: Omit<StopAtStep, 'signal'> });

const MOMENTS: Moment[] = [
  { onlyLong: true, name: 'before the plan appears', stopAtStep: { operation: 'rename', path: /round-01$/, when: 'before' } },
  { onlyLong: true, name: 'after it has appeared', stopAtStep: { operation: 'rename', path: /round-01$/, when: 'after' } },
  { onlyLong: true, name: 'when a segment of results that are taken over is made', stopAtStep: { operation: 'open', path: /part-000\d.segments.*\.jsonl$/, when: 'after' } },
  { name: 'while they are written', stopAtStep: { operation: 'datasync', path: /part-000\d.segments.*\.jsonl$/, when: 'before' } },
  { onlyLong: true, name: 'before a ledger has its name', stopAtStep: { operation: 'rename', path: /ledger\.bin$/, when: 'before' } },
  { onlyLong: true, name: 'before the report of such a part', stopAt: { record: 'part.json', when: 'before' } },
  { onlyLong: true, name: 'after the report of such a part', stopAt: { record: 'part.json', when: 'after' } },
  { name: 'before the plan is on record', stopAt: { record: 'round-01/plan.json', when: 'before' } },
  { onlyLong: true, name: 'after the plan is on record', stopAt: { record: 'round-01/plan.json', when: 'after' } },
];

testSideBySide(MOMENTS, { timeoutMs: 90_000 }, async (moment, open) => {
  const world = await open({ processingMs: 0, expiredShare: 0.4, erroredShare: 0.2 });
  const first = await world.startWorker();
  const requests = await world.writeRequests(50);
  const old = await world.runJob({ requests, retries: 0, maxRequestsPerBatch: 20 });
  await first.kill();
  world.simulator.setOptions({ expiredShare: 0, erroredShare: 0 });
  const before = world.simulator.stats().accepted.length;

  const stop = 'stopAt' in moment ? { stopAt: { ...moment.stopAt, signal: 'SIGKILL' as const } } : { stopAtStep: { ...moment.stopAtStep, signal: 'SIGKILL' as const } };
  const killed = await world.startWorker(stop);
  const job = await world.startJob({ requests, jobId: `${world.jobId}-retry-1`, retryOf: { output: old.output, only: ['expired'] } });
  await killed.stopped();
  await world.startWorker();
  const report = await job.result();

  expect(report.outcomes).toEqual({ ...old.outcomes, succeeded: old.outcomes.succeeded + old.outcomes.expired, expired: 0 });
  expect(report.reused).toEqual({ job_id: old.job_id, output: old.output, requests: 50 - old.outcomes.expired });
  expect(world.simulator.stats().accepted.slice(before).map((batch) => batch.requests)).toEqual([old.outcomes.expired]);
  const results = await world.results(report);
  for (const line of (await readFile(join(old.output, 'results.jsonl'), 'utf8')).split('\n').filter(Boolean)) {
    const { custom_id: id, result } = JSON.parse(line) as { custom_id: string; result: { type: string } };
    expect(results.get(id)?.result.type).toBe(result.type === 'expired' ? 'succeeded' : result.type);
  }
});
