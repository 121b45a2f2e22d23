/** Any table that a CSV library writes, or JSONL of the same rows: each prompt is the template filled with its row. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { prepareRequests } from '../../../src/jobs/prepare';
import type { RowFormat } from '../../../src/jobs/prepare';
import { readLines, ScratchFile } from '../../../src/storage';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'message-batches-prepare-'))));
afterAll(() => rm(folder, { recursive: true }));

const name = fc.stringMatching(/^[\p{L}\d_ -]{1,12}$/u).filter((text) => text.trim() === text);
const cell = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.stringMatching(/^[",;\n\r\t 'a{}]{0,12}$/));
const table = fc.uniqueArray(name, { minLength: 1, maxLength: 5 }).chain((columns) =>
  fc.record({
    columns: fc.constant(columns),
    rows: fc.array(fc.array(cell, { minLength: columns.length, maxLength: columns.length }), { minLength: 1, maxLength: 30 }),
    // The prompt is never empty: it begins with a text.
    pieces: fc.array(fc.record({ text: fc.string().filter((text) => !/[{}]/.test(text)), column: fc.nat(columns.length - 1) }), { maxLength: 4 }),
  }),
);

async function promptsOf(content: string, format: RowFormat, prompt: string, columns: string[], delimiter?: string) {
  const path = join(folder, 'rows');
  await writeFile(path, content);
  const scratch = await ScratchFile.open(join(folder, 'requests.jsonl'));
  try {
    const prepared = await prepareRequests(path, scratch, { format, delimiter, model: 'm', maxTokens: 9, prompt, metadata: columns, missing: 'empty' });
    expect(prepared.problems).toEqual([]);
    const found: { custom_id: string; params: { messages: unknown }; metadata: object }[] = [];
    for await (const lines of readLines(scratch.path)) found.push(...lines.map(({ bytes }) => JSON.parse(bytes.toString()) as (typeof found)[number]));
    return found;
  } finally {
    await scratch.discard();
  }
}

test('prompts are the template filled with the row, whatever stands in the cells', async () => {
  await fc.assert(
    fc.asyncProperty(table, fc.constantFrom(',', ';', '\t', '|'), fc.constantFrom('\n', '\r\n'), fc.boolean(), async ({ columns, rows, pieces }, delimiter, lineEnd, bom) => {
      const prompt = `Q:${pieces.map(({ text, column }) => `${text}{{ ${columns[column]} }}`).join('')}`;
      const expected = rows.map((row, index) => ({
        custom_id: `row-${index + 1}`,
        params: { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: `Q:${pieces.map(({ text, column }) => text + row[column]).join('')}` }] },
        metadata: Object.fromEntries(columns.map((column, at) => [column, row[at]])),
      }));
      // The library quotes the line end that it writes; of a blank line nobody knows whether it is a row.
      const csv = stringify([columns, ...rows], { delimiter, record_delimiter: lineEnd, quoted_match: /[\r\n]/, quoted_empty: true, bom });
      expect(await promptsOf(csv, 'csv', prompt, columns, delimiter)).toEqual(expected);
      const jsonl = rows.map((row) => JSON.stringify(Object.fromEntries(columns.map((column, at) => [column, row[at]])))).join('\n');
      expect(await promptsOf(jsonl, 'jsonl', prompt, columns)).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});
