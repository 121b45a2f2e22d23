import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { noUsage } from '../../src/contract';
import { closeLedger, markUnsent, partFolder, type Progress, quarantineFile, readLedger, readLedgerRecord } from '../../src/jobs';
import { openSegments } from '../../src/storage';
import { useFolder } from '../storage/helpers';
import { canceled, closePart, closeStored, errored, expired, linesOfFile, plannedJob, requestLines, storeResults, succeeded } from './helpers';

const folder = useFolder();
const quarantineOf = (work: string) => linesOfFile(quarantineFile(partFolder(work, 1, 1), 1)).map((line) => JSON.parse(line) as Record<string, unknown>);
const ids = (count: number) => Array.from({ length: count }, (_, i) => `q-${i}`);

async function closed(requests: number, lines: readonly (string | Buffer)[]) {
  const job = await plannedJob(folder.path, requestLines(requests));
  const summary = await closePart(job.work, job.plan, 1, lines);
  const ledger = await readLedger(partFolder(job.work, 1, 1), requests);
  return { ...job, summary, ledger };
}

it('gives every request its outcome, in whatever order results come', async () => {
  const lines = [canceled('q-3'), succeeded('q-0'), expired('q-2'), errored('q-1'), '', errored('q-4', 'overloaded_error')];
  const { summary, ledger, work } = await closed(6, lines);
  expect(summary).toEqual({
    format: 2,
    batch_id: 'msgbatch_1',
    generation: 1,
    requests: 6,
    outcomes: { succeeded: 1, errored: 2, canceled: 1, expired: 1, missing: 1, unsent: 0 },
    retryable: 2,
    usage: { ...noUsage(), input_tokens: 10, output_tokens: 5 },
    problems: [{ kind: 'missing_result', count: 1, examples: ['request 6 of the part, custom_id "q-5"'] }],
    models: { other: { ...noUsage(), input_tokens: 10, output_tokens: 5 } },
    unknown_ids: 0,
    lines: 5,
    bytes: lines.join('\n').length + 1,
    crc32: crc32(`${lines.join('\n')}\n`),
    quarantined: 0,
  });
  expect(await readLedgerRecord(partFolder(work, 1, 1))).toEqual(summary);
  expect([0, 1, 2, 3, 4, 5].map((position) => ledger.entry(position).outcome)).toEqual(['succeeded', 'errored', 'expired', 'canceled', 'errored', 'missing']);
  const { offset, length } = ledger.entry(0);
  const segments = await openSegments(partFolder(work, 1, 1).segments);
  expect((await segments.readBytes(offset, offset + length)).toString()).toBe(succeeded('q-0'));
  expect(existsSync(quarantineFile(partFolder(work, 1, 1), 1))).toBe(false);
  const file = readFileSync(partFolder(work, 1, 1).ledger);
  expect(file.length - file.indexOf('\n') - 1).toBe(6 * 16);
});

it.each([
  ['expired', expired('q-0'), true],
  ['overloaded_error', errored('q-0', 'overloaded_error'), true],
  ['api_error', errored('q-0', 'api_error'), true],
  ['rate_limit_error', errored('q-0', 'rate_limit_error'), true],
  ['timeout_error', errored('q-0', 'timeout_error'), true],
  ['invalid_request_error', errored('q-0', 'invalid_request_error'), false],
  ['an error of a type not known yet', errored('q-0', 'new_error'), false],
  ['an error without a type', '{"custom_id":"q-0","result":{"type":"errored"}}', false],
  ['canceled', canceled('q-0'), false],
  ['succeeded', succeeded('q-0'), false],
])('%s may be sent again: see the flag', async (_, line, retryable) => {
  const { ledger, summary } = await closed(1, [line]);
  expect(ledger.entry(0).retryable).toBe(retryable);
  expect(summary.retryable).toBe(retryable ? 1 : 0);
});

it('sums usage of succeeded results, whatever fields it has', async () => {
  const usages = [
    { input_tokens: 1, output_tokens: 2, cache_creation_input_tokens: 3, cache_read_input_tokens: 4, service_tier: 'batch' },
    { input_tokens: 10, cache_read_input_tokens: null },
    null,
  ];
  const { summary } = await closed(3, usages.map((usage, i) => succeeded(`q-${i}`, usage as object)));
  expect(summary.usage).toEqual({ ...noUsage(), input_tokens: 11, output_tokens: 2, cache_creation_input_tokens: 3, cache_read_input_tokens: 4 });
});

