import * as fc from 'fast-check';
import { isLineProblem, type LineProblem, parseRequestLine, type RequestLine } from '../../src/jobs';
import { requestLine } from './helpers';

function good(line: string | Buffer): RequestLine {
  const parsed = parseRequestLine(Buffer.from(line));
  if (isLineProblem(parsed)) throw new Error(parsed.message);
  return parsed;
}

function bad(line: string | Buffer): LineProblem {
  const parsed = parseRequestLine(Buffer.from(line));
  if (!isLineProblem(parsed)) throw new Error('was accepted');
  expect(parsed.hint).not.toBe('');
  return parsed;
}

describe('a good line', () => {
  it('is sent as it is where it has nothing else', () => {
    const line = ' {"custom_id" : "a-1",\t"params":{"max_tokens":1.50,"x":"\\u00e9é"} }\r';
    const { paramsStart, paramsEnd, ...request } = good(line);
    expect(request).toEqual({ customId: 'a-1', sent: Buffer.from(line.trim()), facts: expect.anything() });
    expect(request.sent.toString('utf8', paramsStart, paramsEnd)).toBe('{"max_tokens":1.50,"x":"\\u00e9é"}');
  });

  it('is sent without its metadata, with the bytes of params as they are', () => {
    const line = '{"metadata": {"params": 1, "a": "}"}, "params" : { "n": 1.0e2, "s": "\\"}\\\\" } , "custom_id":"\\u0061"}';
    const { customId, sent, metadata } = good(line);
    expect(sent.toString()).toBe('{"custom_id":"\\u0061","params":{ "n": 1.0e2, "s": "\\"}\\\\" }}');
    expect({ customId, metadata }).toEqual({ customId: 'a', metadata: { params: 1, a: '}' } });
  });

  it('may write its keys with escapes', () => {
    expect(good('{"custom\\u005fid":"a","par\\u0061ms":{},"metadata":{}}').sent.toString()).toBe('{"custom_id":"a","params":{}}');
  });

  it('may have a custom_id of 64 characters and metadata of 4096 bytes', () => {
    const metadata = { a: 'é'.repeat((4096 - '{"a":""}'.length) / 2) };
    expect(good(requestLine('x'.repeat(64), 'Hi', metadata)).metadata).toEqual(metadata);
  });
});

describe('a bad line', () => {
  it.each([
    ['', 'Not JSON: it ends too early.'],
    ['{', 'Not JSON: it ends too early.'],
    ['{"custom_id": "a", "params": {"model": "claude', 'Not JSON: it ends too early.'],
    ['hello', 'Not JSON: unexpected "h".'],
    ['{"custom_id": undefined}', 'Not JSON: unexpected "u".'],
    [`{'custom_id': 'a'}`, 'Not JSON: single quotes at character 2.'],
    ['{"custom_id": "a" "params": {}}', 'Not JSON: a syntax error at character 19.'],
    ['[', 'Not JSON: it ends too early.'],
    ['[]', 'A JSON array, not a request.'],
    ['"a"', 'A JSON string, not a request.'],
    ['null', 'A JSON null, not a request.'],
    ['{}', 'custom_id is missing.'],
    ['{"params": {}}', 'custom_id is missing.'],
    ['{"custom_id": 7, "params": {}}', 'custom_id is not a string.'],
    ['{"custom_id": "", "params": {}}', 'custom_id is empty.'],
    ['{"custom_id": "a b", "params": {}}', 'custom_id "a b" has " " in it.'],
    ['{"custom_id": "é", "params": {}}', 'custom_id "é" has "é" in it.'],
    ['{"custom_id": "a\\n", "params": {}}', 'custom_id "a\\n" has "\\n" in it.'],
    [requestLine('x'.repeat(65)), `custom_id "${'x'.repeat(65)}" has 65 characters.`],
    ['{"custom_id": "a"}', 'params is missing.'],
    ['{"custom_id": "a", "params": []}', 'params is not an object.'],
    ['{"custom_id": "a", "params": {}, "metadata": null}', 'metadata is not an object.'],
    ['{"custom_id": "a", "params": {}, "meta": {}}', '"meta" is not a key of a request.'],
    ['{"custom_id": "a", "params": {}, "__proto__": {}}', '"__proto__" is not a key of a request.'],
    ['{"custom_id": "a", "params": {}, "custom_id": "b"}', '"custom_id" stands twice in the line.'],
    ['{"custom_id": "a", "params": {}, "par\\u0061ms": {}}', '"params" stands twice in the line.'],
  ])('%s', (line, message) => {
    expect(bad(line).message).toBe(message);
  });

  it('is recognised as one of an OpenAI batch file', () => {
    const { message, hint } = bad('{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-4o", "messages": []}}');
    expect(message).toContain('OpenAI batch file');
    expect(hint).toContain('params');
  });

  it('says how much metadata is too much, in bytes', () => {
    expect(bad(requestLine('a', 'Hi', { a: 'é'.repeat(2045) })).message).toBe('metadata has 4098 bytes; at most 4096 are carried.');
  });

  it('may nest its params as deeply as it likes, but not its metadata', () => {
    const nested = (begin: string, end: string) => begin.repeat(20_000) + end.repeat(20_000);
    const blocks = nested('[{"content":', '}]').replace('}', '1}');
    for (const params of [`{"messages":[{"content":${blocks}}]}`, `{"system":${blocks}}`, `{"tools":${blocks}}`, `{"x":${nested('[', ']')}}`]) {
      for (const more of ['', ',"metadata":{}', ',"betas":["b"]']) expect(good(`{"custom_id":"a","params":${params}${more}}`).customId).toBe('a');
    }
    expect(bad(`{"custom_id":"a","params":{},"metadata":{"x":${nested('[', ']')}}}`).message).toBe('metadata is nested too deeply.');
    expect(bad(`{"custom_id":"a","params":{},"meta":{"x":${nested('[', ']')}}}`).message).toBe('"meta" is not a key of a request.');
  });

  it('says how many betas are too many, and how long their header is', () => {
    const withBetas = (betas: string[]) => JSON.stringify({ custom_id: 'a', params: {}, betas });
    const names = (count: number, length: number) => Array.from({ length: count }, (_, index) => `${index}`.padEnd(length, 'x'));
    expect(good(withBetas(names(32, 127))).betas).toHaveLength(32);
    expect(bad(withBetas(names(33, 10))).message).toBe('betas has 33 names; at most 32 are sent.');
    expect(bad(withBetas(names(32, 128))).message).toBe('betas has 4127 bytes as a header; at most 4096 are sent.');
  });

  it('is refused where it is not UTF-8', () => {
    expect(bad(Buffer.concat([Buffer.from('{"custom_id":"a","params":{"x":"'), Buffer.from([0xe9]), Buffer.from('"}}')])).message).toBe('Not valid UTF-8.');
  });

  it('never shows what it asks', () => {
    for (const line of ['{"custom_id":"a","params":{"content":"SECRET" oops}}', '{"custom_id":"a","params":{"content":SECRET}}', 'SECRET', '{"custom_id":"a","params":"SECRET"}']) {
      const { message, hint } = bad(line);
      expect(message + hint).not.toContain('SECRET');
    }
  });
});

