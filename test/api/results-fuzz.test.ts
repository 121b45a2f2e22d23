/**
 * Results with random mistakes in them, over a real connection, against a plain split and JSON.parse. Takes FUZZ_SECONDS (default 10).
 * A failure prints its seed and the smallest case found; FUZZ_SEED and FUZZ_PATH run that one again.
 */
import fc from 'fast-check';
import { InvalidAnswerError, MessageBatchesApi } from '../../src/api';
import { parsedLine, randomLine } from './support/random-results';
import { closeServers, streamingServer } from './support/servers';
import { LONG } from '../support/long-form';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? (LONG ? 10 : 3));
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const PATH = process.env['FUZZ_PATH'];

/** What mistakes put in, or in the place of something: bytes that mean something in JSON, JSONL or UTF-8, and ends and beginnings of results. */
const FRAGMENTS = [
  '\n', '\r', ' ', '"', '\\', '{', '}', '[', ']', ',', ':', '\0', '},"', '}}}', '}}}}\n', ',"type":"errored"', ',"custom_id":"other"', ',"result":{"type":"expired"}', '},"type":"errored","x":{"y":{}}',
  '{"custom_id":"', '","result":{"type":"succeeded","message":{', '\ufeff', '\u2028', '🌍',
].map((text) => Buffer.from(text));
const BAD_UTF8 = [[0xff], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x8c], [0xed, 0xa0, 0x80]].map((bytes) => Buffer.from(bytes));

interface Mistake {
  place: number;
  removed: number;
  inserted: Buffer;
}

const mistake: fc.Arbitrary<Mistake> = fc.record({
  place: fc.nat(),
  removed: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 4 }), fc.nat(200)),
  inserted: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...FRAGMENTS) },
    { weight: 1, arbitrary: fc.constantFrom(...BAD_UTF8) },
    { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)) },
  ),
});

function withMistakes(bytes: Buffer, mistakes: Mistake[]): Buffer {
  return mistakes.reduce((before, { place, removed, inserted }) => {
    const at = place % (before.length + 1);
    return Buffer.concat([before.subarray(0, at), inserted, before.subarray(Math.min(at + removed, before.length))]);
  }, bytes);
}

const body = fc
  .record({ lines: fc.array(randomLine, { maxLength: 6 }), lineEnd: fc.constantFrom('\n', '\n', '\r\n'), last: fc.constantFrom('', '\n'), mistakes: fc.array(mistake, { maxLength: 4 }) })
  .map(({ lines, lineEnd, last, mistakes }) => withMistakes(Buffer.from(lines.join(lineEnd) + last), mistakes));

interface ExpectedLine {
  bytes: Buffer;
  offset: number;
  number: number;
  result: ReturnType<typeof parsedLine>;
}

/** A plain split of the whole body, each line parsed. */
function expectedLines(body: Buffer): ExpectedLine[] {
  const lines: ExpectedLine[] = [];
  for (let offset = 0, number = 1; offset < body.length; number++) {
    const lineFeed = body.indexOf(0x0a, offset);
    const end = lineFeed === -1 ? body.length : lineFeed;
    const hasMark = offset === 0 && body.subarray(0, 3).equals(Buffer.from('\ufeff'));
    const begin = hasMark ? 3 : offset;
    const bytes = body.subarray(begin, end);
    if (!/^[ \t\r]*$/.test(bytes.toString('latin1'))) lines.push({ bytes, offset: begin, number, result: parsedLine(bytes) });
    offset = end + 1;
  }
  return lines;
}

let served: Buffer = Buffer.alloc(0);
let cuts: number[] = [];
let api: MessageBatchesApi;

beforeAll(async () => {
  const server = await streamingServer((_, response) => {
    const places = [0, ...cuts.map((cut) => cut % (served.length + 1)).sort((a, b) => a - b), served.length];
    // Each write is a chunk of HTTP, and comes out of the client as one.
    places.slice(1).forEach((place, index) => place > places[index]! && response.write(served.subarray(places[index], place)));
    response.end();
  });
  api = new MessageBatchesApi({ baseUrl: server.url, maxRetries: 0 });
});

afterAll(async () => {
  await api.close();
  await closeServers();
});

/** Every line up to the first that is no result, each once, with what JSON.parse says about it. */
async function checkLines(expected: ExpectedLine[]): Promise<void> {
  let index = 0;
  try {
    for await (const line of (await api.results('fuzz')).lines()) {
      const { bytes, offset, number, result } = expected[index++] ?? { bytes: undefined, offset: -1, number: -1, result: undefined };
      expect(line).toMatchObject({ offset, number });
      expect(line.bytes.equals(bytes!)).toBe(true);
      if (result) {
        expect({ customId: line.customId, outcome: line.outcome }).toEqual(result);
        expect(line.parse()).toEqual(JSON.parse(line.bytes.toString()));
      } else {
        // A succeeded line whose message is no JSON: that shows when it is parsed, and only then.
        expect(line.outcome).toBe('succeeded');
        expect(() => line.parse()).toThrow(InvalidAnswerError);
      }
    }
  } catch (error) {
    expectNamed(error, expected[index++]);
    return;
  }
  expect(index).toBe(expected.length);
}

async function checkResults(expected: ExpectedLine[]): Promise<void> {
  let index = 0;
  try {
    for await (const result of await api.results('fuzz')) {
      const line = expected[index++]!;
      expect(line.result).toBeDefined();
      expect(result).toEqual(JSON.parse(line.bytes.toString()));
    }
  } catch (error) {
    expectNamed(error, expected[index++]);
    return;
  }
  expect(index).toBe(expected.length);
}

/** The error is about this line, which is no result, and holds none of it. */
function expectNamed(error: unknown, line: ExpectedLine | undefined): void {
  if (!(error instanceof InvalidAnswerError)) throw error;
  // A body that begins with < is taken for a page.
  if (error.message.includes('its body is HTML')) return expect(served.toString('latin1').replace('ï»¿', '').trimStart()[0]).toBe('<');
  expect(line?.result).toBeUndefined();
  expect(error.message).toContain(`but line ${line!.number} of the results (at byte ${line!.offset}) `);
  expect(error.message.slice(error.message.indexOf('(at byte'))).toMatch(/^\(at byte \d+\) (is not (JSON|valid UTF-8|a JSON object)|has no (custom_id|result\.type)|ends in the middle, without a line feed: .*)\.$/);
}

test(
  `finds every result between mistakes, for ${SECONDS} s from seed ${SEED}`,
  async () => {
    let cases = 0;
    const property = fc.asyncProperty(body, fc.array(fc.nat(), { maxLength: 12 }), async (bytes, places) => {
      cases++;
      served = bytes;
      cuts = places;
      const expected = expectedLines(bytes);
      await checkLines(expected);
      await checkResults(expected);
    });
    const rerun = PATH === undefined ? {} : { path: PATH };
    const report = await fc.check(property, { seed: SEED, ...rerun, numRuns: 10_000_000, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false });
    if (report.failed) {
      const again = `FUZZ_SEED=${report.seed} FUZZ_PATH=${report.counterexamplePath} npx jest test/api/results-fuzz`;
      const [bytes, places] = report.counterexample!;
      throw new Error(`After ${cases} cases. Again: ${again}\nbody (base64): ${bytes.toString('base64')}\nchunks cut at: ${places.join(', ')}\n${String(report.errorInstance)}`, { cause: report.errorInstance });
    }
    process.stderr.write(`fuzz: ${cases} bodies from seed ${SEED}\n`);
    expect(cases).toBeGreaterThan(0);
  },
  SECONDS * 1000 + 120_000,
);
