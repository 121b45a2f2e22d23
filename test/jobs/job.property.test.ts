/**
 * Whole jobs of random results over several rounds, with parts that are cut in two and end in any order, and jobs that take over from them,
 * against a plain model that keeps everything in memory.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { type JobReport, OLD_OUTCOMES, type OldOutcome } from '../../src/contract';
import { EndedJob, markUnsent, mergeJob, type MergeSummary, outputFolder, partFolder, partOf, planRetryOf, planRetryRound, readLedger, readRoundPlan, type RoundPlan, splitPart, takeOver, verifyJob, workFolder } from '../../src/jobs';
import { type RecordsQuery, selectRecords } from '../../src/jobs/results';
import { readPlaces } from '../../src/jobs/results/read-places';
import { openForReading } from '../../src/storage';
import { collect } from '../storage/helpers';
import { openIndex, reportOf } from './results/helpers';
import { canceled, closePart, errored, expired, linesOfFile, plannedJob, requestLines, succeeded } from './helpers';
import { runsOfThisForm } from '../support/long-form';

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

/** A part that really is a batch, and which requests are in it, by their position in the input. */
interface PartOfModel {
  part: number;
  ordinals: number[];
}

/** What happens to the parts of a round. */
interface ArbitraryRound {
  /** Which parts are cut in two, one after another; a half may be cut again. */
  splits: number[];
  /** In which order the parts come to their end. */
  order: number[];
}

const rounds = fc.array(fc.record<ArbitraryRound>({ splits: fc.array(fc.nat(100), { maxLength: 3 }), order: fc.array(fc.nat(1_000), { minLength: 5, maxLength: 5 }) }), { minLength: 5, maxLength: 5 });

interface Course {
  work: string;
  maxRequests: number;
  ids: Ids;
  model: Model;
  /** What each next part, and each next round, meets. */
  parts: Iterator<ArbitraryLine[] | 'unsent'>;
  rounds: Iterator<ArbitraryRound>;
}

/** Brings a planned job to its end in at most three rounds. @param sent the requests that are sent in the first. */
async function runRounds(course: Course, plan: RoundPlan, sent: number[]): Promise<RoundPlan[]> {
  const { work, maxRequests, model } = course;
  const done: RoundPlan[] = [];
  let ordinals = sent;
  for (let next = plan; next.parts.length > 0 && done.length < 3; next = await planRetryRound({ workFolder: work, round: next.round + 1, maxRequests })) {
    const { splits, order } = take(course.rounds);
    const parts = await splitSome(course, next, ordinals, splits);
    const round = (await readRoundPlan(work, next.round))!;
    done.push(round);
    const shuffled = parts.map((one, index) => ({ one, key: order[index % order.length]! + index })).sort((a, b) => a.key - b.key);
    for (const { one } of shuffled) await endPart(course, round, one);
    ordinals = parts.flatMap((part) => part.ordinals).filter((ordinal) => model.retryable.get(ordinal));
  }
  return done;
}

/** @returns the parts that are sent, in the order of the plan. */
async function splitSome({ work, maxRequests }: Course, plan: RoundPlan, ordinals: number[], splits: number[]): Promise<PartOfModel[]> {
  const sent = plan.parts.filter(({ reused }) => !reused);
  let parts = sent.map(({ part }): PartOfModel => ({ part, ordinals: ordinals.slice((part - 1) * maxRequests, part * maxRequests) }));
  expect(sent.map(({ requests }) => requests)).toEqual(parts.map((part) => part.ordinals.length));
  let last = plan.parts.length;
  for (const pick of splits) {
    const large = parts.filter((part) => part.ordinals.length > 1);
    if (large.length === 0) return parts;
    const { part, ordinals: of } = large[pick % large.length]!;
    const planned = partOf(await readRoundPlan(work, plan.round), part)!;
    await splitPart({ workFolder: work, round: plan.round, planned, numbers: [last + 1, last + 2] });
    const middle = Math.ceil(of.length / 2);
    parts = [...parts.filter((each) => each.part !== part), { part: ++last, ordinals: of.slice(0, middle) }, { part: ++last, ordinals: of.slice(middle) }];
  }
  return parts;
}

