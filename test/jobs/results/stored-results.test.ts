import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { markUnsent, mergeJob, partFolder } from '../../../src/jobs';
import { type RecordsQuery, selectRecords, StoredResults } from '../../../src/jobs/results';
import { decodePlace, encodePlace, HEADER_BYTES, hashOf, PLACE_BYTES, RUN_COUNT_BYTES } from '../../../src/jobs/results/index-format';
import { customIdOf } from '../../../src/jobs/results/custom-id';
import { readPlaces } from '../../../src/jobs/results/read-places';
import { openForReading } from '../../../src/storage';
import { collect, killAfterLines, runChild, useFolder } from '../../storage/helpers';
import { closePart, errored, expired, linesOfFile, plannedJob, requestLine, requestLines, succeeded } from '../helpers';
import { type EndedJob, endedJob, openIndex, reportOf } from './helpers';
import { LONG } from '../../support/long-form';

const folder = useFolder();

/** What was selected, as text, and what was said about it. */
async function select({ report }: EndedJob, query: Omit<RecordsQuery, 'onNote'>) {
  const notes: string[] = [];
  const records = (await collect(selectRecords(report, { ...query, onNote: (note) => notes.push(note) }))).flat();
  return { notes, lines: records.map((record) => record.lineOrSubstitute().toString()), joined: () => records.map((record) => JSON.parse(Buffer.concat(record.joined()).toString()) as unknown) };
}

/** Five requests in two parts and two rounds: `c` was sent again, `d` has no result, results come in another order. */
function fiveRequests(): Promise<EndedJob> {
  const lines = [requestLine('a', 'Hé', { n: 1 }), requestLine('b'), requestLine('c'), ` ${requestLine('d')}\t`, requestLine('e')];
  return endedJob(folder.path, lines, [[[expired('c'), errored('b'), succeeded('a')], [succeeded('e')]], [[succeeded('c')]]], { maxRequests: 3 });
}

const IN_INPUT_ORDER = [succeeded('a'), errored('b'), succeeded('c'), succeeded('e')];
const MISSING = '{"custom_id":"d","result":{"type":"missing"}}';

it('gives results by id, in the order of the input, and in that of results.jsonl', async () => {
  const job = await fiveRequests();
  expect((await select(job, {})).lines).toEqual(linesOfFile(join(job.output, 'results.jsonl')));
  expect(await select(job, { order: 'input' })).toMatchObject({ lines: IN_INPUT_ORDER, notes: [] });
  expect(await select(job, { ids: ['e', 'd', 'a', 'x', 'e'] })).toMatchObject({ lines: [succeeded('e'), succeeded('a')], notes: [] });
});

it('joins requests and results byte for byte, and tells of those without a result', async () => {
  const job = await fiveRequests();
  const { notes, lines, joined } = await select(job, { withRequests: true });
  expect({ notes, lines }).toEqual({ notes: [], lines: IN_INPUT_ORDER });
  const input = linesOfFile(job.input).map((line) => JSON.parse(line) as { custom_id: string; params: unknown; metadata?: unknown });
  const expected = (id: string, result: unknown) => {
    const { params, metadata } = input.find((each) => each.custom_id === id)!;
    return { custom_id: id, params, metadata: metadata ?? null, result };
  };
  const resultOf = (line: string) => (JSON.parse(line) as { result: unknown }).result;
  expect(joined()).toEqual(IN_INPUT_ORDER.map((line, at) => expected(['a', 'b', 'c', 'e'][at]!, resultOf(line))));
  const all = await select(job, { all: true });
  expect(all.lines).toEqual([...IN_INPUT_ORDER.slice(0, 3), MISSING, IN_INPUT_ORDER[3]]);
  expect((await select(job, { ids: ['e', 'a'], withRequests: true })).joined()).toEqual([expected('e', resultOf(succeeded('e'))), expected('a', resultOf(succeeded('a')))]);
});

