/** Whole jobs of random results over several rounds, against a plain model that keeps everything in memory. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { JobReport } from '../../src/contract';
import { markUnsent, mergeJob, outputFolder, partFolder, planRetryRound, readLedger, type RoundPlan } from '../../src/jobs';
import { type RecordsQuery, selectRecords } from '../../src/jobs/results';
import { readPlaces } from '../../src/jobs/results/read-places';
import { openForReading } from '../../src/storage';
import { collect } from '../storage/helpers';
import { openIndex, reportOf } from './results/helpers';
import { canceled, closePart, errored, expired, linesOfFile, plannedJob, requestLines, succeeded } from './helpers';

const KINDS = {
  succeeded: (id: string) => succeeded(id, { input_tokens: 3, output_tokens: 1 }),
  other: (id: string) => succeeded(id, { input_tokens: 100 }),
  final: (id: string) => errored(id),
  passing: (id: string) => errored(id, 'overloaded_error'),
  expired,
  canceled,
  unknown: (id: string) => `{"custom_id":"${id}","result":{"type":"new"}}`,
};
const OUTCOME = { succeeded: 'succeeded', other: 'succeeded', final: 'errored', passing: 'errored', expired: 'expired', canceled: 'canceled' } as const;
const TOKENS: Record<string, number> = { succeeded: 3, other: 100 };

/** What the API gives for a part, at random: of which of its requests, and what. */
interface ArbitraryLine {
  pick: number;
  kind: keyof typeof KINDS | 'stranger' | 'malformed' | 'blank';
}

interface ModelLine extends ArbitraryLine {
  /** As it stands in the outputs. */
  text: string;
  /** As the API sends it. */
  fromApi: string;
  ordinal?: number;
}

/** What is known of one request so far. */
interface ModelRequest {
  outcome: string;
  line?: string;
}

const line = fc.record<ArbitraryLine>({
  pick: fc.nat(100),
  kind: fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[]), 'succeeded', 'passing', 'expired', 'stranger', 'malformed', 'blank'),
});
const parts = fc.array(fc.oneof({ arbitrary: fc.array(line, { maxLength: 12 }), weight: 5 }, { arbitrary: fc.constant('unsent' as const), weight: 1 }), {
  minLength: 30,
  maxLength: 30,
});

class Model {
  readonly requests: ModelRequest[];
  readonly retryable = new Map<number, boolean>();
  tokens = 0;
  quarantined = 0;

  constructor(count: number) {
    this.requests = Array.from({ length: count }, () => ({ outcome: 'none' }));
  }

  /** Takes a part: the requests in it by their position in the input, and what came of them. */
  take(ordinals: number[], lines: ModelLine[] | 'unsent'): void {
    for (const ordinal of ordinals) {
      this.retryable.set(ordinal, false);
      if (lines === 'unsent') {
        if (this.requests[ordinal]!.outcome === 'none') this.requests[ordinal] = { outcome: 'unsent' };
        continue;
      }
      const results = lines.filter((candidate) => candidate.ordinal === ordinal && candidate.kind !== 'unknown');
      const first = results[0];
      if (!first) this.requests[ordinal] = { outcome: 'missing' };
      else this.takeFirst(ordinal, first, results);
    }
    if (lines !== 'unsent') this.quarantined += lines.filter(({ kind }) => kind === 'stranger' || kind === 'malformed' || kind === 'unknown').length;
  }

  private takeFirst(ordinal: number, first: ModelLine, results: ModelLine[]): void {
    this.requests[ordinal] = { outcome: OUTCOME[first.kind as keyof typeof OUTCOME], line: first.text };
    this.retryable.set(ordinal, first.kind === 'expired' || first.kind === 'passing');
    this.tokens += TOKENS[first.kind] ?? 0;
    const differing = results.filter((result) => result.text !== first.text);
    if (differing.length > 0) this.quarantined += 1 + differing.length;
  }
}

/** Under which id a request is sent, and with which it stands in the outputs. */
interface Ids {
  sent(ordinal: number): string;
  /** JSON. */
  own(ordinal: number): string;
}

const GIVEN: Ids = { sent: (ordinal) => `q-${ordinal}`, own: (ordinal) => `"q-${ordinal}"` };
/** Every other id is good; of the others the API would refuse each, and every third has none. */
const GENERATED: Ids = {
  sent: (ordinal) => (ordinal % 2 === 0 ? GIVEN.sent(ordinal) : `generated-${ordinal + 1}`),
  own: (ordinal) => (ordinal % 2 === 0 ? GIVEN.own(ordinal) : [`"q \\u00e9 ${ordinal}"`, `${ordinal}.0`, `"generated-${ordinal + 1}"`][ordinal % 3]!),
};

function inputLine(ids: Ids, ordinal: number): string {
  const own = ids.own(ordinal);
  const line = requestLines(ordinal + 1)[ordinal]!;
  return line.replace(`"custom_id":"q-${ordinal}"${own.startsWith('"generated') ? ',' : ''}`, own.startsWith('"generated') ? '' : `"custom_id":${own}`);
}

