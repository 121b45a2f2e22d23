import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { InputError, parseRequestLine } from '../../../src/jobs';
import { prepareRequests } from '../../../src/jobs/prepare';
import type { Prepared, PrepareOptions } from '../../../src/jobs/prepare';
import { readLines, ScratchFile } from '../../../src/storage';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'message-batches-prepare-'))));
afterAll(() => rm(folder, { recursive: true }));

interface Line {
  custom_id: string;
  params: { system?: unknown; messages: { content: string }[] } & Record<string, unknown>;
  metadata?: Record<string, unknown>;
}

async function prepare(content: string | Buffer, options: Partial<PrepareOptions> = {}, name = 'rows.csv'): Promise<Prepared & { lines: Line[] }> {
  const path = join(folder, name);
  await writeFile(path, content);
  const scratch = await ScratchFile.open(join(folder, 'requests.jsonl'));
  try {
    const prepared = await prepareRequests(path, scratch, { source: name, model: 'm', maxTokens: 9, prompt: 'Solve: {{question}}', ...options });
    const lines: Line[] = [];
    for await (const group of readLines(scratch.path)) {
      for (const { bytes } of group) {
        expect(parseRequestLine(bytes)).toHaveProperty('customId');
        lines.push(JSON.parse(bytes.toString()) as Line);
      }
    }
    return { ...prepared, lines };
  } finally {
    await scratch.discard();
  }
}

async function refusal(content: string | Buffer, options: Partial<PrepareOptions> = {}, name?: string): Promise<InputError> {
  const error = await prepare(content, options, name).catch((thrown: unknown) => thrown);
  if (!(error instanceof InputError)) throw new Error(`Not refused: ${String(error)}`);
  return error;
}

const prompts = ({ lines }: { lines: Line[] }) => lines.map(({ params }) => params.messages[0]!.content);
const told = ({ problems }: Prepared) => problems.map(({ row, line, message }) => `${row}/${line ?? '-'}: ${message}`);

test('a request a row: prompt, system, id, metadata, further params', async () => {
  const made = await prepare('id,question,topic\r\nq-1,"What is 1,5 + 1?",math\r\n', {
    system: 'You know {{topic}}.',
    idField: 'id',
    metadata: ['topic'],
    params: { temperature: 0, model: 'other', max_tokens: 1, system: [{ type: 'text', text: 'replaced' }] },
  });
  expect(made).toMatchObject({ format: 'csv', rows: 1, requests: 1, skipped: 0, emptyValues: 0, problemCount: 0 });
  const line = {
    custom_id: 'q-1',
    params: { model: 'm', max_tokens: 9, temperature: 0, system: 'You know math.', messages: [{ role: 'user', content: 'Solve: What is 1,5 + 1?' }] },
    metadata: { topic: 'math' },
  };
  expect(made.lines).toEqual([line]);
  expect(JSON.parse(made.first ?? '')).toEqual(line);
  expect(made.bytes).toBe(Buffer.byteLength(made.first ?? '') + 1);
});

test('a fixed system with a cached prefix stays as it is', async () => {
  const system = [{ type: 'text', text: 'Long {{not a placeholder}}', cache_control: { type: 'ephemeral' } }];
  const { lines } = await prepare('question\nx\n', { params: { system } });
  expect(lines[0]?.params.system).toEqual(system);
});

test.each([
  ['rows.tsv', 'question\ttopic\nWhy, "so"?\tx\n'.replace('Why, "so"?', '"Why, ""so""?"'), 'tsv'],
  ['rows.csv.gz', gzipSync('question,topic\n"Why, ""so""?",x\n'), 'csv'],
  ['rows', '\uFEFFquestion,topic\n"Why, ""so""?",x\n', 'csv'],
  ['rows', 'question\ttopic\n"Why, ""so""?"\tx\n', 'tsv'],
  ['rows', '\n{"question": "Why, \\"so\\"?"}\n', 'jsonl'],
  ['rows.ndjson', '\uFEFF{"question": "Why, \\"so\\"?"}', 'jsonl'],
])('%s is read by its name, else by its beginning', async (name, content, format) => {
  const made = await prepare(content, {}, name);
  expect(made.format).toBe(format);
  expect(prompts(made)).toEqual(['Solve: Why, "so"?']);
});

