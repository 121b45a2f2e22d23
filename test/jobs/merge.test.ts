import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { noUsage } from '../../src/contract';
import { markUnsent, mergeJob, partFolder, planRetryRound, readResults } from '../../src/jobs';
import { StoredResults } from '../../src/jobs/results/stored-results';
import { openSegments } from '../../src/storage';
import { collect, killAfterLines, runChild, useFolder } from '../storage/helpers';
import { reportOf } from './results/helpers';
import { closePart, errored, expired, linesOfFile, plannedJob, requestLine, requestLines, succeeded } from './helpers';

const folder = useFolder();
const outputs = (output: string) => readdirSync(output).filter((name) => name !== '.parts').sort();

it('takes the API’s own lines byte for byte, and is done with results alone where all succeeded', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(3), { maxRequests: 2 });
  const odd = ` {"result": {"type":"succeeded", "message":{"content":"\u2028é", "n": 1.0}}, "custom_id":"q-1"}\r`;
  await closePart(work, plan, 1, [odd, '', succeeded('q-0')]);
  await closePart(work, plan, 2, [succeeded('q-2')]);
  expect(await mergeJob({ workFolder: work, rounds: [plan], output })).toEqual({
    outcomes: { succeeded: 3, errored: 0, canceled: 0, expired: 0, missing: 0, unsent: 0 },
    usage: { ...noUsage(), input_tokens: 20, output_tokens: 10 },
    models: { other: { ...noUsage(), input_tokens: 20, output_tokens: 10 } },
    longPrompts: {},
    problems: [],
    results: 3,
    resultsFile: { bytes: expect.any(Number) as number, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    failedRequests: 0,
    missingRequests: 0,
    quarantined: 0,
  });
  const results = `${odd}\n${succeeded('q-0')}\n${succeeded('q-2')}\n`;
  expect(readFileSync(join(output, 'results.jsonl'), 'utf8')).toBe(results);
  expect((await mergeJob({ workFolder: work, rounds: [plan], output })).resultsFile).toEqual({ bytes: Buffer.byteLength(results), sha256: createHash('sha256').update(results).digest('hex') });
  expect(outputs(output)).toEqual(['requests.index', 'results.index', 'results.jsonl']);
  expect((await collect(readResults(output))).flat().map((line) => line.bytes.toString())).toEqual([odd, succeeded('q-0'), succeeded('q-2')]);
});

it('takes the latest round that was really sent, and lists what did not succeed as it stood in the input', async () => {
  const lines = [requestLine('a'), requestLine('b', 'Hé', { k: 1 }), requestLine('c'), `  ${requestLine('d')}\t`, requestLine('e'), requestLine('f')];
  const { work, plan, output } = await plannedJob(folder.path, lines, { maxRequests: 4 });
  await closePart(work, plan, 1, [succeeded('a'), expired('b'), errored('c'), errored('d', 'api_error')]);
  await closePart(work, plan, 2, [expired('e'), expired('f'), 'oops']);
  const second = await planRetryRound({ workFolder: work, round: 2, maxRequests: 2 });
  await closePart(work, second, 1, [succeeded('d'), errored('b', 'overloaded_error')]);
  await markUnsent(partFolder(work, 2, 2), 2);
  const third = await planRetryRound({ workFolder: work, round: 3 });
  await closePart(work, third, 1, []);

  const merged = await mergeJob({ workFolder: work, rounds: [plan, second, third], output });
  expect(merged).toMatchObject({
    outcomes: { succeeded: 2, errored: 1, canceled: 0, expired: 2, missing: 1, unsent: 0 },
    usage: { input_tokens: 20 },
    results: 5,
    failedRequests: 3,
    missingRequests: 1,
    quarantined: 1,
  });
  expect(merged.problems.map(({ kind, count }) => [kind, count])).toEqual([
    ['malformed_line', 1],
    ['missing_result', 1],
  ]);
  expect(linesOfFile(join(output, 'results.jsonl')).sort()).toEqual([succeeded('a'), errored('c'), succeeded('d'), expired('e'), expired('f')].sort());
  expect(linesOfFile(join(output, 'failed-requests.jsonl'))).toEqual([lines[2], lines[4], lines[5]]);
  // Perhaps paid: nothing that is sent again without thought.
  expect(linesOfFile(join(output, 'missing-requests.jsonl'))).toEqual([lines[1]]);
  expect(linesOfFile(join(output, 'quarantine.jsonl')).map((line) => JSON.parse(line) as unknown)).toEqual([
    { problem: 'malformed_line', round: 1, part: 2, line: 3, offset: expect.any(Number), text: 'oops' },
  ]);
});

