import fc from 'fast-check';
import { InvalidRequestError } from '../../src/api';
import { JsonlFraming } from '../../src/api/jsonl-framing';
import { RequestChecker } from '../../src/api/request-checker';
import { line } from './support/jsonl';

/** Frames `jsonl` in blocks that end at `cuts`; gives the list that comes out. */
function frame(jsonl: Buffer, cuts: readonly number[] = [], parsesAll = false): Buffer {
  const framing = new JsonlFraming(new RequestChecker(parsesAll));
  const out: Buffer[] = [];
  const ends = [...new Set(cuts.map((cut) => cut % (jsonl.length + 1)))].sort((one, other) => one - other);
  for (const [index, end] of [...ends, jsonl.length].entries()) {
    const block = Buffer.from(jsonl.subarray(index === 0 ? 0 : ends[index - 1], end));
    // What was given is sent before the next block comes; the block's memory is used again then.
    for (const piece of framing.push(block)) out.push(Buffer.from(piece));
    block.fill('#');
  }
  return Buffer.concat([...out, ...framing.end()]);
}

function refusalOf(jsonl: string | Buffer, parsesAll = false): string {
  const attempts = [[], [1], [3, 5], Array.from({ length: 200 }, (_, index) => index)].map((cuts) => {
    try {
      frame(Buffer.from(jsonl), cuts, parsesAll);
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidRequestError);
      return (error as Error).message;
    }
    return 'accepted';
  });
  // Wherever the blocks end, it is the same.
  expect(new Set(attempts).size).toBe(1);
  return attempts[0]!;
}

const customId = fc.string({ unit: fc.constantFrom('a', 'b', 'z', 'A', 'Z', '0', '1', '9', '_', '-'), minLength: 1, maxLength: 64 });
const text = fc.string({ unit: fc.oneof(fc.constantFrom('"', '\\', '{', '}', '}}', ',', '\n', '\r', '\u2028', 'ü', '€', '🌍', '"custom_id":"x"}', '\u0000'), fc.string({ unit: 'binary', maxLength: 3 })), maxLength: 20 });
const params = fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text, { maxLength: 3 }), fc.dictionary(text, text, { maxKeys: 2 })), { maxKeys: 3 });
const blanks = fc.string({ unit: fc.constantFrom(' ', '\t', '\r'), maxLength: 3 });
const request = fc.record({ custom_id: customId, params });

