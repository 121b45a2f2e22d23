import { appendFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSegments, StorageError, SupersededError } from '../../src/storage';
import { bytesOf, killAfterLines, runChild, useFolder } from './helpers';

const folder = useFolder();
const lines = (...texts: string[]) => Buffer.from(texts.map((text) => `${text}\n`).join(''));
const stored = async () => (await bytesOf((await openSegments(folder.path)).read())).toString();
const path = (name: string) => join(folder.path, name);
const FIRST = 'g0001-000000000000000000-01.jsonl';

/** Begins a segment at the checkpoint and syncs some lines into it. */
async function store(...texts: string[]) {
  const writer = await (await openSegments(folder.path)).begin();
  await writer.append(lines(...texts));
  await writer.sync();
  return writer;
}

describe('one attempt after another', () => {
  it('begins at zero where nothing is stored, also where there is no folder', async () => {
    const segments = await openSegments(join(folder.path, 'not/there'));
    expect(segments).toMatchObject({ generation: 1, checkpoint: 0 });
    await (await segments.begin()).close();
    expect(readdirSync(join(folder.path, 'not/there'))).toEqual([FIRST]);
  });

  it('gives the synced offset, and the same bytes back', async () => {
    const writer = await (await openSegments(folder.path)).begin();
    await writer.append(lines('a', 'b'));
    expect(await writer.sync()).toBe(4);
    await writer.append(lines('c'));
    expect(await writer.sync()).toBe(6);
    await writer.close();
    expect(await openSegments(folder.path)).toMatchObject({ generation: 1, checkpoint: 6 });
    expect(await stored()).toBe('a\nb\nc\n');
  });

  it('takes whole lines only', async () => {
    const writer = await (await openSegments(folder.path)).begin();
    await expect(writer.append(Buffer.from('a\nb'))).rejects.toThrow('whole lines');
    await writer.append(Buffer.alloc(0));
    await writer.close();
  });

  it('goes on after the last whole line of an attempt that died', async () => {
    await (await store('aa', 'bb')).close();
    appendFileSync(path(FIRST), 'cut off');
    const next = await store('cc');
    await next.close();
    expect(next.path).toBe(path('g0001-000000000000000006-01.jsonl'));
    expect(await stored()).toBe('aa\nbb\ncc\n');
    expect(readFileSync(path(FIRST), 'utf8')).toBe('aa\nbb\ncut off');
  });

  it('begins with another ordinal where an attempt died before its first line', async () => {
    await (await store('aa')).close();
    await (await store()).close();
    const third = await store('bb');
    await third.close();
    expect(third.path).toBe(path('g0001-000000000000000003-02.jsonl'));
    expect(await stored()).toBe('aa\nbb\n');
  });

  it('does not count zeros that a power loss left in a file that was growing, nor what follows them', async () => {
    await (await store('aa', 'bb')).close();
    appendFileSync(path(FIRST), Buffer.concat([lines('cc'), Buffer.alloc(5000), lines('', 'dd'.repeat(1_000_000), 'ee'.repeat(1_000_000))]));
    expect((await openSegments(folder.path)).checkpoint).toBe(9);
    await (await store('c2')).close();
    expect(await stored()).toBe('aa\nbb\ncc\nc2\n');
  });

  it('does not count such zeros where they reach over two chunks of reading', async () => {
    await (await store('a'.repeat(1_048_576 - 31))).close();
    appendFileSync(path(FIRST), Buffer.concat([Buffer.alloc(64), lines('', 'dd')]));
    expect((await openSegments(folder.path)).checkpoint).toBe(1_048_576 - 30);
  });

  it.each([1, 63])('takes a line with %d zeros in it for a line, which hides none after it', async (zeros) => {
    const odd = `b${'\0'.repeat(zeros)}b`;
    const long = 'c'.repeat(1_048_576);
    await (await store('aa', odd, long, odd, 'dd')).close();
    expect((await openSegments(folder.path)).checkpoint).toBe(3 + 2 * (3 + zeros) + 1_048_577 + 3);
    expect(await stored()).toBe(`aa\n${odd}\n${long}\n${odd}\ndd\n`);
  });

  it('carries far more than one write through, without holding it in memory', async () => {
    const line = Buffer.from(`${'x'.repeat(99_999)}\n`);
    const writer = await (await openSegments(folder.path)).begin();
    for (let i = 0; i < 500; i++) await writer.append(line);
    expect(await writer.sync()).toBe(50_000_000);
    await writer.close();
    expect((await bytesOf((await openSegments(folder.path)).read())).equals(Buffer.concat(Array.from({ length: 500 }, () => line)))).toBe(true);
  });
});

