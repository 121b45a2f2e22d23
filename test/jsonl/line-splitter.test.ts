import fc from 'fast-check';
import { LineSplitter, splitLines, type Line } from '../../src/jsonl';

/** Where a line may be cut badly: separators that end no line, characters of three and four bytes, CR, quotes, a byte order mark. */
const trickyText = fc.array(fc.constantFrom('a', '\r', '"', '\\', '\ufeff', 'é', '\u0085', '\u2028', '\u2029', '€', '🌍', '{"k":1}', ' '), { maxLength: 40 }).map((parts) => parts.join(''));
const source = fc
  .tuple(fc.array(trickyText, { maxLength: 12 }), fc.boolean())
  .map(([lines, endsWithLineFeed]) => Buffer.from(lines.join('\n') + (endsWithLineFeed ? '\n' : '')));

/** A plain split of the whole, the reference. */
function plainSplit(bytes: Buffer, startOffset: number): { text: string; offset: number; terminated: boolean }[] {
  const pieces = bytes.toString('latin1').split('\n');
  let offset = startOffset;
  const lines = pieces.map((text, index) => {
    const line = { text, offset, terminated: index < pieces.length - 1 };
    offset += text.length + 1;
    return line;
  });
  return lines.filter(({ text, terminated }) => terminated || text !== '');
}

function chunksOf(bytes: Buffer, cuts: number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
}

function split(chunks: Uint8Array[], startOffset = 0): Line[] {
  const splitter = new LineSplitter(startOffset);
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return last ? [...lines, last] : lines;
}

const comparable = (lines: Line[]) => lines.map(({ bytes, offset, terminated }) => ({ text: bytes.toString('latin1'), offset, terminated }));

test('any chunking of any bytes gives what a plain split of the whole gives', () => {
  fc.assert(
    fc.property(source, fc.array(fc.nat(), { maxLength: 30 }), fc.nat(1_000_000), (bytes, cuts, startOffset) => {
      expect(comparable(split(chunksOf(bytes, cuts), startOffset))).toEqual(plainSplit(bytes, startOffset));
    }),
    { numRuns: 2_000 },
  );
});

test('so do one-byte chunks, and chunks that are no Buffers', () => {
  fc.assert(
    fc.property(source, (bytes) => {
      const ones = Array.from(bytes, (byte) => Uint8Array.of(byte));
      expect(comparable(split(ones))).toEqual(plainSplit(bytes, 0));
    }),
    { numRuns: 300 },
  );
});

test('lines stay as they are when later chunks come', () => {
  const bytes = Buffer.from(Array.from({ length: 2_000 }, (_, index) => `line ${index} ${'x'.repeat(index % 97)}`).join('\n'));
  for (const size of [1, 2, 7, 100, 5_000]) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    expect(split(chunks).map((line) => line.bytes.toString())).toEqual(bytes.toString().split('\n'));
  }
});

test('pieces of all sizes are joined in their order', () => {
  const pieces = [1, 5_000, 3, 3, 70_000, 4_096, 4_095, 300, 1, 65_536, 2].map((size, index) => Buffer.alloc(size, 97 + index));
  const line = Buffer.concat(pieces);
  const splitter = new LineSplitter();
  for (const piece of pieces) expect(splitter.push(piece)).toEqual([]);
  expect(splitter.heldBytes).toBe(line.length);
  const [first, second] = splitter.push(Buffer.from('\nnext\n'));
  expect(first!.bytes.equals(line)).toBe(true);
  expect(second).toMatchObject({ offset: line.length + 1, terminated: true });
  expect(splitter.heldBytes).toBe(0);
});

// Quadratic work would take minutes for either.
test.each([
  ['in chunks of 64 KB', 65_536, 16 * 1024 * 1024],
  ['in one-byte chunks', 1, 4 * 1024 * 1024],
])('a long line costs linear time and little more memory than itself, %s', (_, size, length) => {
  const splitter = new LineSplitter();
  const chunk = Buffer.alloc(size, 0x61);
  const memory = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const before = memory();
  const began = process.cpuUsage();
  let most = 0;
  for (let held = 0; held < length; held += size) {
    splitter.push(Buffer.from(chunk));
    if (held % (256 * 1024) === 0) most = Math.max(most, memory() - before);
  }
  const [line] = splitter.push(Buffer.from('\n'));
  // Not by the clock: others may have the processor meanwhile.
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1000).toBeLessThan(20_000);
  expect(line!.bytes.length).toBe(length);
  // The line, its parts, and garbage that was not collected yet. A buffer for every byte would take twice as much.
  expect(most).toBeLessThan(2 * length + 200 * 1024 * 1024);
});

test('splitLines gives the lines of a chunk together, and nothing for a chunk without a line end', async () => {
  const chunks = ['a\nb\nc', 'd', '\n\ne'].map((text) => Buffer.from(text));
  const given: string[][] = [];
  for await (const lines of splitLines((async function* () { yield* chunks; })(), 10)) given.push(lines.map(({ bytes, offset }) => `${offset}:${bytes.toString()}`));
  expect(given).toEqual([['10:a', '12:b'], ['14:cd', '17:'], ['18:e']]);
});
