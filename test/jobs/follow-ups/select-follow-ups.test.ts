import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type FollowUpFilter, type FollowUpInput, type FollowUpSliceInput, followUpWorkflowId } from '../../../src/contract';
import { followUpFiles, partFolder, readReference, readStoredRequest, recordEnds } from '../../../src/jobs';
import { useFolder } from '../../storage/helpers';
import { closePart, closePartIn, errored, expired, linesOfFile, plannedJob, requestLine, requestLines, succeeded } from '../helpers';
import { listed, select, selectedIds } from './helpers';

const folder = useFolder();

/** A result with a message of this content. */
const answered = (customId: string, message: object) => JSON.stringify({ custom_id: customId, result: { type: 'succeeded', message: { ...message, usage: { input_tokens: 1, output_tokens: 1 } } } });
const json = async (reference: { uri: string; offset?: number; length?: number }) => JSON.parse((await readReference(reference)).toString()) as unknown;

it('tells by reference where result and request lie, in the order of the input and under the input’s own ids', async () => {
  const lines = [requestLine('é 1', 'Hi', { k: 1 }), requestLine('b'), ' {"params":{"n":1}} ', '{"custom_id":4.0,"params":{}}'];
  const { work, plan } = await plannedJob(folder.path, lines, { ids: 'generate' });
  const results = [succeeded('generated-4'), succeeded('generated-1'), errored('b'), succeeded('generated-3')];
  await closePart(work, plan, 1, results);
  const [shard, ...others] = await select(work, 4);
  expect(others).toEqual([]);
  const inputs = (await listed(partFolder(work, 1, 1), shard!)).lines as FollowUpInput[];
  expect(inputs.map(({ customId, metadata, jobId, activityTaskQueue, outcome }) => [customId, metadata, jobId, activityTaskQueue, outcome])).toEqual([
    ['é 1', { k: 1 }, 'j', 'files', 'succeeded'],
    ['generated-3', {}, 'j', 'files', 'succeeded'],
    ['4.0', {}, 'j', 'files', 'succeeded'],
  ]);
  expect(await Promise.all(inputs.map(({ result }) => json(result)))).toEqual([results[1], results[3], results[0]].map((line) => JSON.parse(line!) as unknown));
  expect(await Promise.all(inputs.map(({ request, customId }) => readStoredRequest(request!, customId)))).toEqual([
    { custom_id: 'é 1', params: (JSON.parse(lines[0]!) as { params: unknown }).params, metadata: { k: 1 } },
    { custom_id: 'generated-3', params: { n: 1 } },
    { custom_id: '4.0', params: {} },
  ]);
});

it('is for the outcomes that are asked for, and leaves out what is sent again', async () => {
  const { work, plan } = await plannedJob(folder.path, requestLines(4));
  await closePart(work, plan, 1, [expired('q-0'), errored('q-1'), errored('q-2', 'overloaded_error'), succeeded('q-3')]);
  expect(await selectedIds(work, 4)).toEqual(['q-3']);
  expect(await selectedIds(work, 4, { options: { on: ['errored', 'expired'] } })).toEqual(['q-0', 'q-1', 'q-2']);
  expect(await selectedIds(work, 4, { options: { on: ['errored', 'expired'] }, withoutRetryable: true })).toEqual(['q-1']);
});

