import * as fc from 'fast-check';
import { InvalidBody, MAX_REQUEST_BYTES, RequestScanner } from '../../src/simulator/request-scanner';

function scan(body: Buffer, cuts: number[] = []): string[] {
  const scanner = new RequestScanner();
  const edges = [0, ...cuts.map((cut) => cut % (body.length + 1)).sort((a, b) => a - b), body.length];
  const found = edges.slice(1).flatMap((edge, i) => scanner.push(body.subarray(edges[i], edge)).map(String));
  scanner.end();
  return found;
}

test('gives every request as it stands in the body, in one piece and byte by byte', () => {
  const space = fc.constantFrom('', ' ', '\n', '\r\n\t');
  const requests = fc.array(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }), { maxLength: 6 });
  const indent = fc.constantFrom(undefined, 2);
  fc.assert(
    fc.property(requests, space, indent, (list, gap, indentation) => {
      const texts = list.map((request) => JSON.stringify(request, null, indentation));
      const body = Buffer.from(`${gap}{${gap}"requests"${gap}:${gap}[${gap}${texts.join(`${gap},${gap}`)}${gap}]${gap}}${gap}`);
      expect(scan(body)).toEqual(texts);
      const everywhere = [...body.keys()];
      expect(scan(body, everywhere)).toEqual(texts);
    }),
  );
});

test('gives them wherever the body is cut', () => {
  const texts = ['{"a":"\\"}\\\\"}', '{"b":["]","}",{"c":"é😀"}]}', '{}'];
  const body = Buffer.from(`{"requests":[${texts.join()}]}`);
  fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 5 }), (cuts) => expect(scan(body, cuts)).toEqual(texts)));
});

test.each([
  ['', 'not valid JSON'],
  ['{"requests":[{}', 'ends in the list of requests'],
  ['{"requests":[{"a":1', 'ends in the list of requests'],
  ['{"requests":[{}]', 'not valid JSON'],
  ['{"requests":[{}]}}', 'not valid JSON'],
  ['{"requests":[{},]}', 'malformed'],
  ['{"requests":[,{}]}', 'malformed'],
  ['{"requests":[{}{}]}', 'malformed'],
  ['{"requests":[{},7]}', 'requests.1: Input should be an object'],
  ['{"requests":[{}],"more":1}', 'more: Extra inputs are not permitted'],
  ['{"more":{"requests":[{}]}}', 'more: Extra inputs are not permitted'],
  ['{"requests":[],"requests":[{}]}', 'requests: Given twice'],
  ['{"request":[]}', 'request: Extra inputs are not permitted'],
  ['{"requests":{}}', 'requests: Input should be a valid list'],
  ['{}', 'requests: Field required'],
  ['[]', 'must be a JSON object'],
  [`{"other":"${'x'.repeat(5000)}","requests":[]}`, 'too much beside its requests'],
])('%s', (body, message) => {
  expect(() => scan(Buffer.from(body))).toThrow(message);
  expect(() => scan(Buffer.from(body))).toThrow(InvalidBody);
});

test('a request that is too large is refused before it has all arrived', () => {
  const scanner = new RequestScanner();
  scanner.push(Buffer.from('{"requests":[{"a":"'));
  expect(() => scanner.push(Buffer.alloc(MAX_REQUEST_BYTES, 'x'))).toThrow('requests.0: A single request must not exceed 32000000 bytes');
});
