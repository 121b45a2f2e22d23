import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRequest, readResult, sliceResults, type FollowUpInput, type FollowUpSliceInput } from '../../src/follow-up/activity';

const ROOT = join(__dirname, '..', '..');
let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'message-batches-slice-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Results stand in two files, in another order than on the list. */
async function slice(name: string, count: number): Promise<{ input: FollowUpSliceInput; inputs: FollowUpInput[]; lines: string[] }> {
  const requests = join(folder, `${name}-requests.jsonl`);
  const request = JSON.stringify({ custom_id: 'q-0', params: { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'Hé?' }] } });
  await writeFile(requests, `${request}\n`);
  const lines = Array.from({ length: count }, (_, n) => JSON.stringify({ custom_id: `q-${n}`, result: { type: 'succeeded', message: { content: [{ type: 'text', text: `é${n}${'x'.repeat(n % 7)}` }] } } }));
  const inputs: FollowUpInput[] = [];
  for (const half of [0, 1]) {
    const path = join(folder, `${name}-${half}.segment`);
    let offset = 0;
    const mine = [...lines.keys()].filter((n) => n % 2 === half).reverse();
    for (const n of mine) {
      const length = Buffer.byteLength(lines[n]!);
      inputs[n] = { jobId: 'j', round: 1, part: 1, customId: `q-${n}`, outcome: 'succeeded', metadata: { n }, result: { uri: path, offset, length }, activityTaskQueue: 'q', ...(n === 0 && { request: { uri: requests, offset: 0, length: Buffer.byteLength(request) } }) };
      offset += length + 1;
    }
    await writeFile(path, mine.map((n) => `${lines[n]}\n`).join(''));
  }
  const list = join(folder, `${name}-list.jsonl`);
  const text = inputs.map((input) => `${JSON.stringify(input)}\n`).join('');
  const before = 'another slice\n';
  await writeFile(list, `${before}${text}another slice\n`);
  return { inputs, lines, input: { jobId: 'j', round: 1, part: 1, slice: 1, count, results: { uri: list, offset: before.length, length: Buffer.byteLength(text) }, activityTaskQueue: 'q' } };
}

test('a slice is read in the order of its list, byte for byte, with few reads', async () => {
  const { input, lines } = await slice('order', 1_000);
  const probe = await open(input.results.uri);
  const reads = jest.spyOn(Object.getPrototypeOf(probe) as { read: () => unknown }, 'read');
  await probe.close();
  const seen: [string, string, unknown][] = [];
  for await (const { customId, line, metadata, outcome } of sliceResults(input)) {
    seen.push([customId, line.toString(), metadata]);
    expect(outcome).toBe('succeeded');
  }
  expect(seen).toEqual(lines.map((line, n) => [`q-${n}`, line, { n }]));
  expect(reads.mock.calls.length).toBeLessThan(30);
  reads.mockRestore();
});

test('a result and a request are read by themselves; a request that is gone says so', async () => {
  const { inputs } = await slice('single', 2);
  const { result, request } = await readResult(inputs[0]!);
  expect(result).toMatchObject({ type: 'succeeded', message: { content: [{ text: 'é0' }] } });
  expect(await request()).toMatchObject({ custom_id: 'q-0', params: { messages: [{ content: 'Hé?' }] } });
  await expect(readRequest(inputs[1]!)).rejects.toMatchObject({ name: 'FollowUpDataError', code: 'changed', message: expect.stringContaining('The request q-1 of job j is not kept any more.') });
});

test('what is gone or shorter or another is an error that says what to do', async () => {
  const { input, inputs } = await slice('gone', 3);
  const all = async (of: FollowUpSliceInput) => {
    for await (const { customId } of sliceResults(of)) expect(customId).toMatch(/^q-/);
  };
  await expect(all({ ...input, results: { ...input.results, uri: join(folder, 'none') } })).rejects.toMatchObject({ name: 'FollowUpDataError', message: expect.stringMatching(/does not exist\. Working data is removed when its job has ended/) });
  await expect(all({ ...input, count: 4 })).rejects.toThrow('lists 3 results of slice 1.1.1, which has 4');
  await expect(readResult({ ...inputs[0]!, outcome: 'errored' })).rejects.toThrow('There is no errored result of q-0');
  await writeFile(inputs[0]!.result.uri, 'short');
  await expect(all(input)).rejects.toThrow('has become shorter');
});

test('a signal stops the reading with its reason; what the caller throws stays as it is', async () => {
  const { input } = await slice('stopped', 600);
  const abort = new AbortController();
  const reason = new Error('enough');
  const reading = async () => {
    for await (const { customId } of sliceResults(input, { signal: abort.signal })) if (customId === 'q-3') abort.abort(reason);
  };
  await expect(reading()).rejects.toBe(reason);
});

test('it loads neither Temporal nor a JSON schema compiler', () => {
  const script = `require(${JSON.stringify(join(ROOT, 'src/follow-up/activity/index.ts'))}); console.log(JSON.stringify(Object.keys(require.cache)));`;
  const paths = JSON.parse(execFileSync(process.execPath, ['-r', join(ROOT, 'test/support/typescript-hook.js'), '-e', script], { encoding: 'utf8' })) as string[];
  expect(paths.filter((path) => /node_modules\/(@temporalio|ajv)/.test(path))).toEqual([]);
  expect(paths.filter((path) => path.includes('/src/jobs/follow-ups/'))).not.toEqual([]);
});
