/** What both stores promise, by the same tests: local files, and a real S3 server. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  createMark,
  createRecord,
  joinLocation,
  look,
  moveSegments,
  namesIn,
  newestIn,
  openNewFolder,
  openReplacement,
  openSegments,
  openStorageRoot,
  readChunks,
  readLines,
  readRecord,
  readWhole,
  removeDurably,
  replaceRecord,
} from '../../src/storage';
import { BUCKET, S3Server } from '../support/s3-server';
import { bytesOf, collect } from './helpers';

let server: S3Server;

beforeAll(async () => {
  server = await S3Server.start();
}, 300_000);

afterAll(() => server.stop());

const PLACES = {
  'local files': {
    open: () => mkdtemp(join(tmpdir(), 'message-batches-store-')),
    close: (folder: string) => rm(folder, { recursive: true }),
  },
  S3: {
    // Whatever people write into keys.
    open: async () => `s3://${BUCKET}/ä b+c%20&=/${randomBytes(4).toString('hex')}`,
    close: async () => undefined,
  },
};

describe.each(Object.entries(PLACES))('%s', (_name, place) => {
  let folder: string;
  const at = (...names: string[]) => joinLocation(folder, ...names);

  beforeEach(async () => {
    folder = await place.open();
  });

  afterEach(() => place.close(folder));

  async function write(location: string, ...chunks: (Buffer | string)[]): Promise<string> {
    const file = await openReplacement(location);
    for (const chunk of chunks) await file.writer.append(Buffer.from(chunk));
    await file.commit();
    return location;
  }

  describe('records', () => {
    it('are created once, and read', async () => {
      expect(await readRecord(at('a', 'b.json'))).toBeUndefined();
      expect(await createRecord(at('a', 'b.json'), { one: 1 })).toBe(true);
      expect(await createRecord(at('a', 'b.json'), { two: 2 })).toBe(false);
      expect(await readRecord(at('a', 'b.json'))).toEqual({ one: 1 });
    });

    it('of several creators at once exactly one wins, and its record stays', async () => {
      const created = await Promise.all(Array.from({ length: 16 }, (_, who) => createRecord(at('r.json'), { who })));
      expect(created.filter(Boolean)).toHaveLength(1);
      expect(await readRecord(at('r.json'))).toEqual({ who: created.indexOf(true) });
    });

    it('are replaced', async () => {
      await replaceRecord(at('r.json'), { n: 1 });
      await replaceRecord(at('r.json'), { n: 2 });
      expect(await readRecord(at('r.json'))).toEqual({ n: 2 });
    });

    it('that are not JSON are named', async () => {
      await write(at('r.json'), 'not json');
      await expect(readRecord(at('r.json'))).rejects.toMatchObject({ code: 'damaged', path: at('r.json') });
    });
  });

  it('of several that want a mark at once, exactly one gets it', async () => {
    const marks = await Promise.all(Array.from({ length: 16 }, () => createMark(at('marks', '7', '0'))));
    expect(marks.filter(Boolean)).toHaveLength(1);
    expect(await createMark(at('marks', '7', '0'))).toBe(false);
    expect(await createMark(at('marks', '7', '1'))).toBe(true);
    expect((await namesIn(at('marks', '7'))).sort()).toEqual(['0', '1']);
    await removeDurably(at('marks', '7'));
    expect(await namesIn(at('marks'))).toEqual([]);
  });

  describe('reading', () => {
    it('gives any range', async () => {
      const path = await write(at('f'), '0123456789');
      for (const [offset, length, text] of [
        [0, undefined, '0123456789'],
        [3, 4, '3456'],
        [8, 100, '89'],
        [10, undefined, ''],
        [20, 5, ''],
        [2, 0, ''],
      ] as const) {
        expect((await bytesOf(readChunks(path, { offset, length }))).toString()).toBe(text);
      }
    });

    it('gives an empty file, and one of many chunks', async () => {
      expect(await bytesOf(readChunks(await write(at('empty'))))).toHaveLength(0);
      const bytes = randomBytes(19_000_001);
      expect((await bytesOf(readChunks(await write(at('large'), bytes)))).equals(bytes)).toBe(true);
    });

    it('gives lines, of gzip too', async () => {
      const path = await write(at('lines.gz'), gzipSync('a\nb\nc'));
      expect((await collect(readLines(path))).flat().map((line) => line.bytes.toString())).toEqual(['a', 'b', 'c']);
    });

    it('names what does not exist', async () => {
      await expect(bytesOf(readChunks(at('none')))).rejects.toMatchObject({ code: 'changed', path: at('none'), missing: true });
      await expect(readWhole(at('none'))).rejects.toMatchObject({ code: 'changed', path: at('none'), missing: true });
    });

    it('stops when it is told to, with the reason as it is', async () => {
      const path = await write(at('large'), randomBytes(9_000_000));
      const controller = new AbortController();
      const chunks = readChunks(path, { signal: controller.signal });
      await chunks.next();
      const reason = new Error('enough');
      controller.abort(reason);
      await expect(bytesOf(chunks)).rejects.toBe(reason);
    });
  });

  describe('looking', () => {
    it('tells files, folders and nothing apart', async () => {
      await write(at('folder', 'file'), '12345');
      expect(await look(at('folder', 'file'))).toMatchObject({ kind: 'file', size: 5 });
      expect(await look(at('folder'))).toMatchObject({ kind: 'folder' });
      expect(await look(at('fold'))).toBeUndefined();
    });

    it('lists names in a folder', async () => {
      for (const name of ['a', 'b']) await write(at('folder', name), name);
      await write(at('folder', 'sub', 'c'), 'c');
      expect((await namesIn(at('folder'))).sort()).toEqual(['a', 'b', 'sub']);
      expect(await namesIn(at('none'))).toEqual([]);
    });

    it('lists what was written last', async () => {
      for (const name of ['b', 'a', 'c']) {
        await write(at('folder', name), name);
        // S3 tells times by the second.
        await new Promise((resolve) => setTimeout(resolve, 1_100));
      }
      expect(await newestIn(at('folder'), 2)).toEqual(['c', 'a']);
      expect(await newestIn(at('none'), 2)).toEqual([]);
    });
  });

  describe('a replacement', () => {
    it('appears whole, when it is committed', async () => {
      await write(at('f'), 'before');
      const file = await openReplacement(at('f'));
      const bytes = randomBytes(20_000_000);
      for (let from = 0; from < bytes.length; from += 3_000_000) await file.writer.append(bytes.subarray(from, from + 3_000_000));
      expect((await readWhole(at('f'))).toString()).toBe('before');
      await file.commit();
      await file.discard();
      expect((await readWhole(at('f'))).equals(bytes)).toBe(true);
    });

    it('leaves nothing when it is discarded', async () => {
      const file = await openReplacement(at('folder', 'f'));
      await file.writer.append(randomBytes(20_000_000));
      await file.discard();
      expect(await namesIn(at('folder'))).toEqual([]);
      await expect(server.openUploads()).resolves.toBe(0);
    });
  });

  describe('a new folder', () => {
    const fill = async (text: string) => {
      const made = await openNewFolder(at('work', 'round'));
      await made.makeFolder(joinLocation(made.location, 'part'));
      const file = await made.openFile(joinLocation(made.location, 'part', 'f'));
      await file.append(Buffer.from(text));
      await file.finish();
      await made.writeFile(joinLocation(made.location, 'part', 'small'), Buffer.from(text));
      return made;
    };

    it('has its mark only when all of it is there', async () => {
      const made = await fill('text');
      expect(await readRecord(at('work', 'round', 'mark.json'))).toBeUndefined();
      expect(await made.commit(joinLocation(made.location, 'mark.json'), '{}\n')).toBe(true);
      expect(await readRecord(at('work', 'round', 'mark.json'))).toEqual({});
      for (const name of ['f', 'small']) expect((await readWhole(at('work', 'round', 'part', name))).toString()).toBe('text');
      expect(await namesIn(at('work'))).toEqual(['round']);
    });

    it('that another one has made first holds', async () => {
      const first = await fill('text');
      expect(await first.commit(joinLocation(first.location, 'mark.json'), '{"who":1}\n')).toBe(true);
      const late = await fill('text');
      expect(await late.commit(joinLocation(late.location, 'mark.json'), '{"who":2}\n')).toBe(false);
      await late.discard();
      expect(await readRecord(at('work', 'round', 'mark.json'))).toEqual({ who: 1 });
      expect((await readWhole(at('work', 'round', 'part', 'f'))).toString()).toBe('text');
    });
  });

  it('removes files and folders, and what is not there', async () => {
    for (const name of ['x', 'folder/a', 'folder/sub/b', 'folder2']) await write(at(...name.split('/')), 'x');
    await removeDurably(at('folder'));
    await removeDurably(at('x'));
    await removeDurably(at('none'));
    expect(await namesIn(folder)).toEqual(['folder2']);
  });

  it('is a storage root that keeps its id', async () => {
    const ids = await Promise.all(Array.from({ length: 4 }, () => openStorageRoot(at('root'))));
    expect(new Set(ids.map(({ id }) => id)).size).toBe(1);
    expect(ids[0]).toEqual({ folder: at('root'), id: expect.stringMatching(/^[0-9a-f]{8}$/) });
  });

  describe('segments', () => {
    const lines = (...texts: string[]) => Buffer.from(texts.map((text) => `${text}\n`).join(''));
    const segments = () => openSegments(at('segments'));
    const stored = async () => (await bytesOf((await segments()).read())).toString();
    const store = async (...texts: string[]) => {
      const writer = await (await segments()).begin();
      await writer.append(lines(...texts));
      const end = await writer.finish();
      await writer.close();
      return end;
    };

    it('hold nothing where nothing was stored', async () => {
      expect(await segments()).toMatchObject({ generation: 1, checkpoint: 0 });
      await (await (await segments()).begin()).close();
      expect(await segments()).toMatchObject({ generation: 1, checkpoint: 0 });
      expect(await stored()).toBe('');
    });

    it('go on at the checkpoint, and give any range back', async () => {
      expect(await store('aaa', 'bbb')).toBe(8);
      expect((await segments()).checkpoint).toBe(8);
      expect(await store('ccc')).toBe(12);
      const all = 'aaa\nbbb\nccc\n';
      expect(await stored()).toBe(all);
      const opened = await segments();
      for (let from = 0; from <= all.length; from += 3) expect((await opened.readBytes(from, all.length)).toString()).toBe(all.slice(from));
      const { path, offset } = opened.locate(9);
      expect((await bytesOf(readChunks(path, { offset, length: 2 }))).toString()).toBe('cc');
      expect(() => opened.locate(12)).toThrow(RangeError);
    });

    it('never tell of more than is stored', async () => {
      const writer = await (await segments()).begin();
      const line = Buffer.from(`${'x'.repeat(99_999)}\n`);
      for (let n = 1; n <= 250; n++) {
        await writer.append(line);
        if (n % 50 > 0) continue;
        const end = await writer.sync();
        expect(end).toBeLessThanOrEqual(n * line.length);
        expect((await segments()).checkpoint).toBeGreaterThanOrEqual(end);
      }
      expect(await writer.finish()).toBe(25_000_000);
      await writer.close();
      expect((await bytesOf((await segments()).read())).equals(Buffer.concat(Array.from({ length: 250 }, () => line)))).toBe(true);
    });

    it('take whole lines only', async () => {
      const writer = await (await segments()).begin();
      await expect(writer.append(Buffer.from('a\nb'))).rejects.toThrow('whole lines');
      await writer.append(Buffer.alloc(0));
      await writer.close();
    });

    it('begin anew in another generation, which tells the earlier writer to stop', async () => {
      await store('old');
      const writer = await (await segments()).begin();
      expect(await writer.superseded()).toBe(false);
      const [one, two] = [await segments(), await segments()];
      const both = await Promise.all([one.newGeneration(), two.newGeneration()]);
      expect(both.map(({ generation, checkpoint }) => ({ generation, checkpoint }))).toEqual([{ generation: 2, checkpoint: 0 }, { generation: 2, checkpoint: 0 }]);
      expect(await writer.superseded()).toBe(true);
      await writer.close();
      await store('new');
      expect(await stored()).toBe('new\n');
      expect((await bytesOf((await openSegments(at('segments'), { generation: 1 })).read())).toString()).toBe('old\n');
    });

    it('can be put aside, once, and what a frozen attempt still writes then is read by nobody', async () => {
      await store('old');
      const frozen = await (await segments()).begin();
      await frozen.append(lines('more'));
      await moveSegments(at('segments'), at('segments.of-x'));
      expect(await stored()).toBe('');
      expect(await frozen.superseded()).toBe(true);
      await frozen.finish();
      await frozen.close();
      await store('new');
      await moveSegments(at('segments'), at('segments.of-x'));
      expect(await stored()).toBe('new\n');
      expect((await bytesOf((await openSegments(at('segments.of-x'))).read())).toString()).toMatch(/^old\n/);
      await moveSegments(at('none'), at('none.of-x'));
    });
  });
});
