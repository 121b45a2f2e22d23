/** Plans of any input: every request in exactly one part, whatever it asks for, and nothing over a limit. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { CUSTOM_ID_PATTERN } from '../../src/contract';
import { checkInput, createBody, customIdsOf, hashOfRequest, type InputError, partFolder, type PlannedPart, planRoundOne, type PlanOptions, readHashes, readOwnIds, readPartRequests, workFolder } from '../../src/jobs';
import { readOrdinals } from '../../src/jobs/part-requests';
import { cachedPrefix } from '../../src/jobs/warm-requests';
import { bytesOf, collect } from '../storage/helpers';
import { linesOfFile, writeLines } from './helpers';
import { runsOfThisForm } from '../support/long-form';

interface ArbitraryRequest {
  id: string | number | undefined;
  text: string;
  maxTokens: number;
  model: string | undefined;
  betas: string[] | undefined;
  metadata: { k: string } | undefined;
  cached: number | undefined;
}

const BETAS = ['files-2025', 'context-1m', 'x.y_z'];
const good = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
const request = (id: fc.Arbitrary<ArbitraryRequest['id']>) =>
  fc.record<ArbitraryRequest>({
    id,
    text: fc.string({ unit: 'grapheme', maxLength: 30 }),
    maxTokens: fc.integer({ min: 1, max: 50 }),
    model: fc.constantFrom('a', 'b', undefined),
    betas: fc.option(fc.shuffledSubarray(BETAS), { nil: undefined }),
    metadata: fc.option(fc.record({ k: fc.string({ maxLength: 3 }) }), { nil: undefined }),
    cached: fc.option(fc.nat(3), { nil: undefined }),
  });

function lineOf({ id, text, maxTokens, model, betas, metadata, cached }: ArbitraryRequest): string {
  const system = cached === undefined ? undefined : [{ type: 'text', text: `Context ${cached}`, cache_control: { type: 'ephemeral' } }];
  const params = { model, max_tokens: maxTokens, system, messages: [{ role: 'user', content: text }] };
  return JSON.stringify({ custom_id: id, params, metadata, betas });
}

const keyOf = ({ betas }: Pick<ArbitraryRequest, 'betas'>) => [...(betas ?? [])].sort().join();
const limits = fc.record({ maxRequests: fc.integer({ min: 1, max: 6 }), maxBodyBytes: fc.integer({ min: 400, max: 1500 }) });
const options = fc.record({ warmCache: fc.boolean(), most: fc.option(fc.integer({ min: 1, max: 120 }), { nil: undefined }) });

async function withPlan(requests: ArbitraryRequest[], planOptions: Partial<PlanOptions>, look: (work: string, input: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'plan-'));
  try {
    const input = writeLines(folder, requests.map(lineOf));
    await look(workFolder(join(folder, 'output')), input);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function requestsOf(work: string, { part, requests }: PlannedPart) {
  const folder = partFolder(work, 1, part);
  const found = (await collect(readPartRequests(folder))).flat();
  const sentIds = (await collect(customIdsOf(folder))).flat();
  return { folder, found, sentIds, ordinals: [...(await readOrdinals(folder, requests))], ownIds: await readOwnIds(folder, requests), hashes: await readHashes(folder, requests) };
}

it('has every request in exactly one part, in order, within all limits', async () => {
  const requests = fc.uniqueArray(request(good), { minLength: 1, maxLength: 25, selector: ({ id }) => id });
  await fc.assert(
    fc.asyncProperty(requests, limits, options, async (all, limit, { warmCache, most }) => {
      const budget = most === undefined ? undefined : { costOf: (use: { maxTokens: number }) => use.maxTokens, mostOf: () => most };
      await withPlan(all, {}, async (work, input) => {
        const plan = await planRoundOne({ input, workFolder: work, warmCache, budget, ...limit });
        const seen: number[] = [];
        const lastOf = new Map<string, number>();
        for (const [index, part] of plan.parts.entries()) {
          expect(part.part).toBe(index + 1);
          const { folder, found, sentIds, ordinals, ownIds, hashes } = await requestsOf(work, part);
          seen.push(...ordinals);
          expect([part.requests, found.length, ownIds]).toEqual([ordinals.length, ordinals.length, undefined]);
          expect(part.requests).toBeLessThanOrEqual(limit.maxRequests);
          expect(part.bodyBytes).toBeLessThanOrEqual(limit.maxBodyBytes);
          const cost = ordinals.reduce((sum, ordinal) => sum + all[ordinal]!.maxTokens, 0);
          if (most !== undefined && ordinals.length > 1) expect(cost).toBeLessThanOrEqual(most);
          const bodies = found.map(({ request: { sent } }) => sent.toString());
          const body = `{"requests":[${bodies.join(',')}]}`;
          expect((await bytesOf(createBody(folder, part).chunks())).toString()).toBe(body);
          expect([part.bodyBytes, part.bodySha256]).toEqual([Buffer.byteLength(body), createHash('sha256').update(body).digest('hex')]);
          expect(hashes).toEqual(Buffer.concat(found.map((one) => hashOfRequest(one.request))));
          expect(linesOfFile(folder.requests)).toEqual(ordinals.map((ordinal) => lineOf(all[ordinal]!)));
          for (const [position, ordinal] of ordinals.entries()) {
            const one = all[ordinal]!;
            expect([sentIds[position], keyOf(one)]).toEqual([one.id, (part.betas ?? []).join()]);
            const set = `${part.warm} ${keyOf(one)}`;
            expect(ordinal).toBeGreaterThan(lastOf.get(set) ?? -1);
            lastOf.set(set, ordinal);
          }
          const uses = new Map<string, { requests: number; bytes: number; maxTokens: number; longest: number; cached: boolean }>();
          for (const [position, ordinal] of ordinals.entries()) {
            const { model = 'other', maxTokens, cached } = all[ordinal]!;
            const bytes = Buffer.byteLength(bodies[position]!);
            const sum = uses.get(model) ?? { requests: 0, bytes: 0, maxTokens: 0, longest: 0, cached: false };
            uses.set(model, {
              requests: sum.requests + 1,
              bytes: sum.bytes + bytes,
              maxTokens: sum.maxTokens + maxTokens,
              longest: Math.max(sum.longest, bytes),
              cached: sum.cached || cached !== undefined,
            });
          }
          expect(part.expected).toEqual([...uses].sort(([one], [two]) => (one < two ? -1 : 1)).map(([model, use]) => ({ model, ...use })));
        }
        expect(seen.sort((a, b) => a - b)).toEqual(all.map((_, ordinal) => ordinal));
        await expectWarm(work, plan.parts, warmCache);
        const { parts, sentBytes, expected } = await checkInput(input, { ...limit, budget });
        if (!warmCache) expect([parts, sentBytes]).toEqual([plan.parts.length, plan.parts.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0)]);
        expect(expected.reduce((sum, use) => sum + use.requests, 0)).toBe(all.length);
      });
    }),
    { numRuns: runsOfThisForm(70), interruptAfterTimeLimit: 10_000 },
  );
});

/** One request of each prefix that is shared, in parts that come first. */
async function expectWarm(work: string, parts: PlannedPart[], warmCache: boolean): Promise<void> {
  const counts = new Map<string, number>();
  const warm: string[] = [];
  for (const part of parts) {
    for (const { request: one } of (await requestsOf(work, part)).found) {
      const prefix = cachedPrefix(one);
      if (prefix !== undefined) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      if (part.warm) warm.push(prefix ?? '');
    }
  }
  const shared = [...counts].filter(([, count]) => count > 1).map(([prefix]) => prefix);
  expect(warm.sort()).toEqual(warmCache ? shared.sort() : []);
  const first = parts.findIndex((part) => !part.warm);
  if (first !== -1) expect(parts.slice(first).some((part) => part.warm)).toBe(false);
}

