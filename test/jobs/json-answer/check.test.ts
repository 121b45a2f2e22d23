import { Script } from 'node:vm';
import { checkAnswer, type JsonAnswerCheck } from '../../../src/jobs';

const SCHEMA = { type: 'object', properties: { grade: { type: 'integer', minimum: 1, maximum: 6 }, on: { type: 'string', format: 'date' } }, required: ['grade'], additionalProperties: false };

const succeeded = (content: unknown[], stopReason = 'end_turn') => ({ type: 'succeeded', message: { content, stop_reason: stopReason } }) as unknown as Parameters<typeof checkAnswer>[0];
const ofText = (text: string, stopReason?: string) => succeeded([{ type: 'text', text }], stopReason);
const check = (result: Parameters<typeof checkAnswer>[0], schema: Record<string, unknown> = SCHEMA, at?: JsonAnswerCheck['at']) => checkAnswer(result, { schema, at });

test.each([
  ['as it is', '{"grade": 3}'],
  ['in a code block', 'Here it is:\n\n```json\n{\n  "grade": 3\n}\n```\nAnything else?'],
  ['in the second code block', '```\nno JSON\n```\n~~~\n{"grade": 3}\n~~~'],
])('an answer is found %s', (_, text) => {
  expect(check(ofText(text))).toEqual({ valid: true, value: { grade: 3 } });
});

test('errors say where in the answer and what, the first ten of them', () => {
  expect(check(ofText('{"grade": 9, "on": "today"}'))).toEqual({
    valid: false,
    reason: 'schema',
    errors: [
      { path: '/grade', message: 'must be <= 6' },
      { path: '/on', message: 'must match format "date"' },
    ],
  });
  const many = check(ofText(JSON.stringify(Array.from({ length: 50 }, () => 'x'))), { type: 'array', items: { type: 'number' } });
  expect(many).toMatchObject({ valid: false, reason: 'schema', errors: { length: 10 } });
});

test('the input of a tool is checked where the message stopped for it, or where it is asked for', () => {
  const content = [{ type: 'text', text: 'I grade.' }, { type: 'tool_use', name: 'other', input: {} }, { type: 'tool_use', name: 'grade', input: { grade: 2 } }];
  expect(check(succeeded(content, 'tool_use'))).toMatchObject({ valid: false, reason: 'schema' });
  expect(check(succeeded(content, 'tool_use'), SCHEMA, { tool: 'grade' })).toEqual({ valid: true, value: { grade: 2 } });
  expect(check(succeeded(content), SCHEMA, { tool: 'none' })).toMatchObject({ valid: false, reason: 'no_tool_use' });
  // As other languages write what is not given.
  expect(check(ofText('{"grade": 3}'), SCHEMA, null as unknown as undefined)).toMatchObject({ valid: true });
});

test.each([
  ['not_json', ofText('grade: 3')],
  ['no_text', succeeded([])],
  ['no_text', { type: 'succeeded', message: {} } as unknown as Parameters<typeof checkAnswer>[0]],
  ['refusal', ofText('No.', 'refusal')],
  ['max_tokens', ofText('{"grade": ', 'max_tokens')],
  ['expired', { type: 'expired' } as const],
])('%s is a reason', (reason, result) => {
  expect(check(result)).toMatchObject({ valid: false, reason, errors: [{ path: '' }] });
});

test('a large answer is valid without its value', () => {
  expect(check(ofText(JSON.stringify({ text: 'x'.repeat(5_000) })), { type: 'object' })).toEqual({ valid: true });
});

test('a regular expression that takes for ever is ended, and the next check works', () => {
  const evil = { type: 'string', pattern: '^(a+)+$' };
  expect(check(ofText(JSON.stringify(`${'a'.repeat(60)}!`)), evil)).toMatchObject({ valid: false, reason: 'not_checked' });
  expect(check(ofText('"aaa"'), evil)).toEqual({ valid: true, value: 'aaa' });
});

test('a check within which the process stands still is made once more, and counts for nothing', () => {
  const schema = { type: 'string', pattern: '^c+$' };
  expect(check(ofText('"c"'), schema)).toMatchObject({ valid: true });
  const { runInContext } = Script.prototype;
  // One more than run out of time before the others are left out.
  for (let n = 0; n < 4; n++) {
    const runs = jest.spyOn(Script.prototype, 'runInContext').mockImplementationOnce(function (this: Script, context, options) {
      const run = context['run'] as () => unknown;
      context['run'] = () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
        return run();
      };
      return runInContext.call(this, context, options) as unknown;
    });
    expect(check(ofText('"cc"'), schema)).toEqual({ valid: true, value: 'cc' });
    expect(runs).toHaveBeenCalledTimes(2);
    runs.mockRestore();
  }
});