describe('two attempts at once', () => {
  it('ignores what a frozen attempt appends when it wakes up', async () => {
    const frozen = await store('aa', 'bb');
    const next = await store('cc', 'dd');
    await frozen.append(lines('cc', 'dd', 'ee', 'ff'));
    await frozen.sync();
    expect(await stored()).toBe('aa\nbb\ncc\ndd\n');
    expect(await frozen.superseded()).toBe(true);
    expect(await next.superseded()).toBe(false);
    await Promise.all([frozen.close(), next.close()]);
  });

  it('lets one of two begin that have seen the same: one that was frozen since then hides nothing', async () => {
    const [first, second] = await Promise.all([openSegments(folder.path), openSegments(folder.path)]);
    const one = await first.begin();
    await one.append(lines('one', 'two'));
    await one.sync();
    await expect(second.begin()).rejects.toBeInstanceOf(SupersededError);
    expect(await one.superseded()).toBe(false);
    expect(await stored()).toBe('one\ntwo\n');
    await one.close();
  });

  it('holds together where an attempt begins late, at a byte that others have passed', async () => {
    const first = await store('aa');
    const late = await openSegments(folder.path);
    await first.append(lines('bb', 'cc'));
    await first.sync();
    const third = await store('dd');
    const writer = await late.begin();
    await writer.append(lines('bb'));
    await writer.sync();
    expect(await writer.superseded()).toBe(true);
    expect(await stored()).toBe('aa\nbb\ncc\ndd\n');
    await writer.append(lines('cc', 'dd', 'ee'));
    await writer.sync();
    expect(await stored()).toBe('aa\nbb\ncc\ndd\n');
    await Promise.all([first.close(), third.close(), writer.close()]);
  });

  it('tells a writer whose folder was put aside to stop', async () => {
    const writer = await store('aa');
    rmSync(folder.path, { recursive: true });
    await expect(writer.superseded()).resolves.toBe(true);
    await writer.close();
  });
});

describe('a new generation', () => {
  it('begins at zero, is found by the next to open, and leaves the earlier one as it is', async () => {
    const old = await store('aa', 'bb');
    const fresh = await (await openSegments(folder.path)).newGeneration();
    expect(fresh).toMatchObject({ generation: 2, checkpoint: 0 });
    expect(await openSegments(folder.path)).toMatchObject({ generation: 2, checkpoint: 0 });
    expect(await old.superseded()).toBe(true);
    await (await store('xx')).close();
    expect(await stored()).toBe('xx\n');
    expect((await bytesOf((await openSegments(folder.path, { generation: 1 })).read())).toString()).toBe('aa\nbb\n');
    await old.close();
  });

  it('is the same one for two who begin it at once', async () => {
    await (await store('aa')).close();
    const segments = await openSegments(folder.path);
    const both = await Promise.all([segments.newGeneration(), segments.newGeneration()]);
    expect(both.map((each) => each.generation)).toEqual([2, 2]);
  });
});