describe('gives the same by a scan, and says so, where the index', () => {
  const cells: [string, (index: string, results: string) => void, RegExp][] = [
    ['was removed', (index) => rmSync(index), /results\.index is not there: reading all of/],
    ['is of another version', (index) => patch(index, 8, [9]), /is not one of this version/],
    ['is something else', (index) => writeFileSync(index, 'mine'), /is not one of this version/],
    ['was cut', (index) => truncateSync(index, 50), /is not one of this version/],
    ['is of results that were changed since', (_, results) => writeFileSync(results, `\n${readFileSync(results, 'utf8')}`), /was made for another results\.jsonl/],
    ['is of another job', (index) => patch(index, 16, [4]), /is not one of this version/],
  ];
  it.each(cells)('%s', async (_, change, note) => {
    const job = await fiveRequests();
    // As an older release wrote it, which nothing says of how long the results were.
    delete job.report.results;
    change(join(job.output, 'results.index'), join(job.output, 'results.jsonl'));
    const queries: [Omit<RecordsQuery, 'onNote'>, string[]][] = [
      [{ ids: ['c', 'd', 'a'] }, [succeeded('c'), succeeded('a')]],
      [{ order: 'input' }, IN_INPUT_ORDER],
      [{ withRequests: true }, IN_INPUT_ORDER],
      [{ all: true }, [...IN_INPUT_ORDER.slice(0, 3), MISSING, IN_INPUT_ORDER[3]!]],
    ];
    for (const [query, lines] of queries) expect(await select(job, query)).toMatchObject({ lines, notes: [expect.stringMatching(note)] });
  });

  it('fits by its size but not by what it says', async () => {
    const job = await fiveRequests();
    const results = join(job.output, 'results.jsonl');
    // As long as before, and each line somewhere else.
    writeFileSync(results, linesOfFile(results).reverse().map((line) => `${line}\n`).join(''));
    expect(await select(job, { ids: ['c', 'd', 'a', 'b', 'e'] })).toMatchObject({ lines: [succeeded('c'), succeeded('a'), errored('b'), succeeded('e')] });
    expect(await select(job, { all: true })).toMatchObject({ lines: [...IN_INPUT_ORDER.slice(0, 3), MISSING, IN_INPUT_ORDER[3]] });
    await expect(select(job, { order: 'input' })).rejects.toMatchObject({ code: 'changed', message: expect.stringContaining('does not say where'), hint: expect.stringContaining('Remove results.index') });
  });

  it('says of two lines the place of the other', async () => {
    const job = await fiveRequests();
    const results = join(job.output, 'results.jsonl');
    const text = readFileSync(results, 'utf8');
    writeFileSync(results, text.replace(succeeded('a'), '1').replace(succeeded('e'), '2').replace('1', succeeded('e')).replace('2', succeeded('a')));
    expect(readFileSync(results).length).toBe(text.length);
    for (const query of [{ withRequests: true }, { ids: ['a', 'b', 'c', 'e'] }]) expect(await select(job, query)).toMatchObject({ lines: IN_INPUT_ORDER });
  });

  it.each([
    ['begins too late', (offset: number, length: number) => [offset + 1, length - 1]],
    ['ends too early', (offset: number, length: number) => [offset, length - 1]],
    ['ends too late', (offset: number, length: number) => [offset, length + 1]],
    ['lies behind the end', (offset: number, length: number) => [offset + 1_000_000, length]],
  ])('has a place that %s', async (_, change) => {
    const job = await fiveRequests();
    const index = join(job.output, 'results.index');
    const bytes = readFileSync(index);
    // That of `b`, after the directory of three runs.
    const at = HEADER_BYTES + 3 * RUN_COUNT_BYTES + PLACE_BYTES;
    const place = decodePlace(bytes, at)!;
    const [offset, length] = change(place.offset, place.length);
    encodePlace(bytes, at, { offset: offset!, length: length! });
    writeFileSync(index, bytes);
    await expect(select(job, { order: 'input' })).rejects.toMatchObject({ code: 'changed' });
    expect(await select(job, { withRequests: true })).toMatchObject({ lines: IN_INPUT_ORDER });
    expect(await select(job, { ids: ['b'] })).toMatchObject({ lines: [errored('b')] });
  });

  it('is that of a job with the same results, and other requests', async () => {
    const job = await endedJob(join(folder.path, 'one'), requestLines(2), [[[succeeded('q-0')]]]);
    const other = await endedJob(join(folder.path, 'other'), requestLines(3), [[[succeeded('q-0')]]]);
    copyFileSync(join(other.output, 'results.index'), join(job.output, 'results.index'));
    expect(await select(job, { all: true })).toMatchObject({ lines: [succeeded('q-0'), expect.stringContaining('missing')], notes: [expect.stringContaining('was made for another job')] });
  });

  it('is damaged inside', async () => {
    const job = await fiveRequests();
    const index = join(job.output, 'results.index');
    // A place of no outcome, and a position that there is not.
    patch(index, HEADER_BYTES + 3 * 4, [77]);
    const bytes = readFileSync(index);
    patch(index, bytes.length - 4, [200]);
    expect(await select(job, { ids: ['a', 'b', 'c', 'e'] })).toMatchObject({ lines: IN_INPUT_ORDER });
    await expect(select(job, { order: 'input' })).rejects.toMatchObject({ code: 'damaged', hint: expect.stringContaining('Remove it') });
  });
});