it('makes ids that are nobody else’s, and refuses exactly what stands twice', async () => {
  const id = fc.oneof(
    good,
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.integer({ min: 0, max: 20 }),
    fc.constant(undefined),
    fc.constantFrom('generated-1', 'generated-3', 'generated-1-2', 'generated-2-1', 'generated-x', 'generated-999999999999999-1'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(request(id), { minLength: 1, maxLength: 15 }), limits, async (all, limit) => {
      await withPlan(all, {}, async (work, input) => {
        const texts = all.flatMap((one) => (one.id === undefined ? [] : String(one.id)));
        const twice = texts.length - new Set(texts).size;
        const planning = planRoundOne({ input, workFolder: work, ids: 'generate', ...limit });
        if (twice > 0) {
          const error = await planning.catch((reason: unknown) => reason);
          expect(error).toMatchObject({ code: 'input_invalid', problemCount: twice });
          return;
        }
        const plan = await planning;
        const sent = new Map<number, string>();
        for (const part of plan.parts) {
          const { folder, found, sentIds, ordinals, ownIds } = await requestsOf(work, part);
          for (const [position, ordinal] of ordinals.entries()) {
            const one = all[ordinal]!;
            const isGood = typeof one.id === 'string' && CUSTOM_ID_PATTERN.test(one.id);
            const sentId = sentIds[position]!;
            sent.set(ordinal, sentId);
            expect(found[position]!.request.customId).toBe(sentId);
            expect((JSON.parse(found[position]!.request.sent.toString()) as { custom_id: string }).custom_id).toBe(sentId);
            if (isGood) expect(sentId).toBe(one.id);
            else expect(sentId).toBe(`${plan.generatedIds}${ordinal + 1}`);
            expect(ownIds?.[position]?.toString() ?? '').toBe(isGood || one.id === undefined ? '' : JSON.stringify(one.id));
          }
          expect(existsSync(folder.ownIds)).toBe(ordinals.some((ordinal) => sent.get(ordinal) !== all[ordinal]!.id));
          const body = await bytesOf(createBody(folder, part).chunks());
          expect(createHash('sha256').update(body).digest('hex')).toBe(part.bodySha256);
        }
        expect(new Set(sent.values()).size).toBe(all.length);
        for (const sentId of sent.values()) expect(sentId).toMatch(CUSTOM_ID_PATTERN);
        // The same again.
        rmSync(work, { recursive: true });
        expect(await planRoundOne({ input, workFolder: work, ids: 'generate', ...limit })).toEqual(plan);
      });
    }),
    { numRuns: runsOfThisForm(100), interruptAfterTimeLimit: 10_000 },
  );
});

