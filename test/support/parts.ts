/** What tests of jobs of several parts ask of a world. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageBatchesClient } from '../../src/client';
import type { ObservedJobStatus } from '../../src/client';
import type { JobReport } from '../../src/contract';
import { OUTCOMES } from '../../src/contract';
import type { World } from './world';

const HEADERS = { 'x-api-key': 'test-key', 'anthropic-version': '2023-06-01' };

/** A job's status with that of its parts, as it is now. */
export async function statusOf(world: World, jobId = world.jobId): Promise<ObservedJobStatus> {
  return new MessageBatchesClient({ client: await world.client() }).job(jobId).status();
}

/** How many parts of a job are in each phase. */
export async function phasesOf(world: World, jobId = world.jobId): Promise<Record<string, number>> {
  const phases: Record<string, number> = {};
  for (const { phase = 'unknown' } of (await statusOf(world, jobId)).running) phases[phase] = (phases[phase] ?? 0) + 1;
  return phases;
}

/** Waits until at least so many parts of a job are in these phases. */
export async function parts(world: World, expected: Record<string, number>, jobId = world.jobId): Promise<void> {
  for (;;) {
    const phases = await phasesOf(world, jobId);
    if (Object.entries(expected).every(([phase, count]) => (phases[phase] ?? 0) >= count)) return;
    await sleep(100);
  }
}

/** Asks the API for something about a batch, as another program with the same key does. */
export function askApi({ simulator }: World, method: 'POST' | 'DELETE', path: string, key = HEADERS['x-api-key']): Promise<Response> {
  return fetch(`${simulator.url}/v1/messages/batches/${path}`, { method, headers: { ...HEADERS, 'x-api-key': key } });
}

/** Writes requests that make a part of each of these totals, as each has a beta of its own. */
export async function writePartsOf(world: World, totals: number[]): Promise<string> {
  const lines = totals.flatMap((total, part) =>
    Array.from({ length: total }, (_, index) =>
      JSON.stringify({ custom_id: `part-${part}-${index}`, betas: [`beta-${part}`], params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: `What is ${index} + ${part}?` }] } }),
    ),
  );
  const path = join(world.folder, 'different-totals.jsonl');
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

/** Nothing was sent twice, and every request has exactly one outcome. */
export async function expectOnce(world: World, report: JobReport): Promise<void> {
  for (const { seenBefore } of world.simulator.stats().accepted) expect(seenBefore).toBe(0);
  expect(OUTCOMES.reduce((sum, outcome) => sum + report.outcomes[outcome], 0)).toBe(report.input.requests);
  const withResult = report.input.requests - report.outcomes.missing - report.outcomes.unsent;
  expect((await world.results(report)).size).toBe(withResult);
}

/** results.jsonl is, byte for byte, what the API gives for the job's batches, one after another. */
export async function expectServedBytes(world: World, report: JobReport, key?: string): Promise<void> {
  world.simulator.setOptions({ resultsBytesPerSecond: Infinity });
  const served = createHash('sha256');
  for (const { id } of report.batches) {
    const answer = await fetch(`${world.simulator.url}/v1/messages/batches/${id}/results`, { headers: { ...HEADERS, ...(key !== undefined && { 'x-api-key': key }) } });
    expect(answer.status).toBe(200);
    served.update(Buffer.from(await answer.arrayBuffer()));
  }
  expect(createHash('sha256').update(await readFile(join(report.output, 'results.jsonl'))).digest('hex')).toBe(served.digest('hex'));
}