it('sums usage by the model that the results name', async () => {
  const of = (id: string, model: string | undefined, tokens: number) => JSON.stringify({ custom_id: id, result: { type: 'succeeded', message: { model, usage: { input_tokens: tokens } } } });
  const { summary } = await closed(4, [of('q-0', 'claude-a', 1), of('q-1', 'claude-b', 2), of('q-2', 'claude-a', 4), of('q-3', undefined, 8)]);
  expect(Object.entries(summary.models).map(([model, { input_tokens }]) => [model, input_tokens])).toEqual([['claude-a', 5], ['claude-b', 2], ['other', 8]]);
  expect(summary.usage.input_tokens).toBe(15);
});

it('sums up apart what requests with long prompts have used, for which some models have another price', async () => {
  const of = (id: string, tokens: object) => JSON.stringify({ custom_id: id, result: { type: 'succeeded', message: { model: 'claude-a', usage: tokens } } });
  const long = { input_tokens: 1, cache_creation_input_tokens: 50_000, cache_read_input_tokens: 50_000, output_tokens: 9 };
  const { summary } = await closed(2, [of('q-0', long), of('q-1', { input_tokens: 100_000 })]);
  expect(summary.long_prompts).toMatchObject({ 'claude-a': { ...long, input_tokens: 1 } });
  expect(summary.models['claude-a']!.input_tokens).toBe(100_001);
});

it('passes over a byte order mark at the very beginning: it is no part of the line', async () => {
  const { summary, ledger } = await closed(2, [`\ufeff${succeeded('q-0')}`, `\ufeff${succeeded('q-1')}`]);
  expect(ledger.entry(0)).toEqual({ outcome: 'succeeded', retryable: false, offset: 3, length: succeeded('q-0').length });
  expect(summary.problems.map(({ kind }) => kind)).toEqual(['malformed_line', 'missing_result']);
});

it('takes characters beyond ASCII as they are, and raw line separators within a line', async () => {
  const text = 'é 日本 🌍 \u2028 \u0085';
  const line = JSON.stringify({ custom_id: 'q-0', result: { type: 'succeeded', message: { content: [{ type: 'text', text }], usage: { input_tokens: 1 } } } });
  const { summary, ledger } = await closed(1, [line]);
  expect(summary).toMatchObject({ outcomes: { succeeded: 1 }, problems: [] });
  expect(ledger.entry(0).length).toBe(Buffer.byteLength(line));
});

it('a ledger of an earlier generation does not take the place of a later one of the same batch', async () => {
  const { work, plan } = await closed(1, [succeeded('q-0', { input_tokens: 1 })]);
  const part = partFolder(work, 1, 1);
  const first = await openSegments(part.segments);
  await first.newGeneration();
  const second = await closePart(work, plan, 1, [succeeded('q-0', { input_tokens: 2 })]);
  const closeFirst = (batchId: string) => closeLedger({ partFolder: part, requests: 1, batchId, segments: first });
  await closeFirst('msgbatch_1');
  expect(await readLedgerRecord(part)).toEqual(second);
  // Of another batch it does: that of the earlier one was put aside.
  await closeFirst('msgbatch_2');
  expect(await readLedgerRecord(part)).toMatchObject({ batch_id: 'msgbatch_2', generation: 1 });
});

it('a ledger that an older release has written is none, and one that somebody changed is an error', async () => {
  const { work } = await closed(1, [succeeded('q-0')]);
  const part = partFolder(work, 1, 1);
  const whole = readFileSync(part.ledger);
  writeFileSync(part.ledger, whole.subarray(whole.indexOf('\n') + 1));
  expect(await readLedgerRecord(part)).toBeUndefined();
  writeFileSync(part.ledger, whole.subarray(0, 40));
  await expect(readLedgerRecord(part)).rejects.toMatchObject({ code: 'damaged', path: part.ledger });
});