it('writes an empty results.jsonl where nothing was sent', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(2));
  await markUnsent(partFolder(work, 1, 1), 2);
  expect(await mergeJob({ workFolder: work, rounds: [plan], output })).toMatchObject({ outcomes: { unsent: 2 }, results: 0, failedRequests: 2 });
  expect(readFileSync(join(output, 'results.jsonl'), 'utf8')).toBe('');
});

it('merged again, gives the same, and removes what is no longer so', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(2));
  await closePart(work, plan, 1, [succeeded('q-0'), 'oops']);
  const options = { workFolder: work, rounds: [plan], output };
  const first = await mergeJob(options);
  expect(await mergeJob(options)).toEqual(first);
  expect(outputs(output)).toEqual(['missing-requests.jsonl', 'quarantine.jsonl', 'requests.index', 'results.index', 'results.jsonl']);
  await (await openSegments(partFolder(work, 1, 1).segments)).newGeneration();
  await closePart(work, plan, 1, [succeeded('q-0'), succeeded('q-1')]);
  await mergeJob(options);
  expect(outputs(output)).toEqual(['requests.index', 'results.index', 'results.jsonl']);
});

it('reads the generation that the ledger was made from, whatever a frozen attempt begins afterwards', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(2));
  await closePart(work, plan, 1, [succeeded('q-0'), succeeded('q-1')]);
  const late = await (await openSegments(partFolder(work, 1, 1).segments)).newGeneration();
  const writer = await late.begin();
  await writer.append(Buffer.from('something else\n'));
  await writer.close();
  await mergeJob({ workFolder: work, rounds: [plan], output });
  expect(linesOfFile(join(output, 'results.jsonl'))).toEqual([succeeded('q-0'), succeeded('q-1')]);
});

it('copies ranges that reach over chunks and segments', async () => {
  const lines = requestLines(40);
  const { work, plan, output } = await plannedJob(folder.path, lines);
  const long = (i: number) => succeeded(`q-${i}`, { input_tokens: 1, filler: String(i).repeat(60_000) });
  await closePart(work, plan, 1, Array.from({ length: 25 }, (_, i) => long(i)));
  await closePart(work, plan, 1, Array.from({ length: 15 }, (_, i) => (i === 3 ? expired('q-28') : long(25 + i))));
  const second = await planRetryRound({ workFolder: work, round: 2 });
  await closePart(work, second, 1, [long(28)]);
  expect(await mergeJob({ workFolder: work, rounds: [plan, second], output })).toMatchObject({ outcomes: { succeeded: 40 }, results: 40 });
  const expected = [...Array.from({ length: 40 }, (_, i) => long(i)).filter((_, i) => i !== 28), long(28)];
  expect(readFileSync(join(output, 'results.jsonl'), 'utf8') === expected.map((line) => `${line}\n`).join('')).toBe(true);
});

it('knows where each result lies also behind a byte order mark, and behind zeros that the API gave', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(3));
  await closePart(work, plan, 1, [`\ufeff${succeeded('q-0')}`, '\0'.repeat(600), succeeded('q-1'), succeeded('q-2')]);
  const merged = await mergeJob({ workFolder: work, rounds: [plan], output });
  expect(linesOfFile(join(output, 'results.jsonl'))).toEqual([succeeded('q-0'), succeeded('q-1'), succeeded('q-2')]);
  const stored = await StoredResults.open(output, { report: reportOf('', output, plan, merged) });
  expect(stored.indexed).toBe(true);
  expect([...(await stored.ofIds(['q-0', 'q-1', 'q-2'])).keys()]).toEqual(['q-0', 'q-1', 'q-2']);
  await stored.close();
});

