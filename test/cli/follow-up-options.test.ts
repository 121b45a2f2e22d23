/** What is typed of follow-ups, as a job is started with it; and what is refused before anything is sent. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { addFollowUpOptions, addFollowUpOverride, mustBeServed, typedFollowUp, typedOverride } from '../../src/cli/follow-up-options';
import type { FollowUpFlags } from '../../src/cli/follow-up-options';
import type { FollowUpOptions } from '../../src/contract';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-follow-up-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

function flags(...args: string[]): FollowUpFlags {
  const command = addFollowUpOptions(new Command('run')).exitOverride().configureOutput({ outputError: () => undefined });
  return command.parse(args, { from: 'user' }).opts<FollowUpFlags>();
}

const typed = (...args: string[]) => typedFollowUp(flags(...args));

test('all that is typed', async () => {
  expect(await typed()).toBeUndefined();
  expect(await typed('--follow-up', 'gradeAnswer')).toEqual({ workflow: 'gradeAnswer', on: ['succeeded'] });
  expect(
    await typed('--follow-up', 'GradeAnswer@grading', '--follow-up-on', 'succeeded, errored', '--follow-up-where', 'stop_reason=end_turn,max_tokens', '--follow-up-where', '/metadata/topic=history', '--follow-up-window', '500', '--follow-up-per', '1000', '--follow-up-args', '["a", {"b": 1}]'),
  ).toEqual({ workflow: 'GradeAnswer', taskQueue: 'grading', on: ['succeeded', 'errored'], where: { stopReason: ['end_turn', 'max_tokens'], pointer: '/metadata/topic', equals: 'history' }, window: 500, per: 1000, args: ['a', { b: 1 }] });
  expect(await typed('--follow-up', 'a@message-batches@0123', '--follow-up-per', 'result')).toEqual({ workflow: 'a', taskQueue: 'message-batches@0123', on: ['succeeded'], per: 'result' });
});

test.each([
  ['stop_reason=end_turn', { stopReason: 'end_turn' }],
  ['stop_reason=something_new', { stopReason: 'something_new' }],
  ['/metadata/topic', { pointer: '/metadata/topic' }],
  ['/metadata/level=7', { pointer: '/metadata/level', equals: 7 }],
  ['/metadata/level="7"', { pointer: '/metadata/level', equals: '7' }],
  ['/metadata/level=', { pointer: '/metadata/level', equals: '' }],
  ['/metadata/equation=a=b', { pointer: '/metadata/equation', equals: 'a=b' }],
  ['/metadata/of={"a":[1,null]}', { pointer: '/metadata/of', equals: { a: [1, null] } }],
  ['/metadata/done=null', { pointer: '/metadata/done', equals: null }],
  ['/result/message/content/0/type=text', { pointer: '/result/message/content/0/type', equals: 'text' }],
])('the condition %s', async (condition, where) => {
  expect((await typed('--follow-up', 'x', '--follow-up-where', condition))?.where).toEqual(where);
});

test.each([
  [['--follow-up', '@queue'], /TYPE or TYPE@QUEUE/],
  [['--follow-up', 'type@'], /TYPE or TYPE@QUEUE/],
  [['--follow-up-where', 'topic=history'], /Write stop_reason=end_turn,max_tokens, or a JSON pointer and a value/],
  [['--follow-up-where', 'stop_reason'], /Write stop_reason=/],
  [['--follow-up-where', 'stop_reason='], /Write one stop_reason or more/],
  [['--follow-up-where', 'stop_reason=end_trun'], /Did you mean end_turn\?/],
  [['--follow-up-where', 'stop_reason=end_turn', '--follow-up-where', 'stop_reason=max_tokens'], /in one condition, as in stop_reason=end_turn,max_tokens/],
  [['--follow-up-where', '/metadata/a', '--follow-up-where', '/metadata/b=1'], /One pointer can be looked at, and \/metadata\/a is one already/],
  [['--follow-up-where', '/topic=history'], /begins with \/custom_id or \/result or \/metadata/],
  [['--follow-up-window', '501'], /from 1 to 500/],
  [['--follow-up-window', '0'], /from 1 to 500/],
  [['--follow-up-per', '1001'], /from 1 to 1000/],
  [['--follow-up-per', 'slice'], /Write result, .* a number from 1 to 1000/],
  [['--follow-up-window', 'all'], /Write a number from 1 to 500/],
  [['--follow-up-on', 'unsent'], /Choose among succeeded, errored, canceled, expired/],
  [['--follow-up-qeue', 'x'], /unknown option/],
])('%j is told what is wrong', (args, message) => {
  expect(() => flags(...args)).toThrow(message);
});

test.each([
  [['--follow-up-on', 'errored'], /^--follow-up-on says for which outcomes, but not which workflow/],
  [['--follow-up-where', '/metadata'], /^--follow-up-where says/],
  [['--follow-up-window', '5'], /^--follow-up-window says/],
  [['--follow-up-per', '5'], /^--follow-up-per says/],
  [['--follow-up-args', '[]'], /^--follow-up-args says/],
  [['--follow-up', 'x', '--follow-up-args', 'text'], /^What --follow-up-args gives is no JSON/],
  [['--follow-up', 'x', '--follow-up-args', `["${'x'.repeat(65_536)}"]`], /has 65540 bytes as JSON; at most 65536/],
  [['--follow-up', 'x', '--follow-up-on', 'errored', '--follow-up-where', 'stop_reason=end_turn'], /^Only results that succeeded have a stop_reason/],
  [['--check-schema', 'x', '--follow-up', 'y'], /cannot be combined with --follow-up\./],
  [['--check-schema', 'x', '--follow-up-args', '1'], /cannot be combined with --follow-up-args/],
  [['--check-schema', '/nowhere/schema.json'], /ENOENT/],
])('%j is refused before anything is sent', async (args, message) => {
  await expect(typed(...args)).rejects.toThrow(message);
});

test('arguments: an array, one value, or those of a file', async () => {
  const args = async (text: string) => (await typed('--follow-up', 'x', '--follow-up-args', text))?.args;
  expect(await args('[1, "two"]')).toEqual([1, 'two']);
  expect(await args('{"limit": 3}')).toEqual([{ limit: 3 }]);
  expect(await args('"text"')).toEqual(['text']);
  expect(await args(`@${await file('args.json', '[{"a": [1]}]\n')}`)).toEqual([{ a: [1] }]);
  await expect(args(`@${await file('broken.json', '{"a":')}`)).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(/broken\.json is no JSON/), hint: expect.stringContaining('Mend the file') });
});

test('--check-schema is the ready-made follow-up with the schema of a file', async () => {
  const schema = { type: 'object', required: ['answer'], properties: { answer: { type: 'string' } } };
  expect(await typed('--check-schema', await file('schema.json', JSON.stringify(schema, null, 2)), '--follow-up-window', '100')).toEqual({ workflow: 'checkJsonAnswer', on: ['succeeded'], window: 100, args: [{ schema }] });
  expect(await typed('--check-schema', join(folder, 'schema.json'), '--follow-up-per', '5')).toEqual({ workflow: 'checkJsonAnswersOfSlice', on: ['succeeded'], per: 5, args: [{ schema }] });
  await expect(typed('--check-schema', await file('list.json', '[{}]'))).rejects.toMatchObject({ code: 'schema_invalid', message: expect.stringMatching(/must be a JSON object/) });
  await expect(typed('--check-schema', await file('large.json', JSON.stringify({ description: 'x'.repeat(70_000) })))).rejects.toThrow(/What --check-schema gives .* at most 65536/);
});

test('a type that the worker of the command does not have needs a queue', () => {
  expect(() => mustBeServed({ workflow: 'checkJsonAnswer' })).not.toThrow();
  expect(() => mustBeServed({ workflow: 'gradeAnswer', taskQueue: 'message-batches' })).not.toThrow();
  expect(() => mustBeServed({ workflow: 'gradeAnswer' })).toThrow(expect.objectContaining({ code: 'follow_up_without_queue', hint: expect.stringContaining('--follow-up gradeAnswer@QUEUE') }));
  expect(() => mustBeServed({ workflow: 'checkJsonAnswr' })).toThrow('did you mean checkJsonAnswer?');
});

test('in place of what follow-ups of an ended job were started with', async () => {
  const own: FollowUpOptions = { workflow: 'gradeAnswer', taskQueue: 'grading', args: [1] };
  const override = (options: FollowUpOptions, ...args: string[]) => {
    const command = addFollowUpOverride(new Command('retry-follow-ups')).exitOverride().configureOutput({ outputError: () => undefined });
    return typedOverride(command.parse(args, { from: 'user' }).opts<FollowUpFlags>(), options, 'ours');
  };
  expect(await override(own)).toBeUndefined();
  expect(await override(own, '--follow-up', 'gradeBetter')).toEqual({ workflow: 'gradeBetter' });
  expect(await override(own, '--follow-up-args', '[2]')).toEqual({ args: [2] });
  const schema = await file('override.json', '{"type": "object"}');
  const args = [{ schema: { type: 'object' } }];
  // Who grades need not check: that is the product's own worker's.
  expect(await override(own, '--check-schema', schema)).toEqual({ workflow: 'checkJsonAnswer', taskQueue: 'ours', args });
  expect(await override({ ...own, per: 10 }, '--check-schema', schema)).toEqual({ workflow: 'checkJsonAnswersOfSlice', taskQueue: 'ours', args });
  expect(await override({ workflow: 'checkJsonAnswer', taskQueue: 'checking', args: [{ schema: {} }] }, '--check-schema', schema)).toEqual({ workflow: 'checkJsonAnswer', args });
  await expect(override(own, '--check-schema', schema, '--follow-up', 'x')).rejects.toThrow(/cannot be combined with --follow-up/);
  await expect(override(own, '--check-schema', await file('override-bad.json', '{"tpye": "object"}'))).rejects.toMatchObject({ code: 'bad_schema', message: expect.stringMatching(/override-bad\.json cannot be used: strict mode: unknown keyword: "tpye"\.$/), hint: 'Nothing was run. Mend the file, then run the same command again.' });
  await expect(override({ workflow: 'checkJsonAnswer', args }, '--follow-up-args', '[{"schema": 1}]')).rejects.toMatchObject({ code: 'bad_schema', hint: expect.stringMatching(/^Nothing was run\. Mend what --follow-up-args gives/) });
  await expect(override({ ...own, per: 10 }, '--follow-up', 'checkJsonAnswer')).rejects.toMatchObject({ code: 'bad_follow_up' });
  await expect(override(own, '--follow-up', 'batchWorkflow')).rejects.toMatchObject({ code: 'usage', hint: 'Nothing was run.' });
  await expect(override(own, '--follow-up-args', '[1,')).rejects.toMatchObject({ code: 'usage', hint: expect.stringMatching(/^Nothing was run\. Write/) });
  await expect(override(own, '--check-schema', await file('override-list.json', '[]'))).rejects.toMatchObject({ code: 'schema_invalid', hint: expect.stringMatching(/^Nothing was run\./) });
});

test('a folder in the place of a file is named', async () => {
  await expect(typed('--check-schema', folder)).rejects.toMatchObject({ code: 'EISDIR', path: folder });
  await expect(typed('--follow-up', 'x', '--follow-up-args', `@${folder}`)).rejects.toMatchObject({ code: 'EISDIR', path: folder });
});
