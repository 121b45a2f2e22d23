/** Segments as objects: their names and ends follow from the source, so attempts that know nothing of each other agree. */
import { openSegments } from '../../../src/storage';
import { boundaryAfter, chainOfObjects, OBJECT_BYTES, objectName, parseObjectName } from '../../../src/storage/s3/segment-objects';
import { BUCKET, S3Server } from '../../support/s3-server';
import { bytesOf } from '../helpers';
import { LONG } from '../../support/long-form';
import { rowsOfThisForm } from '../../support/long-form';

let server: S3Server;
let test = 0;
let key = '';

beforeAll(async () => {
  server = await S3Server.start();
}, 300_000);

afterAll(() => server.stop());

beforeEach(() => {
  key = `segments-${++test}`;
});

afterEach(() => server.setFaults());

const segments = () => openSegments(`s3://${BUCKET}/${key}`);
const stored = async () => bytesOf((await segments()).read());
const objects = async () => (await server.list(`${key}/`)).filter((each) => each.key.endsWith('.jsonl')).map((each) => ({ ...each, name: each.key.split('/').at(-1)! }));

/** Lines of changing lengths, together somewhat more than so many bytes. */
function source(bytes: number, seed = 'x'): Buffer {
  const lines: string[] = [];
  for (let length = 0, n = 0; length < bytes; n++) {
    lines.push(`${n} ${seed.repeat(50_000 + ((n * 7919) % 60_000))}\n`);
    length += lines.at(-1)!.length;
  }
  return Buffer.from(lines.join(''));
}

/** Appends the source from the checkpoint on, cut into chunks of whole lines. */
async function download(from: Buffer, to = from.length, { linesAtOnce = 3, finish = true } = {}): Promise<number> {
  const opened = await segments();
  const writer = await opened.begin();
  for (let at = opened.checkpoint; at < to; ) {
    let end = at;
    for (let n = 0; n < linesAtOnce && end < to; n++) end = from.indexOf(0x0a, end) + 1;
    await writer.append(from.subarray(at, end));
    at = end;
  }
  const end = await (finish ? writer.finish() : writer.sync());
  await writer.close();
  return end;
}

const truth = source(30_000_000);

describe('objects', () => {
  it('end at the first line end at or after a multiple of 8 MB', async () => {
    await download(truth);
    const ends = (await objects()).map(({ name }) => parseObjectName(name)!.end);
    const boundaries = [1, 2, 3].map((n) => truth.indexOf(0x0a, n * OBJECT_BYTES - 1) + 1);
    expect(ends).toEqual([...boundaries, truth.length]);
    expect((await stored()).equals(truth)).toBe(true);
  });

  if (LONG) it('are the same whatever the chunks and wherever an attempt begins', async () => {
    await download(truth, 12_000_000, { linesAtOnce: 1, finish: false });
    expect(await objects()).toHaveLength(1);
    await download(truth, undefined, { linesAtOnce: 1_000 });
    const names = (await objects()).map(({ name }) => name);
    key = `${key}-again`;
    await download(truth);
    expect((await objects()).map(({ name }) => name)).toEqual(names);
  });

  if (LONG) it('end where an attempt has ended, and the next one goes on to the same boundary', async () => {
    const end = truth.indexOf(0x0a, 10_000_000) + 1;
    expect(await download(truth, end)).toBe(end);
    expect((await segments()).checkpoint).toBe(end);
    await download(truth);
    const ends = (await objects()).map(({ name }) => parseObjectName(name)!.end);
    expect(ends).toContain(truth.indexOf(0x0a, 2 * OBJECT_BYTES - 1) + 1);
    expect((await stored()).equals(truth)).toBe(true);
  });

  it('of two attempts side by side are the same', async () => {
    await Promise.all([download(truth), download(truth, undefined, { linesAtOnce: 7 })]);
    expect(await objects()).toHaveLength(4);
    expect((await stored()).equals(truth)).toBe(true);
  });

  if (LONG) it('hold lines that are longer than themselves', async () => {
    const long = Buffer.from(`${'a'.repeat(100)}\n${'b'.repeat(20_000_000)}\n${'c'.repeat(10)}\n`);
    await download(long, undefined, { linesAtOnce: 1 });
    expect((await objects()).map(({ size }) => size)).toEqual([20_000_102, 11]);
    expect((await stored()).equals(long)).toBe(true);
  });
});

