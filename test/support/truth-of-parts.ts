/** The truth about a job of many batches, over several rounds: what the server gives for each of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobReport } from '../../src/contract';
import type { World } from './world';

/**
 * results.jsonl is byte for byte what the server gives: of each request the line of the last batch that it was sent in, batch by batch
 * in the order of the report. The outcomes are those of these lines, and each request of the input has one.
 *
 * @param ids the custom_ids of the input.
 */
export async function expectTruthOfParts(world: World, report: JobReport, ids: string[]): Promise<void> {
  const batches = await Promise.all(report.batches.map(({ id }) => linesOf(world, id)));
  const last = new Map<string, number>();
  for (const [batch, lines] of batches.entries()) for (const { id } of lines) last.set(id, batch);
  const final = batches.flatMap((lines, batch) => lines.filter(({ id }) => last.get(id) === batch));

  expect([...last.keys()].sort()).toEqual([...ids].sort());
  // Compared as it is: a difference of megabytes is no message.
  const stored = await readFile(join(report.output, 'results.jsonl'), 'utf8');
  expect(stored === final.map(({ line }) => `${line}\n`).join('')).toBe(true);
  const outcomes = { succeeded: 0, errored: 0, canceled: 0, expired: 0, missing: 0, unsent: 0 };
  for (const { outcome } of final) outcomes[outcome]++;
  expect(report.outcomes).toEqual(outcomes);
}

/** Every request was accepted once at the API, whatever was sent, and every batch stands in one of the reports. */
export function expectPaidOnce(world: World, reports: JobReport[], requests: number): void {
  const { accepted } = world.simulator.stats();
  expect(accepted.map(({ id }) => id).sort()).toEqual(reports.flatMap(({ batches }) => batches.map(({ id }) => id)).sort());
  expect(accepted.reduce((sum, batch) => sum + batch.requests, 0)).toBe(requests);
  expect(accepted.reduce((sum, batch) => sum + batch.seenBefore, 0)).toBe(0);
}

/** The custom_ids that `World.writeRequests` gives. */
export function idsOf(count: number, prefix = 'request'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

interface Line {
  id: string;
  outcome: 'succeeded' | 'errored' | 'canceled' | 'expired';
  line: string;
}

async function linesOf({ simulator }: World, batchId: string): Promise<Line[]> {
  const answer = await fetch(`${simulator.url}/v1/messages/batches/${batchId}/results`, { headers: { 'x-api-key': 'test-key', 'anthropic-version': '2023-06-01' } });
  expect(answer.status).toBe(200);
  const lines = (await answer.text()).split('\n').filter(Boolean);
  return lines.map((line) => {
    const { custom_id: id, result } = JSON.parse(line) as { custom_id: string; result: { type: Line['outcome'] } };
    return { id, outcome: result.type, line };
  });
}