async function endPart({ work, ids, model, parts }: Course, plan: RoundPlan, { part, ordinals }: PartOfModel): Promise<void> {
  const arbitrary = take(parts);
  const lines = arbitrary === 'unsent' ? arbitrary : linesOf(arbitrary, ordinals, ids);
  if (lines === 'unsent') await markUnsent(partFolder(work, plan.round, part), ordinals.length);
  else await closePart(work, plan, part, lines.map(({ fromApi }) => fromApi));
  model.take(ordinals, lines);
  const ledger = await readLedger(partFolder(work, plan.round, part), ordinals.length);
  expect(ordinals.map((_, position) => ledger.entry(position).retryable)).toEqual(ordinals.map((ordinal) => model.retryable.get(ordinal)));
}

/** The outputs are what the model says. @param inputLines of all requests. */
async function expectOutputs(output: string, merged: MergeSummary, model: Model, inputLines: string[]): Promise<void> {
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
}

/** Sends some outcomes again, as a job that takes over the others. */
async function expectRetried(folder: string, first: { model: Model; report: JobReport; inputLines: string[] }, only: OldOutcome[], course: Omit<Course, 'work' | 'model'>): Promise<void> {
  const output = join(folder, 'second');
  const work = workFolder(output);
  const model = new Model(first.model.requests.length);
  const old = await EndedJob.open(first.report.output);
  let plan: RoundPlan;
  try {
    plan = await planRetryOf({ workFolder: work, old, only, maxRequests: course.maxRequests });
    for (const { part, requests, reused } of plan.parts) if (reused) await takeOver(old, partFolder(work, 1, part), requests);
  } finally {
    await old.close();
  }
  const sent: number[] = [];
  for (const [ordinal, request] of first.model.requests.entries()) {
    const outcome = request.outcome === 'errored' && !request.line!.includes('overloaded_error') ? 'errored_final' : request.outcome;
    if (only.includes(outcome as OldOutcome)) sent.push(ordinal);
    else model.requests[ordinal] = request;
  }
  const done = await runRounds({ ...course, work, model }, plan, sent);
  await expectOutputs(output, await mergeJob({ workFolder: work, rounds: done, output }), model, first.inputLines);
}

function take<Item>(items: Iterator<Item>): Item {
  return items.next().value as Item;
}

function* again<Item>(items: readonly Item[]): Generator<Item> {
  for (;;) yield* items;
}

const OLD = OLD_OUTCOMES.filter((outcome) => outcome !== 'succeeded');

it('every request has exactly the outcome that the model says, whatever came, and so has a retry of some of them', async () => {
  const arbitraries = { count: fc.integer({ min: 1, max: 12 }), maxRequests: fc.integer({ min: 1, max: 5 }), parts, rounds, ids: fc.constantFrom(GIVEN, GENERATED), only: fc.subarray(OLD) };
  await fc.assert(
    fc.asyncProperty(fc.record(arbitraries), async ({ count, maxRequests, ids, only, ...arbitrary }) => {
      const folder = mkdtempSync(join(tmpdir(), 'job-'));
      try {
        const inputLines = Array.from({ length: count }, (_, ordinal) => inputLine(ids, ordinal));
        const { input, work, plan, output } = await plannedJob(folder, inputLines, { maxRequests, ids: ids === GIVEN ? 'given' : 'generate' });
        const model = new Model(count);
        const course = { maxRequests, ids, parts: again(arbitrary.parts), rounds: again(arbitrary.rounds) };
        const done = await runRounds({ ...course, work, model }, plan, inputLines.map((_, ordinal) => ordinal));
        const merged = await mergeJob({ workFolder: work, rounds: done, output });
        await expectOutputs(output, merged, model, inputLines);
        const report = reportOf(input, output, plan, merged);
        writeFileSync(outputFolder(output).report, JSON.stringify(report));
        await expectFound(report, model, ids);
        expect((await verifyJob(report, { inputPath: input })).checks.filter(({ state }) => state === 'failed')).toEqual([]);
        await expectRetried(folder, { model, report, inputLines }, only, course);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: runsOfThisForm(40), interruptAfterTimeLimit: 45_000 },
  );
});