it.each([
  ['{"custom_id":"a","result":{"type":"expired"}}', 'a'],
  [' {"result":{"type":"expired"}, "custom_id" : "a"}\r', 'a'],
  ['{"custom_id":"\\u0061","result":{"type":"expired"}}', 'a'],
  ['{"custom_id":"a","result":{"type":"expired"},"custom_id":"b"}', 'b'],
  ['{"custom_id":"a","more":1,"result":{"type":"expired"}}', 'a'],
  [`{"custom_id":"${'long'.repeat(40)}","result":{"type":"expired"}}`, 'long'.repeat(40)],
  ['{"custom_id":1.0,"result":{}}', '1.0'],
  ['{"custom_id":"a","result":{', undefined],
  ['null', undefined],
  ['', undefined],
])('the custom_id of %s', (line, customId) => {
  expect(customIdOf(Buffer.from(line))).toBe(customId);
});

it('tells apart ids of one hash', async () => {
  const [one, other] = idsOfOneHash();
  const job = await endedJob(folder.path, [requestLine(one), requestLine(other), requestLine('q')], [[[succeeded(other), succeeded(one)]]]);
  for (const id of [one, other]) expect(await select(job, { ids: [id] })).toMatchObject({ lines: [succeeded(id)] });
  rmSync(join(job.output, 'results.index'));
  for (const id of [one, other]) expect(await select(job, { ids: [id] })).toMatchObject({ lines: [succeeded(id)] });
  expect(await select(job, { withRequests: true })).toMatchObject({ lines: [succeeded(one), succeeded(other)] });
});

it('does not take a result of an id of the same hash for that of one that has none', async () => {
  const [one, other] = idsOfOneHash();
  const job = await endedJob(folder.path, [requestLine(one), requestLine(other)], [[[succeeded(other)]]]);
  expect(await select(job, { ids: [one] })).toMatchObject({ lines: [] });
});