test('after three that ran out of time the others of that schema are left out for a minute, and those of no other', () => {
  const evil = { type: 'string', pattern: '^(b+)+$' };
  const hostile = ofText(JSON.stringify(`${'b'.repeat(60)}!`));
  const now = jest.spyOn(Date, 'now').mockReturnValue(1_000_000);
  for (let n = 0; n < 3; n++) expect(check(hostile, evil)).toEqual({ valid: false, reason: 'not_checked', errors: [{ path: '', message: 'Checking it takes longer than 250 ms.' }] });
  const leftOut = { valid: false, reason: 'not_checked', errors: [{ path: '', message: expect.stringContaining('this one was left out') }] };
  const begun = performance.now();
  for (let n = 0; n < 100; n++) expect(check(n % 2 ? hostile : ofText('"bbb"'), evil)).toEqual(leftOut);
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(check(ofText('not JSON'), evil)).toMatchObject({ reason: 'not_json' });
  expect(check(ofText('"bbb"'), { type: 'string', pattern: '^b+$' })).toMatchObject({ valid: true });
  now.mockReturnValue(1_000_000 + 60_000);
  expect(check(ofText('"bbb"'), evil)).toEqual({ valid: true, value: 'bbb' });
  now.mockRestore();
});

test.each([
  ['at the top', { $async: true, type: 'object' }],
  ['as all there is', { $async: true }],
  ['in what it refers to', { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { $async: true, type: 'string' } } }],
  ['in a part', { type: 'object', properties: { a: { $async: true, type: 'string' } } }],
  ['in a part of itself that has a name', { $id: 'urn:example:async', $ref: 'urn:example:part', $defs: { a: { $id: 'urn:example:part', $async: true, $ref: 'urn:example:async' } } }],
  ['of draft-07', { $schema: 'http://json-schema.org/draft-07/schema#', $async: true, type: 'object' }],
  ['of draft 2019-09', { $schema: 'https://json-schema.org/draft/2019-09/schema', $async: true, type: 'object' }],
  ['that is an object', { $async: {}, type: 'object' }],
  ['that is off', { $async: false, type: 'object' }],
])('a schema that would answer with a promise cannot be used: $async %s', (_, schema) => {
  expect(() => check(ofText('{"a": 1}'), schema)).toThrow(expect.objectContaining({ code: 'bad_schema', message: 'The JSON schema cannot be used: strict mode: unknown keyword: "$async".' }));
});

test('a field of an answer may be called $async', () => {
  const schema = { type: 'object', properties: { $async: { type: 'boolean' } }, required: ['$async'] };
  expect(check(ofText('{"$async": true}'), schema)).toEqual({ valid: true, value: { $async: true } });
  expect(check(ofText('{"$async": 1}'), schema)).toMatchObject({ valid: false, reason: 'schema' });
});

test.each([
  ['unknown keyword: "requried"', { type: 'object', requried: ['a'] }],
  ['unknown format "dat"', { type: 'string', format: 'dat' }],
  ["can't resolve reference http://127.0.0.1:9/other.json", { $ref: 'http://127.0.0.1:9/other.json' }],
  ['its $schema "http://json-schema.org/draft-04/schema#" is none of', { $schema: 'http://json-schema.org/draft-04/schema#' }],
  ['schema is invalid', { type: 'objekt' }],
])('a schema that cannot be used: %s', (message, schema) => {
  expect(() => check(ofText('{}'), schema)).toThrow(expect.objectContaining({ code: 'bad_schema', message: expect.stringContaining(message) }));
});

test('dialects go by $schema, and two schemas may share an $id', () => {
  const tuple = { items: [{ type: 'number' }], minItems: 1, additionalItems: false };
  expect(check(ofText('[1]'), { $schema: 'http://json-schema.org/draft-07/schema#', type: 'array', ...tuple })).toMatchObject({ valid: true });
  expect(check(ofText('[1]'), { type: 'array', prefixItems: [{ type: 'string' }], minItems: 1 })).toMatchObject({ valid: false, reason: 'schema' });
  expect(check(ofText('1'), { $id: 'urn:example:one', type: 'number' })).toMatchObject({ valid: true });
  expect(check(ofText('1'), { $id: 'urn:example:one', type: 'string' })).toMatchObject({ valid: false });
});

test('without a schema it says what to give', () => {
  expect(() => checkAnswer(ofText('{}'), undefined as unknown as JsonAnswerCheck)).toThrow('given no JSON schema');
});