describe('a frozen attempt', () => {
  it('that wakes up writes again what is there', async () => {
    const opened = await segments();
    const frozen = await opened.begin();
    await download(truth);
    const before = await objects();
    await frozen.append(truth.subarray(0, truth.indexOf(0x0a, 17_000_000) + 1));
    await frozen.sync();
    expect(await frozen.superseded()).toBe(false);
    expect(await objects()).toEqual(before);
    await frozen.finish();
    expect((await stored()).equals(truth)).toBe(true);
  });

  it('of results that were put aside cannot harm those of the next batch', async () => {
    await download(truth, truth.indexOf(0x0a, 9_000_000) + 1, { finish: false });
    const frozen = await (await segments()).begin();
    await server.delete(`${key}/series.json`);
    const other = source(20_000_000, 'other ');
    await download(other);
    const { checkpoint } = await segments();
    await frozen.append(truth.subarray(frozen.start, truth.indexOf(0x0a, 17_000_000) + 1));
    await frozen.finish();
    expect(await frozen.superseded()).toBe(true);
    expect((await segments()).checkpoint).toBe(checkpoint);
    expect((await stored()).equals(other)).toBe(true);
  });
});

describe('other results for the same bytes', () => {
  it('of the same length begin a new generation, and end the attempt that found them', async () => {
    const other = Buffer.from(truth.toString().replaceAll('x', 'y'));
    const writer = await (await segments()).begin();
    await download(truth);
    await expect(writer.append(other).then(() => writer.finish())).rejects.toThrow('all of them are fetched anew');
    expect(await segments()).toMatchObject({ generation: 2, checkpoint: 0 });
    await download(other);
    expect((await stored()).equals(other)).toBe(true);
  });

  it.each(rowsOfThisForm([['that end elsewhere', 12_000_000]], [['within one object', 3_000_000]]))('%s are noticed, and never mixed in', async (_how, bytes) => {
    const writer = await (await segments()).begin();
    await download(truth, truth.indexOf(0x0a, 12_000_000) + 1);
    await writer.append(source(bytes, 'other '));
    await writer.finish();
    await expect(segments()).rejects.toMatchObject({ code: 'changed', passing: false, hint: expect.stringContaining('fetched again') });
  });
});

describe('somebody else was here', () => {
  beforeEach(() => download(truth));

  it('notices an object that is gone', async () => {
    const [, second] = await objects();
    await server.delete(second!.key);
    await expect(segments()).rejects.toMatchObject({ code: 'changed', message: expect.stringContaining(`before byte ${parseObjectName(second!.name)!.end}`) });
  });

  it('notices an object of another length', async () => {
    const [first] = await objects();
    await server.put(first!.key, 'short\n');
    await expect(segments()).rejects.toMatchObject({ code: 'changed', path: `s3://${BUCKET}/${first!.key}` });
  });

  if (LONG) it('passes by objects of other names', async () => {
    const [first] = await objects();
    await server.put(`${first!.key}.copy`, 'x');
    expect((await stored()).equals(truth)).toBe(true);
  });
});

it('tells of nothing that is not stored when the server fails', async () => {
  const writer = await (await segments()).begin();
  await server.setFaults({ method: 'PUT', contains: `/${key}/`, times: 100, status: 500 });
  await writer.append(truth.subarray(0, truth.indexOf(0x0a, 9_000_000) + 1));
  await expect(writer.sync()).rejects.toMatchObject({ code: 'unavailable', passing: true });
  await expect(writer.finish()).rejects.toMatchObject({ code: 'unavailable' });
  await writer.close();
  expect(await segments()).toMatchObject({ checkpoint: 0 });
});

describe('names and boundaries', () => {
  it('are read as they are written', () => {
    const object = { generation: 12, start: 34, end: 5_678_901_234 };
    expect(parseObjectName(objectName(object))).toEqual({ name: objectName(object), ...object });
    expect(parseObjectName('series.json')).toBeUndefined();
  });

  it('depend on the place in the source alone', () => {
    expect([0, 1, OBJECT_BYTES - 1, OBJECT_BYTES, 3 * OBJECT_BYTES + 5].map(boundaryAfter)).toEqual([1, 1, 1, 2, 4].map((n) => n * OBJECT_BYTES));
  });

  it('make a chain that takes the longest, and tells of what lies beside it or beyond a gap', () => {
    const of = (start: number, end: number) => ({ name: objectName({ generation: 1, start, end }), generation: 1, start, end });
    expect(chainOfObjects([of(0, 4), of(0, 10), of(4, 10), of(10, 12)])).toEqual({ pieces: [of(0, 10), of(10, 12)], overlaps: [of(0, 4), of(4, 10)] });
    expect(chainOfObjects([of(0, 4), of(5, 10)])).toMatchObject({ gap: of(5, 10) });
    expect(chainOfObjects([of(0, 4), of(2, 10)])).toMatchObject({ gap: of(2, 10) });
    expect(chainOfObjects([of(0, 0)])).toEqual({ pieces: [], overlaps: [] });
  });
});