test('JSONL: deep fields, and values that are no texts', async () => {
  const rows = '{"a": {"b": {"c": "deep"}, "x.y": 1}, "n": 1.5, "yes": true, "list": [1, {"k": null}]}\n{"a": {"b": {"c": "again"}, "x.y": 2}, "n": 0, "yes": false, "list": []}\n';
  const made = await prepare(rows, { prompt: '{{a.b.c}} {{a.x.y}} {{n}} {{yes}} {{list}} {{a.b}}', metadata: ['n', 'a.b'] }, 'rows.jsonl');
  expect(prompts(made)).toEqual(['deep 1 1.5 true [1,{"k":null}] {"c":"deep"}', 'again 2 0 false [] {"c":"again"}']);
  expect(made.lines[0]?.metadata).toEqual({ n: 1.5, 'a.b': { c: 'deep' } });
});

test('braces: a placeholder within braces, and what is none', async () => {
  expect(prompts(await prepare('question\nx\n', { prompt: '{{{question}}} {"a": {{question}}} {{"{{"}}question}} }} {{ question }}' }))).toEqual(['{x} {"a": x} {{question}} }} x']);
  for (const prompt of ['{{question}', 'a {{}} b', '{{{{question}}}}']) {
    expect(await refusal('question\nx\n', { prompt })).toMatchObject({ code: 'bad_template', message: expect.stringMatching(/^--prompt has \{\{ at character \d/), hint: expect.stringContaining('{{"{{"}}') });
  }
});

test('a name that is no column is told at once, with those that are', async () => {
  expect(await refusal('id,question\n1,x\n', { prompt: '{{qestion}}' })).toMatchObject({
    code: 'unknown_field',
    message: '--prompt names "qestion", but the header of rows.csv has no such field.',
    hint: 'Did you mean question? There are id, question.',
  });
  expect(await refusal('id;question\n1;x\n')).toMatchObject({ hint: expect.stringContaining('--delimiter') });
  expect(await refusal('{"a": {"b": 1}}\n', { prompt: '{{a.c}}', missing: 'skip' }, 'rows.jsonl')).toMatchObject({ hint: expect.stringContaining('There are a, a.b.') });
  for (const option of [{ system: '{{no}}' }, { idField: 'no' }, { metadata: ['no'] }]) expect(await refusal('question\nx\n', option)).toMatchObject({ code: 'unknown_field' });
});

test('missing values are told by row and field; or their rows are left out; or nothing stands in their place', async () => {
  const rows = 'id,question,topic\na,one,t\nb,,t\n\nc,"two\nlines",\nd,,\n';
  const options = { prompt: '{{question}}/{{topic}}', idField: 'id' };
  const refused = await prepare(rows, options);
  expect(told(refused)).toEqual(['2/3: "question" is missing or empty.', '3/5: "topic" is missing or empty.', '4/7: "question" is missing or empty.', '4/7: "topic" is missing or empty.']);
  const skipped = await prepare(rows, { ...options, missing: 'skip' });
  expect(skipped).toMatchObject({ rows: 4, requests: 1, skipped: 3, problemCount: 0 });
  expect(prompts(skipped)).toEqual(['one/t']);
  const empty = await prepare(rows, { ...options, missing: 'empty' });
  expect(empty).toMatchObject({ requests: 4, skipped: 0, emptyValues: 4 });
  expect(prompts(empty)).toEqual(['one/t', '/t', 'two\nlines/', '/']);
  expect(told(await prepare('{"question": "x"}\n{"question": null}\n{}\n', {}, 'rows.jsonl'))).toEqual(['2/2: "question" is missing or empty.', '3/3: "question" is missing or empty.']);
  expect(told(await prepare(rows, { prompt: '{{question}}', missing: 'empty' }))).toEqual(['2/3: The prompt is empty.', '4/7: The prompt is empty.']);
});

test('the first twenty problems, and how many there are', async () => {
  const made = await prepare(`id,question\n${'x,\n'.repeat(50)}`);
  expect(made).toMatchObject({ problemCount: 50, rows: 50 });
  expect(made.problems).toHaveLength(20);
});

test('ids: what cannot be one, and what stands twice, by its row', async () => {
  const bad = await prepare('id,question\na b,x\nö,x\n,x\n', { idField: 'id', missing: 'empty' });
  expect(told(bad)).toEqual(['1/2: custom_id "a b" has " " in it (of "id").', '2/3: custom_id "ö" has "ö" in it (of "id").', '3/4: custom_id is empty (of "id").']);
  expect(bad.problems[0]?.hint).toBe('Without --id-field the ids are row-1, row-2, …, and --metadata id keeps yours beside them.');
  const twice = await prepare('id,question\na,\na,x\nb,\nb,x\nc,x\nb,x\na,x\n', { idField: 'id', missing: 'skip' });
  expect(told(twice)).toEqual(['6/-: "b" stands in row 4 already, and no two requests may have one custom_id.', '7/-: "a" stands in row 2 already, and no two requests may have one custom_id.']);
  expect((await prepare('{"question": 1}\n{"question": 2}\n', {}, 'rows.jsonl')).lines.map((line) => line.custom_id)).toEqual(['row-1', 'row-2']);
});

test('a number that JSON readers change is no value', async () => {
  expect(told(await prepare('{"question": "x", "id": 12345678901234567890}\n', { prompt: '{{question}}', metadata: ['id'] }, 'rows.jsonl'))).toEqual(['1/1: "id" is a whole number with more digits than JSON readers keep.']);
});

test('metadata of more than 4 KB, and a request of more than a batch may have', async () => {
  expect(told(await prepare(`question,m\nx,${'y'.repeat(4090)}\n`, { metadata: ['m'] }))).toEqual(['1/2: Its metadata has 4098 bytes; at most 4096 are carried.']);
  expect(told(await prepare('question\nx\nyyyyyyyyyy\n', { maxBodyBytes: 126 }))).toEqual(['2/3: The request has 118 bytes; a batch may have 126 in all.']);
});

test.each([
  ['question,a\nx\n', '1/2: 1 cell, where the header has 2.'],
  ['question,a\nx,y\n\n"x\n\ny",y,z\n', '2/4: 3 cells, where the header has 2.'],
])('cells that do not fit the header are told by their line: %j', async (content, problem) => {
  expect(told(await prepare(content))).toEqual([problem]);
});

test.each([
  ['', /is empty/],
  ['\n\n', /is empty/],
  ['question\n', /holds no rows/],
  ['question,question\nx,y\n', /header of rows\.csv has "question" twice/],
  ['question,\nx,y\n', /has no name for column 2/],
  ['question,a\rx,y\r', /has a line end in a name/],
  ['question,a\nx,y\n"x,y\n', /from line 3 on: a quote is opened, and closed nowhere/],
  ['question,a\nx,"y"z\n', /from line 2 on: something stands between a closing quote and the next ,/],
  ['question,a\nx,y "z"\n', /from line 2 on: a double quote stands in a cell/],
  [Buffer.from('question\nDann kam M\xfcller\n', 'latin1'), /is not UTF-8/],
  [Buffer.from('question\nDann kam M\xfc', 'latin1'), /is not UTF-8/],
])('%j is no table', async (content, message) => {
  expect((await refusal(content)).message).toMatch(message);
});

test('JSONL: lines that are no rows', async () => {
  expect(told(await prepare(Buffer.from('{"question": 1\n[1]\n"x"\n{"question": "\xfc"}\n', 'latin1'), {}, 'rows.jsonl'))).toEqual(['1/1: Not JSON.', '2/2: JSON, but no object.', '3/3: JSON, but no object.', '4/4: Not valid UTF-8.']);
});

test('params that cannot be', async () => {
  const rows = 'question\nx\n';
  expect(await refusal(rows, { params: [] })).toMatchObject({ code: 'bad_params', message: expect.stringContaining('no') });
  expect(await refusal(rows, { params: { messages: [] } })).toMatchObject({ code: 'bad_params', message: expect.stringContaining('messages') });
  expect(await refusal(rows, { model: undefined })).toMatchObject({ code: 'bad_params', hint: expect.stringContaining('--model') });
  expect(await refusal(rows, { maxTokens: undefined, params: { max_tokens: 0 } })).toMatchObject({ code: 'bad_params', hint: expect.stringContaining('--max-tokens') });
  expect((await prepare(rows, { model: undefined, maxTokens: undefined, params: { model: 'p', max_tokens: 3 } })).lines[0]?.params).toMatchObject({ model: 'p', max_tokens: 3 });
});

test('a missing file, and a folder', async () => {
  const scratch = await ScratchFile.open(join(folder, 'requests.jsonl'));
  const options = { model: 'm', maxTokens: 1, prompt: 'x' };
  await expect(prepareRequests(join(folder, 'none.csv'), scratch, options)).rejects.toMatchObject({ code: 'input_not_found' });
  await expect(prepareRequests(folder, scratch, options)).rejects.toMatchObject({ code: 'input_not_a_file', hint: 'Name a file of rows: CSV, TSV or JSONL, plain or .gz.' });
  await scratch.discard();
});
