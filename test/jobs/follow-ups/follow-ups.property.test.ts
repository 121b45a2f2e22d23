/** From results of any kind over lists, shards, pages and ends to the outputs: every follow-up that is asked for stands there once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { API_OUTCOMES, type ApiOutcome, type FollowUpInput, type FollowUpLine, workflowIdOfFollowUp } from '../../../src/contract';
import { type FollowUpEnd, mergeJob, outputFolder, partFolder, readReference, recordEnds } from '../../../src/jobs';
import { canceled, closePart, errored, expired, linesOfFile, plannedJob, requestLine, succeeded } from '../helpers';
import { listed, type ListLine, select } from './helpers';
import { runsOfThisForm } from '../../support/long-form';

const LINE: Record<ApiOutcome, (id: string) => string> = { succeeded, errored, canceled, expired };
const STATUSES = ['completed', 'failed', 'canceled', 'not_started', undefined] as const;

const jobs = fc.record({
  results: fc.array(fc.record({ outcome: fc.constantFrom(...API_OUTCOMES), topic: fc.constantFrom('a', 'b', undefined), order: fc.nat() }), { minLength: 1, maxLength: 60 }),
  maxRequests: fc.integer({ min: 1, max: 40 }),
  on: fc.uniqueArray(fc.constantFrom(...API_OUTCOMES), { minLength: 1 }),
  topic: fc.constantFrom('a', undefined),
  per: fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined }),
  /** With large arguments a shard has few follow-ups. */
  argsBytes: fc.constantFrom(0, 65_000),
  statuses: fc.array(fc.constantFrom(...STATUSES), { minLength: 1, maxLength: 7 }),
});

async function idsOf(line: ListLine): Promise<string[]> {
  if (!('slice' in line)) return [line.customId];
  return (await readReference(line.results)).toString().trimEnd().split('\n').map((each) => (JSON.parse(each) as FollowUpInput).customId);
}

it('every selected result exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(jobs, async ({ results, maxRequests, on, topic, per, argsBytes, statuses }) => {
      const folder = mkdtempSync(join(tmpdir(), 'message-batches-follow-ups-'));
      try {
        const { work, plan, output } = await plannedJob(folder, results.map((result, i) => requestLine(`q-${i}`, 'Hi', result.topic === undefined ? undefined : { topic: result.topic })), { maxRequests });
        const options = { on, per, where: topic === undefined ? {} : { pointer: '/metadata/topic', equals: topic }, args: argsBytes === 0 ? [] : ['x'.repeat(argsBytes)] };
        const expected = results.flatMap((result, i) => (on.includes(result.outcome) && (topic === undefined || result.topic === topic) ? [`q-${i}`] : []));
        const became: FollowUpEnd['status'][] = [];
        const found: string[] = [];
        let first = 0;
        for (const { part, requests } of plan.parts) {
          const indexes = Array.from({ length: requests }, (_, i) => first + i).sort((a, b) => results[a]!.order - results[b]!.order);
          first += requests;
          await closePart(work, plan, part, indexes.map((i) => LINE[results[i]!.outcome](`q-${i}`)));
          const place = partFolder(work, 1, part);
          for (const [index, shard] of (await select(work, requests, { part, options })).entries()) {
            const { lines } = await listed(place, shard);
            expect(lines).toHaveLength(shard.count);
            const ends = lines.map((line, i) => ({ workflowId: workflowIdOfFollowUp(line), status: statuses[(became.length + i) % statuses.length] }));
            became.push(...ends.map(({ status }) => status ?? 'not_started'));
            for (const line of lines) found.push(...(await idsOf(line)));
            const recorded = ends.flatMap(({ workflowId, status }): FollowUpEnd[] => (status === undefined ? [] : [{ workflowId, status }]));
            // In two files, and the later half first: as they end.
            await recordEnds(place, `${index + 1}-r-1`, recorded.slice(recorded.length / 2));
            await recordEnds(place, `${index + 1}-r-2`, recorded.slice(0, recorded.length / 2));
            const rest = await listed(place, shard, true);
            const count = (...wanted: unknown[]) => ends.filter(({ status }) => wanted.includes(status)).length;
            expect([rest.lines.length, rest.succeeded, rest.failed]).toEqual([count('not_started', undefined), count('completed'), count('failed', 'canceled')]);
          }
        }
        expect(found).toEqual(expected);
        const { followUps } = await mergeJob({ jobId: 'j', workFolder: work, rounds: [plan], output });
        const lines = linesOfFile(outputFolder(output).followUps).map((line) => JSON.parse(line) as FollowUpLine);
        expect(lines.flatMap((line) => line.custom_ids ?? [line.custom_id])).toEqual(expected);
        expect(lines.map(({ status }) => status)).toEqual(became);
        const succeededOnes = became.filter((status) => status === 'completed').length;
        const started = became.filter((status) => status !== 'not_started').length;
        const canceledOnes = became.filter((status) => status === 'canceled').length;
        expect(followUps!.counts).toEqual({ selected: lines.length, started, succeeded: succeededOnes, failed: started - succeededOnes - canceledOnes, ...(canceledOnes > 0 && { canceled: canceledOnes }) });
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: runsOfThisForm(40) },
  );
});