describe('a filter', () => {
  const RESULTS: [string, object][] = [
    ['a', { stop_reason: 'end_turn', content: [{ type: 'text', text: 'Hello' }] }],
    ['b', { stop_reason: 'max_tokens', content: [{ type: 'tool_use', input: { x: [1, { y: -0 }] } }] }],
    ['c', { stop_reason: null, content: [], 'a/b~c': 'odd' }],
    ['d', { content: [{ type: 'text', text: 'stop_reason' }] }],
  ];
  const METADATA = [{ topic: 'news', n: 1 }, { topic: { deep: [1, 2] }, n: null }, undefined, { n: 1 }];

  const passing = async (where: FollowUpFilter) => {
    const { work, plan } = await plannedJob(folder.path, RESULTS.map(([id], i) => requestLine(id, 'Hi', METADATA[i])));
    await closePart(work, plan, 1, [3, 0, 2, 1].map((i) => answered(...RESULTS[i]!)));
    return (await selectedIds(work, 4, { options: { where } })).join('');
  };

  it.each<[FollowUpFilter, string]>([
    [{}, 'abcd'],
    [{ stopReason: 'max_tokens' }, 'b'],
    [{ stopReason: ['max_tokens', 'end_turn'] }, 'ab'],
    [{ pointer: '/custom_id', equals: 'c' }, 'c'],
    [{ pointer: '/metadata' }, 'abd'],
    [{ pointer: '/metadata/topic' }, 'ab'],
    [{ pointer: '/metadata/topic', equals: { deep: [1, 2] } }, 'b'],
    [{ pointer: '/metadata/topic', equals: { deep: [2, 1] } }, ''],
    [{ pointer: '/metadata/n', equals: null }, 'b'],
    [{ pointer: '/metadata/n', equals: 1, stopReason: 'end_turn' }, 'a'],
    [{ pointer: '/result/message/content/0/type', equals: 'text' }, 'ad'],
    [{ pointer: '/result/message/content/00/type', equals: 'text' }, ''],
    [{ pointer: '/result/message/content/-' }, ''],
    [{ pointer: '/result/message/content/length' }, ''],
    [{ pointer: '/result/message/content/0/input/x/1/y', equals: 0 }, 'b'],
    [{ pointer: '/result/message/content', equals: [] }, 'c'],
    [{ pointer: '/result/message/stop_reason', equals: null }, 'c'],
    [{ pointer: '/result/message/a~1b~0c', equals: 'odd' }, 'c'],
    [{ pointer: '/result/message/constructor' }, ''],
    [{ pointer: '/metadata/__proto__/toString' }, ''],
    [{ pointer: '/result/type/length' }, ''],
  ])('%j passes %j', async (where, expected) => {
    expect(await passing(where)).toBe(expected);
  });

  it('does not let pass a result that was counted although it is no JSON throughout', async () => {
    const { work, plan } = await plannedJob(folder.path, [requestLine('a'), requestLine('b')]);
    const result = (id: string, text: string) => `{"custom_id":"${id}","result":{"type":"succeeded","message":{"model":"m","content":[{"type":"text","text":"${text}"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}}}`;
    await closePart(work, plan, 1, [result('a', 'a raw\ttab'), result('b', 'none')]);
    expect(await selectedIds(work, 2)).toEqual(['a', 'b']);
    expect(await selectedIds(work, 2, { options: { where: { stopReason: 'end_turn' } } })).toEqual(['b']);
  });

  it('does not look into results where it is not about them', async () => {
    const { work, plan } = await plannedJob(folder.path, [requestLine('a', 'Hi', { n: 1 })]);
    await closePart(work, plan, 1, [answered('a', {})]);
    const { segments } = partFolder(work, 1, 1);
    const [name] = readdirSync(segments);
    const path = `${segments}/${name}`;
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"', "'"));
    expect(await selectedIds(work, 1, { options: { where: { pointer: '/metadata/n' } } })).toEqual(['a']);
    await expect(selectedIds(work, 1, { options: { where: { pointer: '/result' } } })).rejects.toThrow(SyntaxError);
  });
});

it('makes slices of results, which lie in a file beside the list', async () => {
  const { work, plan } = await plannedJob(folder.path, requestLines(7));
  await closePart(work, plan, 1, requestLines(7).map((_, i) => succeeded(`q-${i}`)));
  const [shard] = await select(work, 7, { options: { per: 3 } });
  const slices = (await listed(partFolder(work, 1, 1), shard!)).lines as FollowUpSliceInput[];
  expect(slices.map(({ slice, count, jobId, round, part }) => [slice, count, jobId, round, part])).toEqual([[1, 3, 'j', 1, 1], [2, 3, 'j', 1, 1], [3, 1, 'j', 1, 1]]);
  const ids = await Promise.all(slices.map(async ({ results }) => (await readReference(results)).toString().trimEnd().split('\n').map((line) => (JSON.parse(line) as FollowUpInput).customId)));
  expect(ids).toEqual([['q-0', 'q-1', 'q-2'], ['q-3', 'q-4', 'q-5'], ['q-6']]);
});