it('copies no stored bytes but those that were held against the requests', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(1));
  await closePart(work, plan, 1, [succeeded('q-0')]);
  const { segments } = partFolder(work, 1, 1);
  const path = join(segments, readdirSync(segments)[0]!);
  writeFileSync(path, readFileSync(path, 'utf8').replace('Hello', 'Yello'));
  await expect(mergeJob({ workFolder: work, rounds: [plan], output })).rejects.toMatchObject({ code: 'changed', path: segments });
  expect(existsSync(join(output, 'results.jsonl'))).toBe(false);
});

describe('working data that somebody changed', () => {
  const job = async () => {
    const planned = await plannedJob(folder.path, requestLines(2));
    await closePart(planned.work, planned.plan, 1, [succeeded('q-0'), expired('q-1')]);
    return { ...planned, options: { workFolder: planned.work, rounds: [planned.plan], output: planned.output }, part: partFolder(planned.work, 1, 1) };
  };

  it('names what is not closed', async () => {
    const { options, part } = await job();
    rmSync(part.ledger);
    await expect(mergeJob(options)).rejects.toThrow('The ledger of round 1, part 1 is not closed');
  });

  it('names a segment that became shorter, and leaves no results', async () => {
    const { options, part, output } = await job();
    truncateSync(join(part.segments, readdirSync(part.segments)[0]!), 20);
    await expect(mergeJob(options)).rejects.toMatchObject({ code: 'changed', path: part.segments });
    expect(outputs(output)).toEqual([]);
  });

  it('names ordinals that are not of the part', async () => {
    const { options, part } = await job();
    truncateSync(part.ordinals, 4);
    await expect(mergeJob(options)).rejects.toMatchObject({ code: 'changed', path: part.ordinals });
  });
});

it('stops with the reason of the signal as it is, and leaves nothing half-written', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(3));
  await closePart(work, plan, 1, [succeeded('q-0'), succeeded('q-1'), expired('q-2')]);
  const controller = new AbortController();
  const reason = { canceled: true };
  await expect(mergeJob({ workFolder: work, rounds: [plan], output, signal: controller.signal, onProgress: () => controller.abort(reason) })).rejects.toBe(reason);
  expect(existsSync(join(output, 'failed-requests.jsonl'))).toBe(false);
  expect(outputs(output).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

it('kill -9 at any moment leaves whole files or none, and the next attempt ends it', async () => {
  const lines = requestLines(8000);
  const { work, plan, output } = await plannedJob(folder.path, lines, { maxRequests: 1000 });
  const results = lines.map((_, i) => (i % 10 === 0 ? expired(`q-${i}`) : succeeded(`q-${i}`, { filler: 'x'.repeat(2000) })));
  for (const { part } of plan.parts) await closePart(work, plan, part, results.slice((part - 1) * 1000, part * 1000));
  const failed = lines.filter((_, i) => i % 10 === 0);
  const ifThere = (name: string) => (existsSync(join(output, name)) ? linesOfFile(join(output, name)) : undefined);
  for (const said of [1, 5, 12, 24]) {
    await killAfterLines(runChild(join(__dirname, 'children/merge.ts'), [work, output]), said);
    expect([undefined, results]).toContainEqual(ifThere('results.jsonl'));
    expect([undefined, failed]).toContainEqual(ifThere('failed-requests.jsonl'));
  }
  expect(await mergeJob({ workFolder: work, rounds: [plan], output })).toMatchObject({ outcomes: { succeeded: 7200, expired: 800 } });
  expect(linesOfFile(join(output, 'results.jsonl'))).toEqual(results);
  expect(linesOfFile(join(output, 'failed-requests.jsonl'))).toEqual(failed);
});