function linesOf(arbitrary: ArbitraryLine[], ordinals: number[], ids: Ids): ModelLine[] {
  const same = (text: string) => ({ text, fromApi: text });
  return arbitrary.map(({ pick, kind }) => {
    const ordinal = ordinals[pick % ordinals.length]!;
    if (kind === 'blank') return { pick, kind, ...same('') };
    if (kind === 'malformed') return { pick, kind, ...same(`{"custom_id":"${ids.sent(ordinal)}"`) };
    if (kind === 'stranger') return { pick, kind, ...same(expired(`stranger-${pick}`)) };
    const fromApi = KINDS[kind](ids.sent(ordinal));
    return { pick, kind, ordinal, fromApi, text: fromApi.replace(`"${ids.sent(ordinal)}"`, ids.own(ordinal)) };
  });
}

/** By the index alone each id is found exactly, in any order; unknown ones are not. */
async function expectFound(report: JobReport, { requests }: Model, ids: Ids): Promise<void> {
  const idOf = (ordinal: number) => (ids.own(ordinal).startsWith('"') ? (JSON.parse(ids.own(ordinal)) as string) : ids.own(ordinal));
  const index = await openIndex(report.output);
  const file = await openForReading(outputFolder(report.output).results);
  try {
    for (const [ordinal, { line }] of requests.entries()) {
      const found = await readPlaces(file, await index.candidates(idOf(ordinal)));
      expect(found.map(String)).toEqual(line === undefined ? [] : [line]);
    }
    for (const id of ['q-', 'stranger-1', `q-${requests.length}`]) expect(await index.candidates(id)).toEqual([]);
    const outcomes = (await index.places(0, requests.length)).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(requests.map(({ outcome }) => outcome));
  } finally {
    await index.close();
    await file.close();
  }
  const linesOf = async (query: RecordsQuery) => (await collect(selectRecords(report, query))).flat().map(({ line }) => line?.toString());
  const lines = requests.flatMap(({ line }) => line ?? []);
  expect(await linesOf({ order: 'input' })).toEqual(lines);
  expect(await linesOf({ withRequests: true })).toEqual(lines);
  expect(await linesOf({ all: true })).toEqual(requests.map(({ line }) => line));
  const joined = (await collect(selectRecords(report, { all: true }))).flat().map((record) => JSON.parse(Buffer.concat(record.joined()).toString()) as { custom_id: unknown });
  expect(joined.map((record) => record.custom_id)).toEqual(requests.map((_, ordinal) => JSON.parse(ids.own(ordinal)) as unknown));
}

it('every request has exactly the outcome that the model says, whatever came', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5 }), parts, fc.constantFrom(GIVEN, GENERATED), async (count, maxRequests, arbitraryParts, ids) => {
      const folder = mkdtempSync(join(tmpdir(), 'job-'));
      try {
        const inputLines = Array.from({ length: count }, (_, ordinal) => inputLine(ids, ordinal));
        const { input, work, plan, output } = await plannedJob(folder, inputLines, { maxRequests, ids: ids === GIVEN ? 'given' : 'generate' });
        const model = new Model(count);
        const rounds: RoundPlan[] = [];
        let next: RoundPlan = plan;
        let ordinals = inputLines.map((_, ordinal) => ordinal);
        let used = 0;
        while (next.parts.length > 0 && rounds.length < 3) {
          rounds.push(next);
          expect(next.requests).toBe(ordinals.length);
          for (const { part } of next.parts) {
            const ofPart = ordinals.slice((part - 1) * maxRequests, part * maxRequests);
            const arbitrary = arbitraryParts[used++ % arbitraryParts.length]!;
            const lines = arbitrary === 'unsent' ? arbitrary : linesOf(arbitrary, ofPart, ids);
            if (lines === 'unsent') await markUnsent(partFolder(work, next.round, part), ofPart.length);
            else await closePart(work, next, part, lines.map(({ fromApi }) => fromApi));
            model.take(ofPart, lines);
            const ledger = await readLedger(partFolder(work, next.round, part), ofPart.length);
            expect(ofPart.map((_, position) => ledger.entry(position).retryable)).toEqual(ofPart.map((ordinal) => model.retryable.get(ordinal)));
          }
          ordinals = ordinals.filter((ordinal) => model.retryable.get(ordinal));
          next = await planRetryRound({ workFolder: work, round: next.round + 1, maxRequests });
        }

        const merged = await mergeJob({ workFolder: work, rounds, output });
        const expected: Record<string, number> = { succeeded: 0, errored: 0, canceled: 0, expired: 0, missing: 0, unsent: 0 };
        for (const { outcome } of model.requests) expected[outcome]!++;
        const results = model.requests.flatMap((request) => request.line ?? []);
        const missing = inputLines.filter((_, ordinal) => model.requests[ordinal]!.outcome === 'missing');
        const failed = inputLines.filter((_, ordinal) => !['succeeded', 'missing'].includes(model.requests[ordinal]!.outcome));
        expect(merged).toMatchObject({ outcomes: expected, usage: { input_tokens: model.tokens }, results: results.length, failedRequests: failed.length, missingRequests: missing.length, quarantined: model.quarantined });
        const written = (name: string) => (existsSync(join(output, name)) ? linesOfFile(join(output, name)) : []);
        expect(written('results.jsonl').sort()).toEqual(results.sort());
        expect(written('failed-requests.jsonl')).toEqual(failed);
        expect(written('missing-requests.jsonl')).toEqual(missing);
        expect(written('quarantine.jsonl')).toHaveLength(model.quarantined);
        await expectFound(reportOf(input, output, plan, merged), model, ids);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 10_000 },
  );
});