it('cuts shards of 1,000 follow-ups, and of no more than 2 MB that these are started with', async () => {
  const { work, plan } = await plannedJob(folder.path, requestLines(2_500));
  await closePart(work, plan, 1, requestLines(2_500).map((_, i) => succeeded(`q-${i}`)));
  expect((await select(work, 2_500)).map(({ count }) => count)).toEqual([1_000, 1_000, 500]);
  const args = ['x'.repeat(20_000)];
  const shards = await select(work, 2_500, { options: { args } });
  for (const { length, count } of shards) expect(length + count * 20_004).toBeLessThanOrEqual(2_000_000);
  expect(Math.max(...shards.map(({ count }) => count))).toBeGreaterThan(90);
  const ids = [];
  for (const shard of shards) ids.push(...(await listed(partFolder(work, 1, 1), shard)).lines.map((line) => (line as FollowUpInput).customId));
  expect(ids).toEqual(requestLines(2_500).map((_, i) => `q-${i}`));
});

it('leaves a list alone that is there, and makes it again where it is gone or of other results', async () => {
  const { work, plan } = await plannedJob(folder.path, requestLines(3));
  await closePart(work, plan, 1, [succeeded('q-2'), succeeded('q-0')]);
  const first = await select(work, 3);
  const { list } = followUpFiles(partFolder(work, 1, 1));
  const bytes = readFileSync(list);
  // As long as it was: nobody writes it anew.
  writeFileSync(list, Buffer.alloc(bytes.length, 'x'));
  expect(await select(work, 3)).toEqual(first);
  expect(readFileSync(list)).toEqual(Buffer.alloc(bytes.length, 'x'));
  await expect(listed(partFolder(work, 1, 1), first[0]!)).rejects.toMatchObject({ code: 'changed', path: list });
  rmSync(list);
  expect(await select(work, 3)).toEqual(first);
  expect(readFileSync(list)).toEqual(bytes);
  await closePart(work, plan, 1, [succeeded('q-1')]);
  expect(await selectedIds(work, 3)).toEqual(['q-0', 'q-1', 'q-2']);
});

it('takes no end on record of another batch for its own: the ids of follow-ups are the same', async () => {
  const { work } = await plannedJob(folder.path, requestLines(2));
  const results = [succeeded('q-0'), succeeded('q-1')];
  await closePartIn(work, 1, 1, 2, results);
  const place = partFolder(work, 1, 1);
  const [first] = await select(work, 2);
  await recordEnds(place, '1-r-1', [{ workflowId: followUpWorkflowId('j', 1, 'q-0'), status: 'completed' }]);
  expect(await select(work, 2)).toEqual([first]);
  expect(await listed(place, first!, true)).toMatchObject({ lines: [{ customId: 'q-1' }], succeeded: 1 });
  await closePartIn(work, 1, 1, 2, results, 'msgbatch_2');
  const [anew] = await select(work, 2);
  expect(await listed(place, anew!, true)).toMatchObject({ lines: [{ customId: 'q-0' }, { customId: 'q-1' }], succeeded: 0 });
});

it('of two at once writes the same list', async () => {
  const { work, plan } = await plannedJob(folder.path, requestLines(2_000));
  await closePart(work, plan, 1, requestLines(2_000).map((_, i) => succeeded(`q-${i}`)));
  const [one, two] = await Promise.all([select(work, 2_000), select(work, 2_000)]);
  expect(one).toEqual(two);
  expect(linesOfFile(followUpFiles(partFolder(work, 1, 1)).list)).toHaveLength(2_000);
});

it('names a list and stored results that are gone', async () => {
  const { work, plan } = await plannedJob(folder.path, requestLines(1));
  await closePart(work, plan, 1, [succeeded('q-0')]);
  const [shard] = await select(work, 1);
  const place = partFolder(work, 1, 1);
  const input = (await listed(place, shard!)).lines[0] as FollowUpInput;
  rmSync(place.folder, { recursive: true });
  await expect(listed(place, shard!)).rejects.toMatchObject({ code: 'changed', message: expect.stringContaining('does not exist'), hint: expect.stringContaining('the outputs of the job then hold its results') });
  await expect(readReference(input.result)).rejects.toMatchObject({ code: 'changed' });
  await expect(readStoredRequest(input.request!)).rejects.toMatchObject({ code: 'changed' });
  await expect(select(work, 1)).rejects.toMatchObject({ code: 'changed' });
});