describe('the input', () => {
  it('may be compressed, and lie somewhere else', async () => {
    const job = await fiveRequests();
    const moved = join(folder.path, 'moved.jsonl.gz');
    writeFileSync(moved, gzipSync(readFileSync(job.input)));
    rmSync(job.input);
    const error = await select(job, { withRequests: true }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'input_not_found', message: expect.stringContaining(job.input), hint: expect.stringContaining('--input FILE') });
    expect(await select(job, { withRequests: true, inputPath: moved })).toMatchObject({ lines: IN_INPUT_ORDER });
    // What needs no input is given without it.
    expect(await select(job, { order: 'input' })).toMatchObject({ lines: IN_INPUT_ORDER });
  });

  it.each([
    ['a changed prompt', (text: string) => text.replace('Hé', 'Hè')],
    ['one request less', (text: string) => text.slice(text.indexOf('\n') + 1)],
    ['one request more', (text: string) => `${text}${requestLine('z')}\n`],
    ['something else', () => 'nothing that a request is\n'],
    ['nothing', () => ''],
  ])('that was changed is refused: %s', async (_, change) => {
    const job = await fiveRequests();
    writeFileSync(job.input, change(readFileSync(job.input, 'utf8')));
    for (const query of [{ withRequests: true }, { all: true }, { ids: ['a'], withRequests: true }]) {
      await expect(select(job, query)).rejects.toMatchObject({ code: 'input_changed', hint: expect.stringContaining('--input FILE') });
    }
  });

  it('may have blank lines, a byte order mark, ids with escapes and keys in any order', async () => {
    const lines = ['\uFEFF{"metadata":{"k":1},"params":{"n": 1.0},"custom_id":"\\u0061"}', '', '  ', requestLine('b')];
    const job = await endedJob(folder.path, lines, [[[succeeded('b'), succeeded('a')]]]);
    const records = (await collect(selectRecords(job.report, { withRequests: true }))).flat();
    expect(records.map((record) => Buffer.concat(record.joined()).toString())).toEqual([
      `{"custom_id":"a","params":{"n": 1.0},"metadata":{"k":1},"result":${succeeded('a').slice('{"custom_id":"a","result":'.length, -1)}}`,
      expect.stringContaining('"custom_id":"b"'),
    ]);
  });
});

it('tells missing from unsent, with the index and without it', async () => {
  const { input, output, work, plan } = await plannedJob(folder.path, requestLines(4), { maxRequests: 2 });
  await closePart(work, plan, 1, [succeeded('q-1')]);
  await markUnsent(partFolder(work, 1, 2), 2);
  const merged = await mergeJob({ workFolder: work, rounds: [plan], output });
  const report = reportOf(input, output, plan, merged);
  const outcomes = async () => (await collect(selectRecords(report, { all: true }))).flat().map((record) => record.outcome);
  expect(await outcomes()).toEqual(['missing', 'succeeded', 'unsent', 'unsent']);
  rmSync(join(output, 'results.index'));
  expect(await outcomes()).toEqual(['missing', 'succeeded', 'unsent', 'unsent']);
});

it('has an index of nothing where nothing was sent', async () => {
  const job = await endedJob(folder.path, requestLines(3), [[[]]]);
  expect(await select(job, { order: 'input' })).toMatchObject({ lines: [], notes: [] });
  expect(await select(job, { ids: ['q-1'] })).toMatchObject({ lines: [], notes: [] });
  expect((await select(job, { all: true })).lines).toHaveLength(3);
});

it('finds each of many results, over several parts, and over a round that has some from everywhere', async () => {
  const count = LONG ? 10_000 : 2_000;
  const lines = requestLines(count);
  const isLate = (i: number) => i % 7 === 0;
  const first = [0, 1].map((part) => shuffled(Array.from({ length: count / 2 }, (_, at) => (part * count) / 2 + at)).map((i) => (isLate(i) ? expired(`q-${i}`) : succeeded(`q-${i}`))));
  const late = shuffled([...lines.keys()].filter(isLate)).map((i) => succeeded(`q-${i}`, { late: i }));
  const job = await endedJob(folder.path, lines, [first, [late]], { maxRequests: count / 2 });
  const expected = lines.map((_, i) => (isLate(i) ? succeeded(`q-${i}`, { late: i }) : succeeded(`q-${i}`)));
  const index = await openIndex(job.output);
  const file = await openForReading(join(job.output, 'results.jsonl'));
  try {
    for (let i = 0; i < count; i += 3) {
      const found = await readPlaces(file, await index.candidates(`q-${i}`));
      expect(found.map(String)).toContain(expected[i]);
      expect(found.length).toBeLessThan(3);
    }
    for (let i = 0; i < 100; i++) expect((await index.candidates(`other-${i}`)).length).toBeLessThan(2);
  } finally {
    await index.close();
    await file.close();
  }
  expect((await select(job, { order: 'input' })).lines).toEqual(expected);
  expect((await select(job, { withRequests: true })).lines).toEqual(expected);
});