/** A request as JSON, in one of the ways in which people and libraries write it. */
const serialized = fc.tuple(request, fc.constantFrom('idFirst' as const, 'paramsFirst' as const, 'escaped' as const, 'spaced' as const, 'wide' as const), blanks, blanks).map(([value, form, before, after]) => {
  const { custom_id: id, params: of } = value;
  const escapedId = id.replace(/./g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const json = {
    idFirst: () => JSON.stringify({ custom_id: id, params: of }),
    paramsFirst: () => JSON.stringify({ params: of, custom_id: id }),
    escaped: () => `{"custom_id":"${escapedId}","params":${JSON.stringify(of)}}`,
    spaced: () => `{ "custom_id" : "${id}" , "params" : ${JSON.stringify(of)} }`,
    wide: () => `{\t"params": ${JSON.stringify(of)},\r "custom_id":\t"${id}"\r}`,
  }[form]();
  return { value, json: before + json + after };
});

const file = fc
  .record({
    requests: fc.uniqueArray(serialized, { selector: ({ value }) => value.custom_id, minLength: 1, maxLength: 12 }),
    blankLines: fc.array(fc.tuple(fc.nat(12), blanks), { maxLength: 4 }),
    lineEnd: fc.constantFrom('\n', '\r\n'),
    hasMark: fc.boolean(),
    isTerminated: fc.boolean(),
    cuts: fc.array(fc.nat(5_000), { maxLength: 30 }),
  })
  .map(({ requests, blankLines, lineEnd, hasMark, isTerminated, cuts }) => {
    const all = requests.map(({ json }) => json);
    for (const [index, blank] of blankLines) all.splice(index, 0, blank);
    const jsonl = Buffer.from(`${hasMark ? '\uFEFF' : ''}${all.join(lineEnd)}${isTerminated ? lineEnd : ''}`);
    return { jsonl, cuts, expected: requests.map(({ value }) => value) };
  });

test('the framing of any JSONL has its length and holds its requests', () => {
  fc.assert(
    fc.property(file, fc.boolean(), ({ jsonl, cuts, expected }, parsesAll) => {
      const framed = frame(jsonl, cuts, parsesAll);
      expect(framed).toHaveLength(jsonl.length);
      expect(JSON.parse(`{"requests":[${framed.toString()}]}`)).toEqual({ requests: expected });
    }),
    { numRuns: 1_000 },
  );
});

/** Beginnings and ends of requests, lists and texts, in any order. */
const hostile = fc
  .array(fc.constantFrom('{', '}', '}}', '[', ']', ',', ':', '"', '\\', '\\"', ' ', '"x"', '"x":1', '"x":{', '{"custom_id":"a","params":{', '{"params":{', '},"custom_id":"b"}', '}},{"custom_id":"c","params":{', '}}],"requests":[{"custom_id":"d","params":{', 'y'.repeat(30)), { maxLength: 12 })
  .chain((parts) => fc.constantFrom(`{"custom_id":"z","params":{${parts.join('')}}}`, `{"params":{${parts.join('')}},"custom_id":"z"}`));

test('no line brings more than one request into a body that is valid JSON', () => {
  let accepted = 0;
  fc.assert(
    fc.property(hostile, fc.array(fc.nat(600), { maxLength: 5 }), (second, cuts) => {
      let framed: Buffer;
      try {
        framed = frame(Buffer.from(`${OK}${second}\n${line('last')}\n`), cuts);
      } catch {
        return;
      }
      let ids: string[];
      try {
        ids = (JSON.parse(`{"requests":[${framed.toString()}]}`) as { requests: { custom_id: string }[] }).requests.map(({ custom_id }) => custom_id);
      } catch {
        return;
      }
      accepted++;
      expect(ids).toEqual(['ok', 'z', 'last']);
    }),
    { numRuns: 5_000 },
  );
  expect(accepted).toBeGreaterThan(50);
});

test('blocks may end anywhere', () => {
  const jsonl = Buffer.from(`\uFEFF\r\n${line('a', 'ü€🌍')}\r\n  \n ${line('b', '}}{"custom_id":"x"}')}\n\n{"params":{},"custom_id":"c"}\n`);
  const expected = JSON.parse(`[${frame(jsonl).toString()}]`);
  expect(expected.map(({ custom_id }: { custom_id: string }) => custom_id)).toEqual(['a', 'b', 'c']);
  for (let one = 0; one <= jsonl.length; one++) {
    for (let other = one; other <= jsonl.length; other += 7) {
      const framed = frame(jsonl, [one, other]);
      expect(framed).toHaveLength(jsonl.length);
      expect(JSON.parse(`[${framed.toString()}]`)).toEqual(expected);
    }
  }
});

test('only white space and line feeds are changed', () => {
  expect(frame(Buffer.from('{"custom_id":"a","params":{}}\n{"custom_id":"b","params":{}}\n')).toString()).toBe('{"custom_id":"a","params":{}},{"custom_id":"b","params":{}}\n');
  expect(frame(Buffer.from('\n{"custom_id":"a","params":{}}\r\n\n\t {"custom_id":"b","params":{}}')).toString()).toBe('\n{"custom_id":"a","params":{}}\r\n\n\t,{"custom_id":"b","params":{}}');
});

const OK = '{"custom_id":"ok","params":{}}\n';

describe.each([false, true])('refused, with every line parsed: %s', (parsesAll) => {
  test.each<[string, string | Buffer, string]>([
    ['a duplicate', `${OK}\n${line('a')}\n${line('b')}\n${line('a')}\n`, 'line 5 has the same custom_id "a" as line 3'],
    ['a duplicate that is written differently', `${OK}${line('a')}\n{"params":{},"custom_id":"\\u0061"}`, 'line 3 has the same custom_id "a" as line 2'],
    ['no custom_id', `${OK}{"params":{}}`, 'line 2 has no custom_id'],
    ['a number as custom_id', `${OK}{"custom_id":7,"params":{}}`, 'line 2 has no custom_id'],
    ['an empty custom_id', `${OK}{"custom_id":"","params":{}}`, 'line 2 has the custom_id ""'],
    ['a space in it', `${OK}{"custom_id":"a b","params":{}}`, 'line 2 has the custom_id "a b"'],
    ['65 characters', `${OK}${line('x'.repeat(65))}`, `line 2 has the custom_id "${'x'.repeat(65)}"`],
    ['an umlaut', `${OK}${line('ä')}`, 'line 2 has the custom_id "ä"'],
    ['no params', `${OK}{"custom_id":"a"}`, 'line 2 ("a") has no params'],
    ['params that are a list', `${OK}{"custom_id":"a","params":[{}]}`, 'line 2 ("a") has no params'],
    ['params that are null', `${OK}{"params":null,"custom_id":"a"}`, 'line 2 ("a") has no params'],
    ['a field behind params', `${OK}{"custom_id":"a","params":{},"priority":1}`, 'line 2 ("a") has the field "priority"'],
    ['an object behind params', `${OK}{"custom_id":"a","params":{},"metadata":{"k":"v"}}`, 'line 2 ("a") has the field "metadata"'],
    ['another request behind it', `${OK}{"custom_id":"a","params":{"x":{}}},{"custom_id":"b","params":{"x":{}}}`, 'line 2 is not whole, valid JSON'],
    ['another one, with the params first', `${OK}{"params":{},"custom_id":"a"},{"params":{},"custom_id":"b"}`, 'line 2 is not whole, valid JSON'],
    ['the end of the list, and another list', `${OK}{"custom_id":"a","params":{}}],"requests":[{"custom_id":"b","params":{}}`, 'line 2 is not whole, valid JSON'],
    ['the end of the list, and a field of the body', `${OK}{"custom_id":"a","params":{"x":"\\\\"}} ] , "field" : [{"custom_id":"b","params":{}}`, 'line 2 is not whole, valid JSON'],
    ['the end of the list, after a text with quotes', `${OK}{"custom_id":"a","params":{"x":"${'\\"'.repeat(40)}"}}],"requests":[{"custom_id":"b","params":{"x":"\\"}}`, 'line 2 is not whole, valid JSON'],
    ['a field between them', `${OK}{"params":{},"priority":1,"custom_id":"a"}`, 'line 2 ("a") has the field "priority"'],
    ['a custom_id inside of params', `${OK}{"params":{"custom_id":"a"}`, 'line 2 is not whole, valid JSON'],
    ['a custom_id at the end of a text', `${OK}{"params":{"x":"\\"custom_id\\":\\"a"}`, 'line 2 is not whole, valid JSON'],
    ['a field before custom_id', `${OK}{"metadata":{},"custom_id":"a","params":{}}`, 'line 2 ("a") has the field "metadata"'],
    ['an object behind params, in the first line', '{"custom_id":"a","params":{},"metadata":{"k":"v"}}', 'line 1 ("a") has the field "metadata"'],
    ['a line of another API', `${OK}{"custom_id":"a","method":"POST","url":"/v1/x","body":{}}`, 'line 2 ("a") has the field "method"'],
    ['a whole body', '{"requests":[{"custom_id":"a","params":{}}]}', 'line 1 is a whole body, {"requests":[…]}'],
    ['an array', '[{"custom_id":"a","params":{}}]', 'line 1 is an array, but no object'],
    ['JSON over several lines', '{\n  "custom_id": "a",\n  "params": {}\n}', 'line 1 is not whole, valid JSON'],
    ['a line that was cut off', `${OK}{"custom_id":"a","params":{"text":"secret`, 'line 2 is not whole, valid JSON'],
    ['two requests in a line', `${OK}{"custom_id":"a","params":{}} 7 {"custom_id":"b","params":{"x":1}`, 'line 2 is not whole, valid JSON'],
    ['text', `${OK}secret`, 'line 2 is not whole, valid JSON'],
    ['UTF-16', Buffer.from(line('a'), 'utf16le'), 'line 1 is not UTF-8'],
    ['bytes that are no UTF-8', Buffer.from([0xef, 0x41]), 'line 1 is not UTF-8'],
    ['half of a character', Buffer.concat([Buffer.from(`${OK}{"custom_id":"a","params":{"x":"`), Buffer.from([0xe2, 0x82]), Buffer.from('"},"y":1}')]), 'line 2 is not UTF-8'],
    ['nothing', '', 'holds no request'],
    ['blank lines', '\n \r\n\t\n', 'holds no request'],
    ['a byte order mark alone', '\uFEFF', 'holds no request'],
  ])('%s', (_, jsonl, words) => {
    const message = refusalOf(jsonl, parsesAll);
    expect(message).toContain(words);
    expect(message).toContain('No batch was made');
    expect(message).not.toContain('secret');
  });
});

test('100,000 requests are taken, and no more', () => {
  const many = (count: number) => Buffer.from(Array.from({ length: count }, (_, index) => `{"custom_id":"r${index}","params":{}}\n`).join(''));
  const most = many(100_000);
  expect(frame(most, [1_000_000, 2_000_000])).toHaveLength(most.length);
  expect(() => frame(many(100_001))).toThrow('line 100001 holds request number 100001, but a batch may have at most 100000');
  const twice = Buffer.concat([many(99_999), Buffer.from('{"custom_id":"r17","params":{}}')]);
  expect(() => frame(twice)).toThrow('line 100000 has the same custom_id "r17" as line 18');
});

describe('a line of many blocks', () => {
  const BLOCK = 256 * 1024;
  const long = (before: string, after: string, bytes: number) => Buffer.concat([Buffer.from(`${OK}${before}`), Buffer.alloc(bytes, 'x'), Buffer.from(`${after}\n${line('last')}`)]);
  const cuts = (jsonl: Buffer) => Array.from({ length: Math.floor(jsonl.length / BLOCK) }, (_, index) => (index + 1) * BLOCK);

  test.each([
    ['begins with custom_id', '{"custom_id":"a","params":{"x":"', '"}}', 20_000_000],
    ['ends with it', '{"params":{"x":"', '"},"custom_id":"a"}', 20_000_000],
    ['is written otherwise, below 16 MB', '{"custom_id":"\\u0061","params":{"x":"', '"}}', 10_000_000],
  ])('%s', (_, before, after, bytes) => {
    const jsonl = long(before, after, bytes);
    const ids = (JSON.parse(`[${frame(jsonl, cuts(jsonl)).toString()}]`) as { custom_id: string }[]).map(({ custom_id }) => custom_id);
    expect(ids).toEqual(['ok', 'a', 'last']);
  });

  test.each([
    ['begins with custom_id', '{"custom_id":"a","params":{"x":"', '"} }\r'],
    ['ends with it', '{"params":{"x":"', '"} , "custom_id" : "a" } '],
  ])('%s: its last block may begin anywhere', (_, before, after) => {
    const jsonl = long(before, after, 100_000);
    const end = jsonl.indexOf(`${after}\n`) + after.length;
    for (let last = 0; last <= after.length + 2; last++) {
      const framed = frame(jsonl, [30_000, 60_000, end - last]);
      expect((JSON.parse(`[${framed.toString()}]`) as { custom_id: string }[]).map(({ custom_id }) => custom_id)).toEqual(['ok', 'a', 'last']);
    }
  });

  test.each([
    ['written otherwise, above 16 MB', '{"custom_id":"\\u0061","params":{"x":"', '"}}', 20_000_000, 'line 2 ('],
    ['a whole body', '{"requests":["', '"]}', 20_000_000, 'line 2 ('],
    ['another request behind it', '{"custom_id":"a","params":{"x":{"y":"', '"}}},{"custom_id":"b","params":{}}', 100_000, 'line 2 '],
    ['another request in it, above 16 MB', '{"custom_id":"a","params":{}},{"custom_id":"b","params":{"x":"', '"}}', 20_000_000, 'line 2 ('],
    ['another list in it', '{"params":{}}],"requests":[{"params":{"x":"', '"},"custom_id":"b"}', 100_000, 'line 2 '],
    ['cut off', '{"custom_id":"a","params":{"x":"', '', 1_000_000, 'line 2 (1000032 bytes) is cut off'],
    ['the same custom_id', '{"custom_id":"ok","params":{"x":"', '"}}', 1_000_000, 'line 2 has the same custom_id "ok" as line 1'],
    ['the same custom_id at its end', '{"params":{"x":"', '"},"custom_id":"ok"}', 1_000_000, 'line 2 has the same custom_id "ok" as line 1'],
  ])('%s: refused', (_, before, after, bytes, words) => {
    const jsonl = long(before, after, bytes);
    expect(() => frame(jsonl, cuts(jsonl))).toThrow(words);
  });

  test('that can be neither scanned nor parsed is not read to its end', () => {
    const framing = new JsonlFraming(new RequestChecker());
    let given = 0;
    const goOn = () => {
      framing.push(Buffer.from('{"requests":["'));
      for (; given < 100_000_000; given += BLOCK) framing.push(Buffer.alloc(BLOCK, 'x'));
    };
    expect(goOn).toThrow('line 1 (');
    expect(given).toBeLessThan(17_000_000);
  });
});