describe('reading', () => {
  beforeEach(async () => {
    for (const text of ['aaa', 'bbb', 'ccc']) await (await store(text)).close();
  });

  it('gives any range, over segments', async () => {
    const segments = await openSegments(folder.path);
    const all = 'aaa\nbbb\nccc\n';
    for (let from = 0; from <= all.length; from++) {
      for (let to = from; to <= all.length + 1; to++) expect((await segments.readBytes(from, to)).toString()).toBe(all.slice(from, to));
    }
  });

  it('locates bytes in files', async () => {
    const segments = await openSegments(folder.path);
    expect(segments.locate(0)).toEqual({ path: path(FIRST), offset: 0 });
    expect(segments.locate(3)).toEqual({ path: path(FIRST), offset: 3 });
    expect(segments.locate(4)).toEqual({ path: path('g0001-000000000000000004-01.jsonl'), offset: 0 });
    expect(() => segments.locate(12)).toThrow(RangeError);
  });
});

describe('somebody else was here', () => {
  beforeEach(async () => {
    for (const text of ['aaa', 'bbb', 'ccc']) await (await store(text)).close();
  });

  it('names a segment that became shorter', async () => {
    truncateSync(path(FIRST), 2);
    await expect(openSegments(folder.path)).rejects.toMatchObject({ code: 'changed', path: path(FIRST), message: expect.stringContaining('ends at byte 2') });
  });

  it('notices that a segment in the middle is gone', async () => {
    rmSync(path('g0001-000000000000000004-01.jsonl'));
    await expect(openSegments(folder.path)).rejects.toMatchObject({ code: 'changed', path: path(FIRST) });
  });

  it('notices that the first segment is gone', async () => {
    rmSync(path(FIRST));
    await expect(openSegments(folder.path)).rejects.toThrow('The results before byte 4 are gone');
  });

  it('notices that the lines of a segment are not where they were', async () => {
    writeFileSync(path(FIRST), 'a line of another length\n');
    await expect(openSegments(folder.path)).rejects.toMatchObject({ code: 'changed', path: path(FIRST) });
  });

  it('notices a segment that becomes shorter after it was opened', async () => {
    const segments = await openSegments(folder.path);
    truncateSync(path(FIRST), 1);
    await expect(bytesOf(segments.read())).rejects.toThrow(StorageError);
  });

  it('passes by files of other names', async () => {
    writeFileSync(path('g0001-000000000000000004-01.jsonl.copy'), 'x');
    writeFileSync(path('.hidden'), 'x');
    expect(await stored()).toBe('aaa\nbbb\nccc\n');
  });
});

const child = join(__dirname, 'children/write-segments.ts');

it('kill -9 at any moment keeps what was synced, and the next attempt goes on there', async () => {
  for (const said of [1, 4, 2, 8, 1, 5]) {
    const offsets = (await killAfterLines(runChild(child, [folder.path]), said)).map(Number);
    const segments = await openSegments(folder.path);
    expect(segments.checkpoint).toBeGreaterThanOrEqual(offsets.at(-1)!);
    const bytes = await bytesOf(segments.read());
    const numbers = bytes.toString().trimEnd().split('\n').map((line) => JSON.parse(line) as { n: number });
    expect(numbers.map(({ n }) => n)).toEqual(numbers.map((_, index) => index));
  }
  expect(readdirSync(folder.path)).toHaveLength(6);
});

it('a disk that takes no more leaves whole lines to go on from, and an error that names the file', async () => {
  // ulimit -f counts 1,024-byte blocks in bash: 3 MB.
  const wrapper = ['bash', '-c', 'ulimit -f 3072; exec "$@"', 'bash'];
  const text = await new Promise<string>((resolve) => {
    let all = '';
    const process = runChild(child, [folder.path], wrapper);
    process.stdout!.setEncoding('utf8').on('data', (chunk: string) => (all += chunk));
    process.on('close', () => resolve(all));
  });
  expect(text).toContain(`StorageError Could not write ${path(FIRST)}: EFBIG.`);
  const segments = await openSegments(folder.path);
  expect(segments.checkpoint).toBeGreaterThan(2_900_000);
  expect(segments.checkpoint).toBeLessThanOrEqual(3 * 1024 * 1024);
});
