import fc from 'fast-check';
import { isJsonSpace, skipSpace, skipString } from '../../src/jsonl';

const text = fc.array(fc.constantFrom('"', '\\', '\\\\', '\n', 'a', 'é', '🌍', '\u0000', '{', '}', 'a long stretch of plain text without anything in it'), { maxLength: 30 }).map((parts) => parts.join(''));

test('skipString finds the end of every string, wherever it stands and whatever follows', () => {
  fc.assert(
    fc.property(text, text, text, (before, inside, after) => {
      const head = Buffer.from(before);
      const string = Buffer.from(JSON.stringify(inside));
      const bytes = Buffer.concat([head, string, Buffer.from(after)]);
      expect(skipString(bytes, head.length)).toBe(head.length + string.length);
    }),
    { numRuns: 2_000 },
  );
});

test('skipString of a string that is not closed is the length', () => {
  fc.assert(
    fc.property(text, (inside) => {
      const bytes = Buffer.from(JSON.stringify(inside).slice(0, -1));
      expect(skipString(bytes, 0)).toBe(bytes.length);
    }),
    { numRuns: 1_000 },
  );
});

test('escapes are told from quotes at every distance from the beginning', () => {
  for (let length = 0; length < 80; length++) {
    for (const end of ['\\\\"', '\\"x"', '\\\\\\"x"']) {
      const string = Buffer.from(`"${'x'.repeat(length)}${end}`);
      expect(skipString(Buffer.concat([string, Buffer.from(' "')]), 0)).toBe(string.length);
    }
  }
});

test('white space is that of JSON', () => {
  for (let byte = 0; byte < 256; byte++) expect(isJsonSpace(byte)).toBe(' \t\r\n'.includes(String.fromCharCode(byte)));
  expect(skipSpace(Buffer.from(' \t\r\n x'), 0)).toBe(5);
  expect(skipSpace(Buffer.from('x  '), 1)).toBe(3);
});
