import fc from 'fast-check';
import { NoResultError, parseResult, scanResult } from '../../src/api/result-line';
import { parsedLine, randomLine } from './support/random-results';

const scan = (text: string) => scanResult(Buffer.from(text));

function expectNoResult(bytes: Buffer, problem: string): void {
  for (const read of [scanResult, parseResult]) {
    let thrown: unknown;
    try {
      read(bytes);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(NoResultError);
    expect((thrown as Error).message).toBe(problem);
  }
}

test('says what JSON.parse says, for any JSON', () => {
  let results = 0;
  fc.assert(
    fc.property(randomLine, (line) => {
      const bytes = Buffer.from(line);
      const expected = parsedLine(bytes);
      if (expected) {
        results++;
        expect(scanResult(bytes)).toEqual(expected);
        expect(parseResult(bytes)).toEqual(JSON.parse(line));
      } else {
        expect(() => scanResult(bytes)).toThrow(NoResultError);
        expect(() => parseResult(bytes)).toThrow(NoResultError);
      }
    }),
    { numRuns: 1_500 },
  );
  expect(results).toBeGreaterThan(600);
});

describe('what JSON.parse would overlook nothing of', () => {
  const usual = '{"custom_id":"a","result":{"type":"succeeded","message":{"usage":{"x":{},"y":1}}}}';

  test.each<[string, string, string, string]>([
    ['as the API writes it', usual, 'a', 'succeeded'],
    ['a second type', usual.replace('}}}}', '}},"type":"errored"}}'), 'a', 'errored'],
    ['a second type, escaped, behind an object', usual.replace('}}}}', '}},"\\u0074ype":"errored","x":{"y":{"z":{}}}}}'), 'a', 'errored'],
    ['a second result', usual.slice(0, -1) + ',"result":{"type":"expired","x":{"y":{}}}}', 'a', 'expired'],
    ['a second custom_id, before an object at the end', usual.slice(0, -1) + ',"custom_id":"b","x":{"y":{"z":{}}}}', 'b', 'succeeded'],
    ['a second custom_id with white space before it', usual.slice(0, -1) + ' , "custom_id":"b","x":[{"y":{"z":{}}}]}'.replace(']}', '],"w":{"v":{"u":{}}}}'), 'b', 'succeeded'],
    ['a text that ends like an end of objects', '{"custom_id":"a","result":{"type":"succeeded","message":{"t":"}, ","type":"message","u":{"x":"},"}}},"custom_id":"b","x":{"y":{"z":{}}}}', 'b', 'succeeded'],
    ['a text that ends so, and a quote later on', '{"custom_id":"a","result":{"type":"succeeded","message":{"t":"},"}},"custom_id":"b","x":{"y":{"z":"\\""}}}', 'b', 'succeeded'],
    ['another type that is nearly succeeded', '{"custom_id":"a","result":{"type":"succe eded","message":{}}}', 'a', 'succe eded'],
    ['an empty message', '{"custom_id":"a","result":{"type":"succeeded","message":{}}}', 'a', 'succeeded'],
    ['white space everywhere', '\t{ "custom_id" : "a" , "result" : { "type" : "succeeded" , "message" : { "x" : { } , "y" : 1 } } } \r', 'a', 'succeeded'],
    ['other order', '{"result":{"message":{},"type":"succeeded"},"custom_id":"a"}', 'a', 'succeeded'],
    ['an id with escapes', '{"custom_id":"\\u0061\\"","result":{"type":"succeeded","message":{}}}', 'a"', 'succeeded'],
    ['an id beyond ASCII', '{"custom_id":"ü🌍","result":{"type":"succeeded","message":{}}}', 'ü🌍', 'succeeded'],
    ['an empty id', '{"custom_id":"","result":{"type":"succeeded","message":{}}}', '', 'succeeded'],
    ['an escaped type', '{"custom_id":"a","result":{"type":"succe\\u0065ded","message":{}}}', 'a', 'succeeded'],
    ['a type that is new', '{"custom_id":"a","result":{"type":"paused","until":1}}', 'a', 'paused'],
    ['errored', '{"custom_id":"a","result":{"type":"errored","error":{"type":"error","error":{"type":"new_error","message":"m"},"request_id":"req_1"}}}', 'a', 'errored'],
    ['canceled', '{"custom_id":"a","result":{"type":"canceled"}}', 'a', 'canceled'],
    ['succeeded without a message', '{"custom_id":"a","result":{"type":"succeeded"}}', 'a', 'succeeded'],
  ])('%s', (_, line, customId, outcome) => {
    expect(scan(line)).toEqual({ customId, outcome });
    expect(parsedLine(Buffer.from(line))).toEqual({ customId, outcome });
  });
});

test('the usual line is not parsed: grammar and characters of the message are left to parse', () => {
  const line = Buffer.from('{"custom_id":"a","result":{"type":"succeeded","message":{"content":[{"text":"x"}],"usage":{"x":{},"y":nul}}}}');
  expect(scanResult(line)).toEqual({ customId: 'a', outcome: 'succeeded' });
  expect(() => parseResult(line)).toThrow('is not JSON');
  const badUtf8 = Buffer.from('{"custom_id":"a","result":{"type":"succeeded","message":{"t":"\xff"}}}', 'latin1');
  expect(scanResult(badUtf8)).toEqual({ customId: 'a', outcome: 'succeeded' });
  expect(() => parseResult(badUtf8)).toThrow('is not valid UTF-8');
  // A last line that may be cut is parsed, though.
  expect(() => scanResult(line, true)).toThrow(NoResultError);
});

test.each<[string, string | Buffer, string]>([
  ['two lines run together', '{"custom_id":"a","result":{"type":"succeeded","message":{"u":{"x":{},"y":1}}}}{"custom_id":"b","result":{"type":"succeeded","message":{}}}', 'is not JSON'],
  ['cut in the message', '{"custom_id":"a","result":{"type":"succeeded","message":{"u":{"x":{},"y":{}}}', 'is not JSON'],
  ['cut in a text that looks like an end', '{"custom_id":"a","result":{"type":"succeeded","message":{"u":{"x":{},"y":1},"text":"}}}', 'is not JSON'],
  ['not UTF-8', Buffer.from('{"custom_id":"a\xff","result":{"type":"succeeded","message":{}}}', 'latin1'), 'is not valid UTF-8'],
  ['not UTF-8, and short', Buffer.from([0x22, 0xc3, 0x22]), 'is not valid UTF-8'],
  ['empty', '', 'is not JSON'],
  ['a control character in the id', '{"custom_id":"a\u0001","result":{"type":"succeeded","message":{}}}', 'is not JSON'],
  ['a list', '[{"custom_id":"a"}]', 'is not a JSON object'],
  ['null', 'null', 'is not a JSON object'],
  ['no custom_id', '{"result":{"type":"canceled"}}', 'has no custom_id'],
  ['another key that is nearly custom_id', '{"custom _id":"a","result":{"type":"succeeded","message":{}}}', 'has no custom_id'],
  ['a custom_id that is no string', '{"custom_id":7,"result":{"type":"canceled"}}', 'has no custom_id'],
  ['no result', '{"custom_id":"a"}', 'has no result.type'],
  ['a result that is a list', '{"custom_id":"a","result":[]}', 'has no result.type'],
  ['a result without type', '{"custom_id":"a","result":{"message":{"type":"succeeded"}}}', 'has no result.type'],
])('no result: %s', (_, line, problem) => expectNoResult(Buffer.from(line as string), problem));

test('a line that is the part of a chunk is read no further than its end', () => {
  const line = '{"custom_id":"a","result":{"type":"succeeded","message":{"u":{"x":{},"y":1}}}}';
  const chunk = Buffer.from(`}}}${line}}}}`);
  expect(scanResult(chunk.subarray(3, 3 + line.length))).toEqual({ customId: 'a', outcome: 'succeeded' });
  expectNoResult(chunk.subarray(3, 3 + line.length - 2), 'is not JSON');
});

test('4 MB of quotes, braces and backslashes take linear time', () => {
  const texts = ['\\"', '}', '}, ', '\\\\', '},\\"', ',\\"},', '{[', 'x'];
  for (const text of texts) {
    const line = Buffer.from(`{"custom_id":"a","result":{"type":"succeeded","message":{"t":"${text.repeat(4_000_000 / text.length)}","u":{"x":{},"y":1}}}}`);
    const began = process.cpuUsage();
    expect(scanResult(line)).toEqual({ customId: 'a', outcome: 'succeeded' });
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1_000).toBeLessThan(2_000);
  }
});