describe('what is put aside', () => {
  it('an error object in place of a result', async () => {
    const error = { type: 'error', error: { type: 'api_error', message: 'No' }, request_id: null };
    const { summary } = await closed(2, [JSON.stringify(error), JSON.stringify({ custom_id: 'q-1', error: error.error })]);
    expect(summary).toMatchObject({ outcomes: { missing: 2 }, quarantined: 2 });
    expect(summary.problems[0]!.examples).toEqual([expect.stringMatching(/^line 1 .*: an error object in place of a result$/), expect.stringMatching(/^line 2 .*: an error object in place of a result$/)]);
  });

  it('a line that is no result, whole, with its line and byte', async () => {
    const noMessage = '{"custom_id":"q-1","result":{"type":"succeeded"}}';
    const binary = Buffer.from([0x22, 0xff, 0x22]);
    const { summary, work } = await closed(2, [succeeded('q-0'), '{"cut": ', noMessage, binary, '[]', '{"custom_id":"q-1"}']);
    expect(summary).toMatchObject({ outcomes: { succeeded: 1, missing: 1 }, lines: 6, unknown_ids: 0 });
    const first = succeeded('q-0').length + 1;
    expect(summary.problems[0]).toMatchObject({ kind: 'malformed_line', count: 5 });
    expect(summary.problems[0]!.examples[0]).toBe(`line 2 of the results (byte ${first}): not JSON`);
    const aside = quarantineOf(work);
    expect(aside[0]).toEqual({ problem: 'malformed_line', round: 1, part: 1, line: 2, offset: first, text: '{"cut": ' });
    expect(aside.map((entry) => entry['text'] ?? Buffer.from(String(entry['base64']), 'base64'))).toEqual(['{"cut": ', noMessage, binary, '[]', '{"custom_id":"q-1"}']);
  });

  it('a result of nobody', async () => {
    const { summary, work } = await closed(1, [succeeded('stranger'), succeeded('q-0'), expired('stranger')]);
    expect(summary).toMatchObject({ unknown_ids: 2, usage: { input_tokens: 10 }, problems: [{ kind: 'unknown_custom_id', count: 2 }] });
    expect(quarantineOf(work).map((entry) => entry['text'])).toEqual([succeeded('stranger'), expired('stranger')]);
  });

  it('a kind of result that is not known yet: the request counts as missing, never as free to send again', async () => {
    const { summary, ledger, work } = await closed(1, ['{"custom_id":"q-0","result":{"type":"paused"}}']);
    expect(summary).toMatchObject({ outcomes: { missing: 1 }, retryable: 0 });
    expect(summary.problems.map((problem) => problem.kind)).toEqual(['unknown_result_type', 'missing_result']);
    expect(ledger.entry(0)).toEqual({ outcome: 'missing', retryable: false, offset: 0, length: 0 });
    expect(quarantineOf(work)).toHaveLength(1);
  });

  it('not a result that came twice, the same: it counts once', async () => {
    const { summary, work } = await closed(2, [succeeded('q-0'), succeeded('q-1'), succeeded('q-0'), succeeded('q-0')]);
    expect(summary).toMatchObject({ outcomes: { succeeded: 2 }, usage: { input_tokens: 20 }, problems: [{ kind: 'duplicate_result', count: 2 }], lines: 4 });
    expect(existsSync(quarantineFile(partFolder(work, 1, 1), 1))).toBe(false);
  });

  it('all results of a request that differ; the first one counts', async () => {
    const lines = [succeeded('q-0'), succeeded('q-1'), errored('q-0'), succeeded('q-0'), expired('q-0')];
    const { summary, ledger, work } = await closed(2, lines);
    expect(ledger.entry(0)).toMatchObject({ outcome: 'succeeded', offset: 0, length: succeeded('q-0').length });
    expect(summary.usage.input_tokens).toBe(20);
    expect(summary.problems).toMatchObject([{ kind: 'conflicting_result', count: 2 }, { kind: 'duplicate_result', count: 1 }]);
    expect(quarantineOf(work).map(({ problem, line, text }) => [problem, line, text])).toEqual([
      ['conflicting_result', 1, lines[0]],
      ['conflicting_result', 3, lines[2]],
      ['conflicting_result', 5, lines[4]],
    ]);
  });

  it('keeps twenty examples of a kind and counts all', async () => {
    const { summary } = await closed(1, [succeeded('q-0'), ...Array.from({ length: 50 }, (_, i) => expired(`other-${i}`))]);
    expect(summary.problems[0]).toMatchObject({ count: 50 });
    expect(summary.problems[0]!.examples).toHaveLength(20);
  });
});

