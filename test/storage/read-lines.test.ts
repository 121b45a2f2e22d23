import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readChunks, readLines, type ReadLinesOptions } from '../../src/storage';
import { bytesOf, collect, useFolder } from './helpers';

const folder = useFolder();
const file = (content: string | Buffer, name = 'input.jsonl') => {
  const path = join(folder.path, name);
  writeFileSync(path, content);
  return path;
};
const linesIn = async (path: string, options?: ReadLinesOptions) => (await collect(readLines(path, options))).flat();
const textsIn = async (path: string, options?: ReadLinesOptions) => (await linesIn(path, options)).map((line) => line.bytes.toString('utf8'));

/** Larger than several chunks, with characters of two to four bytes at every alignment. */
const manyLines = Array.from({ length: 60_000 }, (_, i) => `${i} ${'é€😀'.repeat(i % 9)}${'x'.repeat(i % 7)}`);

describe.each([
  ['plain', (content: string | Buffer) => file(content)],
  ['gzip', (content: string | Buffer) => file(gzipSync(content), 'named-as-it-likes.jsonl')],
])('readLines, %s', (_, write) => {
  it('gives every line of a large file once, whole', async () => {
    expect(await textsIn(write(manyLines.join('\n')))).toEqual(manyLines);
  });

  it('says where each line begins', async () => {
    const content = Buffer.from(manyLines.join('\n'));
    const wrong = (await linesIn(write(content))).filter(({ bytes, offset }) => !content.subarray(offset, offset + bytes.length).equals(bytes));
    expect(wrong).toEqual([]);
  });

  it('leaves out a byte order mark at the start, and only there', async () => {
    const lines = await linesIn(write('\ufeffa\n\ufeffb\n'));
    expect(lines.map((line) => line.bytes.toString('utf8'))).toEqual(['a', '\ufeffb']);
    expect(lines[0]!.offset).toBe(3);
    expect(await textsIn(write('\ufeffonly'))).toEqual(['only']);
  });

  it('keeps carriage returns, blank lines and other line separators in the lines', async () => {
    expect(await textsIn(write('a\r\n\n\u2028b\u0085\n'))).toEqual(['a\r', '', '\u2028b\u0085']);
  });

  it('gives nothing for an empty file', async () => {
    expect(await textsIn(write(''))).toEqual([]);
  });

  it('reads lines of several megabytes', async () => {
    const long = 'y'.repeat(5_000_000);
    expect(await textsIn(write(`a\n${long}\nb`))).toEqual(['a', long, 'b']);
  });

  it('refuses a line that is too long, before it is all in memory', async () => {
    const path = write(`short\n${'z'.repeat(3_000_000)}`);
    await expect(textsIn(path, { maxLineBytes: 2_000_000 })).rejects.toMatchObject({ code: 'line_too_long', message: expect.stringContaining('begins at byte 6)') });
    expect(await textsIn(path, { maxLineBytes: 3_000_000 })).toHaveLength(2);
  });

  it('stops at once when aborted, with the reason as it is', async () => {
    const reason = new Error('canceled');
    const controller = new AbortController();
    const lines = readLines(write(randomBytes(4_000_000).toString('base64').replaceAll('A', '\n')), { signal: controller.signal });
    await lines.next();
    controller.abort(reason);
    await expect(collect(lines)).rejects.toBe(reason);
  });
});

it('reads gzip files that were put together from several', async () => {
  expect(await textsIn(file(Buffer.concat([gzipSync('a\nb'), gzipSync('c\nd\n')])))).toEqual(['a', 'bc', 'd']);
});

it.each([0.3, 0.9, 0.9999])('names a gzip file that was cut at %d of its length', async (share) => {
  const whole = gzipSync(randomBytes(3_000_000).toString('base64'));
  const path = file(whole.subarray(0, Math.floor(whole.length * share)));
  await expect(textsIn(path)).rejects.toMatchObject({ code: 'damaged', path });
});

it('reads a slice of a plain file, also where the slice begins as gzip does', async () => {
  const path = file(Buffer.concat([Buffer.from('0123456789'), Buffer.from([0x1f, 0x8b, 0x08])]));
  expect((await bytesOf(readChunks(path, { offset: 3, length: 4 }))).toString()).toBe('3456');
  expect(await bytesOf(readChunks(path, { offset: 10 }))).toEqual(Buffer.from([0x1f, 0x8b, 0x08]));
  expect((await linesIn(path, { offset: 3, length: 4 }))[0]).toMatchObject({ offset: 3 });
});

it('names files that cannot be read', async () => {
  await expect(textsIn(join(folder.path, 'none'))).rejects.toMatchObject({ code: 'changed', path: join(folder.path, 'none') });
  mkdirSync(join(folder.path, 'sub'));
  await expect(textsIn(join(folder.path, 'sub'))).rejects.toMatchObject({ code: 'io', path: join(folder.path, 'sub') });
});
