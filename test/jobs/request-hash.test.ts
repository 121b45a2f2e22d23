import * as fc from 'fast-check';
import { hashOfRequest, isLineProblem, parseRequestLine } from '../../src/jobs';

function hashOf(line: string): string {
  const request = parseRequestLine(Buffer.from(line), { makeId: () => 'generated-1' });
  if (isLineProblem(request)) throw new Error(request.message);
  return hashOfRequest(request).toString('hex');
}

it('is that of the id and the params, wherever and with whatever they stand', () => {
  const hash = hashOf('{"custom_id":"a","params":{"x":1}}');
  expect(hash).toMatch(/^[0-9a-f]{32}$/);
  for (const line of ['{ "params" :{"x":1} , "custom_id":"\\u0061"}', '{"custom_id":"a","params":{"x":1},"metadata":{"k":1},"betas":["b"]}']) expect(hashOf(line)).toBe(hash);
});

it('stays what it is: folders of older releases are compared with new ones', () => {
  expect(hashOf('{"custom_id":"q-1","params":{"model":"m","max_tokens":1,"messages":[]}}')).toMatchInlineSnapshot(`"f3fb1a930a479592ba77aac4b1d2b759"`);
});

it('differs with the id, its kind, and every byte of the params', () => {
  const lines = ['"a"', '"b"', '1', '"1 "', '"1"', 'null'].flatMap((id) => ['{"x":1}', '{"x":2}', '{"x": 1}', '{"x":"12345678901234567890"}'].map((params) => `{"custom_id":${id},"params":${params}}`));
  expect(new Set(lines.map(hashOf)).size).toBe(lines.length);
  expect(hashOf('{"params":{}}')).toBe(hashOf('{"custom_id":null,"params":{}}'));
});

it('differs in every word of four bytes where one bit is another', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{1,60}$/), fc.nat(59), (text, at) => {
      const index = at % text.length;
      const other = text.slice(0, index) + (text[index] === 'a' ? 'b' : 'a') + text.slice(index + 1);
      const [one, two] = [text, other].map((value) => hashOf(`{"custom_id":"a","params":{"x":"${value}"}}`));
      for (let word = 0; word < 32; word += 8) expect(one!.slice(word, word + 8)).not.toBe(two!.slice(word, word + 8));
    }),
    { numRuns: 2000 },
  );
});