describe('results.jsonl that somebody has changed', () => {
  it('is refused by its size, whatever is asked for', async () => {
    const job = await fiveRequests();
    truncateSync(join(job.output, 'results.jsonl'), 40);
    const refused = { code: 'changed', message: expect.stringMatching(/results\.jsonl was changed since the job ended: it has 40 bytes, and [\d,]+ were written\.$/), hint: expect.stringContaining('verify') };
    for (const query of [{}, { ids: ['a'] }, { order: 'input' }, { withRequests: true }, { all: true }] as const) await expect(select(job, query)).rejects.toMatchObject(refused);
  });

  it.each([true, false])('gives no lost line out for a request that was not sent, with an index: %s', async (indexed) => {
    const job = await fiveRequests();
    delete job.report.results;
    const path = join(job.output, 'results.jsonl');
    const lines = linesOfFile(path);
    // As long as before, so that the index seems to fit.
    writeFileSync(path, `${lines.map((line) => (line === succeeded('e') ? ' '.repeat(line.length) : line)).join('\n')}\n`);
    if (!indexed) rmSync(join(job.output, 'results.index'));
    await expect(select(job, { all: true })).rejects.toMatchObject({ code: 'changed', message: expect.stringContaining('it holds 3 results, and the job ended with 4') });
  });
});

if (LONG) it('kill -9 of a merge at any moment leaves no index that does not fit its results', async () => {
  const lines = requestLines(4000);
  const { work, plan, output } = await plannedJob(folder.path, lines, { maxRequests: 1000 });
  const results = lines.map((_, i) => succeeded(`q-${i}`, { filler: 'x'.repeat(2000) }));
  for (const { part } of plan.parts) await closePart(work, plan, part, results.slice((part - 1) * 1000, part * 1000));
  for (const said of [1, 6, 9]) {
    await killAfterLines(runChild(join(__dirname, '../children/merge.ts'), [work, output]), said);
    if (!existsSync(join(output, 'results.index'))) continue;
    const index = await openIndex(output);
    expect(index.requests).toBe(4000);
    await index.close();
  }
  const merged = await mergeJob({ workFolder: work, rounds: [plan], output });
  const stored = await StoredResults.open(output, { report: reportOf('', output, plan, merged) });
  expect((await stored.ofIds(['q-3999'])).get('q-3999')?.toString()).toBe(results[3999]);
  await stored.close();
  expect(readdirSync(work).filter((name) => name.startsWith('.results.index') && name.endsWith('.tmp')).length).toBeLessThanOrEqual(3);
});

it('a merge that is stopped leaves results and index as they were, and no results are ever without', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(2));
  await closePart(work, plan, 1, [succeeded('q-0'), succeeded('q-1')]);
  await mergeJob({ workFolder: work, rounds: [plan], output });
  const before = readFileSync(join(output, 'results.index'));
  await expect(mergeJob({ workFolder: work, rounds: [plan], output, signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  expect(readdirSync(output).sort()).toEqual(['.parts', 'requests.index', 'results.index', 'results.jsonl']);
  expect(readFileSync(join(output, 'results.index')).equals(before)).toBe(true);
});

function patch(path: string, at: number, bytes: number[]): void {
  const content = readFileSync(path);
  Buffer.from(bytes).copy(content, at);
  writeFileSync(path, content);
}

function shuffled<T>(items: T[]): T[] {
  for (let at = items.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [items[at], items[other]] = [items[other]!, items[at]!];
  }
  return items;
}

/** Two ids that an index cannot tell apart: of some hundred thousand there are always a few. */
function idsOfOneHash(): [string, string] {
  const seen = new Map<number, string>();
  for (let number = 0; ; number++) {
    const id = `x${(number * 2654435761).toString(36)}`;
    const known = seen.get(hashOf(id));
    if (known !== undefined && known !== id) return [known, id];
    seen.set(hashOf(id), id);
  }
}