describe('ids', () => {
  const folder = { path: '' };
  beforeEach(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'plan-'));
  });
  afterEach(() => rmSync(folder.path, { recursive: true }));
  const planned = (lines: string[], ids?: 'generate') => {
    const input = writeLines(folder.path, lines);
    return planRoundOne({ input, workFolder: workFolder(join(folder.path, 'output')), ids });
  };

  it.each([
    ['{"params":{}}', 'custom_id is missing.'],
    ['{"custom_id":7,"params":{}}', 'custom_id is not a string.'],
    ['{"custom_id":"a b","params":{}}', 'custom_id "a b" has " " in it.'],
  ])('%s: names --ids generate where that would help', async (line, message) => {
    await expect(planned([line])).rejects.toMatchObject({ problems: [{ line: 1, message, hint: expect.stringContaining('--ids generate') }] });
  });

  it.each([
    [`{"custom_id":"${'é'.repeat(257)}","params":{}}`, 'custom_id has 514 bytes; at most 512 are carried.'],
    ['{"custom_id":"\\ud800","params":{}}', 'custom_id has half a character in it (a lone surrogate).'],
    ['{"custom_id":[],"params":{}}', 'custom_id is neither a string nor a number.'],
  ])('%s is refused even so', async (line, message) => {
    await expect(planned([line], 'generate')).rejects.toMatchObject({ problems: [{ line: 1, message }] });
  });

  it('takes an id of null for none', async () => {
    expect(await planned(['{"custom_id":null,"params":{}}', '{"custom_id":null,"params":{}}'], 'generate')).toMatchObject({ requests: 2, generatedIds: 'generated-' });
  });

  it('refuses the 33rd set of betas by its line', async () => {
    const lines = Array.from({ length: 34 }, (_, index) => `{"custom_id":"q-${index}","params":{},"betas":["beta-${index % 33}","x","x"]}`);
    const error = (await planned(lines).catch((reason: unknown) => reason)) as InputError;
    expect(error.problems).toEqual([expect.objectContaining({ line: 33, message: 'More than 32 different sets of betas stand in one input.' })]);
  });

  it.each([
    ['"x"', 'betas is not a list.'],
    ['["a\\r\\nx-api-key: 1"]', 'betas has "a\\r\\nx-api-key: 1" in it, which is no name of a beta.'],
    ['[1]', 'betas has something in it that is not a string.'],
  ])('refuses betas %s', async (betas, message) => {
    await expect(planned([`{"custom_id":"a","params":{},"betas":${betas}}`])).rejects.toMatchObject({ problems: [{ line: 1, message }] });
  });

  it('never sends betas in the body', async () => {
    const { parts } = await planned(['{"betas":["b","a","b"],"custom_id":"a","params":{"x":1}}']);
    expect(parts[0]).toMatchObject({ betas: ['a', 'b'], bodyBytes: '{"requests":[{"custom_id":"a","params":{"x":1}}]}'.length });
    expect(readFileSync(join(workFolder(join(folder.path, 'output')), 'round-01/plan.json'), 'utf8')).toContain('"betas"');
  });
});
