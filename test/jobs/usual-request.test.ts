/** A line that is read in the short way says the same as in the careful one. */
import * as fc from 'fast-check';
import { isLineProblem } from '../../src/jobs';
import { parseCarefully } from '../../src/jobs/request-line';
import { usualRequest } from '../../src/jobs/usual-request';
import { requestLine } from './helpers';

/** @returns whether the short way knew what the line says. */
function isTheSame(line: string | Buffer): boolean {
  const bytes = Buffer.from(line);
  const usual = usualRequest(bytes);
  if (usual) expect(usual).toEqual(parseCarefully(bytes));
  return usual !== undefined;
}

it.each([
  requestLine('a'),
  requestLine('a', 'Hé \u2028 "quoted" \\ }'),
  `${requestLine('a')} \r`,
  '{"custom_id": "a", "params": {"model": "m", "max_tokens": 5, "x": [1.50, {"y": null}]} }',
  '{ "custom_id" : "a" , "params" : { } }',
  requestLine('a').replace('"model"', '"metadata":{"user_id":"u"},"model"'),
])('knows %s', (line) => {
  expect(isTheSame(line)).toBe(true);
});

it('knows lines with metadata once it has met one', () => {
  const line = requestLine('a', 'Hi', { topic: 'é', nested: { metadata: {} } });
  isTheSame(line);
  expect(isTheSame(line)).toBe(true);
  const inside = '{"custom_id":"a","params":{"model":"m","metadata":{"user_id":"x"}}}';
  expect(isTheSame(inside)).toBe(true);
});

it.each([
  ['bad JSON inside params', '{"custom_id":"a","params":{"x":tru}}'],
  ['a control character inside a text', '{"custom_id":"a","params":{"x":"\u0001"}}'],
  ['params twice', '{"custom_id":"a","params":{},"params":{}}'],
  ['an id twice', '{"custom_id":"a","params":{},"custom_id":"b"}'],
  ['a further key', '{"custom_id":"a","params":{},"method":"POST"}'],
  ['something after the object', '{"custom_id":"a","params":{}}}'],
  ['an id that the API refuses', '{"custom_id":"a b","params":{}}'],
  ['a long id', requestLine('a'.repeat(65))],
  ['a model beyond ASCII', `{"custom_id":"a","params":{"model":"${'é'.repeat(100)}"}}`],
  ['a list for params', '{"custom_id":"a","params":[]}'],
])('leaves %s to the careful way', (_, line) => {
  expect(isTheSame(line)).toBe(false);
});

it('leaves what is not UTF-8 to the careful way', () => {
  expect(isTheSame(Buffer.from(requestLine('a', '\u00e9'), 'latin1'))).toBe(false);
});

it('says the same of any line, whatever is changed in it', () => {
  const params = fc.dictionary(fc.constantFrom('model', 'max_tokens', 'metadata', 'x', 'é', '__proto__'), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 });
  const metadata = fc.option(fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }), { nil: undefined });
  const written = fc.record({ id: fc.constantFrom('a', 'a-b_9', 'q-1', 'a b', 'é', '', 7, null), params, metadata, spaces: fc.boolean(), tail: fc.constantFrom('', '', ' ', '\r', '}', ',"params":{}', 'x') }).map(
    ({ id, params: ofRequest, metadata: own, spaces, tail }) => {
      const line = JSON.stringify({ custom_id: id, params: ofRequest, metadata: own }) + tail;
      return spaces ? line.replaceAll('":', '": ').replaceAll(',"', ', "') : line;
    },
  );
  const cut = fc.option(fc.tuple(fc.nat(200), fc.nat(3), fc.string({ maxLength: 2 })), { nil: undefined, freq: 1 });
  let known = 0;
  fc.assert(
    fc.property(written, cut, (line, change) => {
      const [at, length, text] = change ?? [0, 0, ''];
      if (isTheSame(line.slice(0, at) + text + line.slice(at + length))) known++;
    }),
    { numRuns: 3000 },
  );
  expect(known).toBeGreaterThan(100);
});

it('takes what is no request for a problem in both ways', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
    const line = Buffer.from(`{"custom_id":"a","params":{${text}}`);
    const usual = usualRequest(line);
    if (usual) expect(isLineProblem(parseCarefully(line))).toBe(false);
  }), { numRuns: 2000 });
});