describe('the API’s own counts', () => {
  const counts = { processing: 0, succeeded: 1, errored: 0, canceled: 0, expired: 1 };

  it('agree', async () => {
    const { work, plan } = await plannedJob(folder.path, requestLines(2));
    expect(await closePart(work, plan, 1, [succeeded('q-0'), expired('q-1')], counts)).toMatchObject({ problems: [] });
  });

  it('differ where a line is not there, or another', async () => {
    const { work, plan } = await plannedJob(folder.path, requestLines(2));
    expect(await closePart(work, plan, 1, [succeeded('q-0')], counts)).toMatchObject({
      problems: [{ kind: 'missing_result' }, { kind: 'counts_differ', count: 1, examples: ['0 expired found, the API counts 1'] }],
    });
    await storeResults(work, 1, 1, [canceled('q-1')]);
    expect(await closeStored(work, plan, 1, counts)).toMatchObject({ problems: [{ kind: 'counts_differ' }] });
  });
});

it('closed again, takes the place of what was written before', async () => {
  const { work, plan, summary } = await closed(2, ['oops']);
  expect(quarantineOf(work)).toHaveLength(1);
  expect(await closeStored(work, plan, 1)).toEqual(summary);
  const segments = await openSegments(partFolder(work, 1, 1).segments);
  await segments.newGeneration();
  expect(await closePart(work, plan, 1, ids(2).map((id) => succeeded(id)))).toMatchObject({ outcomes: { succeeded: 2 }, problems: [{ kind: 'results_changed' }] });
  expect(await readLedgerRecord(partFolder(work, 1, 1))).toMatchObject({ generation: 2, lines: 2, quarantined: 0 });
  expect(readdirSync(partFolder(work, 1, 1).folder).sort()).toEqual(['custom-ids.txt', 'hashes.bin', 'ledger.bin', 'ordinals.bin', 'quarantine-g0001.jsonl', 'requests.jsonl', 'segments']);
});

it('a part that was never accepted is unsent as a whole', async () => {
  const { work } = await plannedJob(folder.path, requestLines(3));
  const part = partFolder(work, 1, 1);
  expect(await markUnsent(part, 3)).toMatchObject({ outcomes: { unsent: 3, missing: 0 }, retryable: 0, problems: [] });
  expect((await readLedger(part, 3)).entry(2)).toEqual({ outcome: 'unsent', retryable: false, offset: 0, length: 0 });
  expect(await readLedgerRecord(part)).toMatchObject({ generation: 0, lines: 0 });
});

it('refuses a ledger that is not of this part', async () => {
  const { work } = await closed(3, []);
  const part = partFolder(work, 1, 1);
  await expect(readLedger(part, 4)).rejects.toMatchObject({ code: 'damaged', path: part.ledger });
  truncateSync(part.ledger, 30);
  truncateSync(part.ledger, 48);
  await expect(readLedger(part, 3)).rejects.toMatchObject({ code: 'damaged' });
});

it('refuses a part whose requests are not those planned', async () => {
  const { work } = await plannedJob(folder.path, requestLines(3));
  const part = partFolder(work, 1, 1);
  const segments = await openSegments(part.segments);
  await expect(closeLedger({ partFolder: part, requests: 4, batchId: 'msgbatch_1', segments })).rejects.toMatchObject({ code: 'changed', path: part.requests });
});

it('tells of progress, and stops with the reason of the signal as it is', async () => {
  const { work, plan } = await plannedJob(folder.path, requestLines(20_000));
  await storeResults(work, 1, 1, ids(20_000).map((id) => succeeded(id)));
  const part = partFolder(work, 1, 1);
  const segments = await openSegments(part.segments);
  const seen: Progress[] = [];
  const options = { partFolder: part, requests: plan.requests, batchId: 'msgbatch_1', segments };
  await closeLedger({ ...options, onProgress: (progress) => seen.push(progress) });
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.at(-1)).toEqual({ lines: 20_000, bytes: segments.checkpoint });
  const controller = new AbortController();
  const reason = { canceled: true };
  await expect(closeLedger({ ...options, signal: controller.signal, onProgress: () => controller.abort(reason) })).rejects.toBe(reason);
});