describe('byte slicing', () => {
  const space = fc.stringMatching(/^[ \t\r]{0,3}$/);
  const value = fc.jsonValue({ maxDepth: 4 });
  /** An object as somebody may write it: members in any order, white space anywhere, escapes or not. */
  const line = fc
    .record({
      customId: fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/),
      params: fc.dictionary(fc.string({ unit: 'binary' }), value, { maxKeys: 5 }),
      metadata: fc.option(fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 10 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }), { nil: undefined }),
      order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
      spaces: fc.array(space, { minLength: 14, maxLength: 14 }),
      indent: fc.constantFrom(undefined, 1),
      ascii: fc.boolean(),
    })
    .filter(({ metadata }) => Buffer.byteLength(JSON.stringify(metadata ?? {})) <= 4096)
    .map(({ customId, params, metadata, order, spaces, indent, ascii }) => {
      const written = (part: unknown) => {
        const text = JSON.stringify(part, null, indent).replaceAll('\n', '\t');
        return ascii ? text.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`) : text;
      };
      const members = [['custom_id', customId], ['params', params], ['metadata', metadata]] as const;
      const chosen = order.map((index) => members[index]!).filter(([, part]) => part !== undefined);
      const s = (index: number) => spaces[index % spaces.length]!;
      const text = chosen.map(([key, part], i) => `${s(4 * i)}"${key}"${s(4 * i + 1)}:${s(4 * i + 2)}${written(part)}${s(4 * i + 3)}`).join(',');
      return { text: `${s(12)}{${text}}${s(13)}`, customId, params: written(params), metadata: written(metadata ?? null) };
    });

  it('keeps the bytes of params, whatever stands around them', () => {
    fc.assert(
      fc.property(line, ({ text, customId, params, metadata }) => {
        const request = good(text);
        expect(request.customId).toBe(customId);
        expect(JSON.stringify(request.metadata ?? null)).toBe(JSON.stringify(JSON.parse(metadata)));
        const sent = request.sent.toString('utf8');
        expect(sent).toContain(params);
        expect(Object.keys(JSON.parse(sent) as object).sort()).toEqual(['custom_id', 'params']);
        expect(JSON.stringify(JSON.parse(sent))).toBe(JSON.stringify({ ...(JSON.parse(sent) as object), custom_id: customId, params: JSON.parse(params) as unknown }));
      }),
      { numRuns: 500 },
    );
  });

  it('accepts or explains any bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.json().map((text) => Buffer.from(text))), (bytes) => {
        const parsed = parseRequestLine(Buffer.from(bytes));
        expect(isLineProblem(parsed) ? parsed.message : parsed.customId).not.toBe('');
      }),
      { numRuns: 1000 },
    );
  });
});
