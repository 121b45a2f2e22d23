import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openForReading, ScratchFile } from '../../src/storage';
import { bytesOf, useFolder } from './helpers';

const folder = useFolder();

describe('a file that is read at any place', () => {
  it('gives what is there, and less at its end', async () => {
    const path = join(folder.path, 'file');
    writeFileSync(path, '0123456789');
    const file = await openForReading(path);
    try {
      expect(file.size).toBe(10);
      const read = async (offset: number, length: number) => (await file.read(offset, length)).toString();
      expect([await read(0, 10), await read(3, 4), await read(8, 100), await read(10, 1), await read(99, 1), await read(5, 0)]).toEqual(['0123456789', '3456', '89', '', '', '']);
      expect(await Promise.all([read(1, 1), read(9, 1)])).toEqual(['1', '9']);
      truncateSync(path, 5);
      expect(await read(3, 4)).toBe('34');
    } finally {
      await file.close();
    }
  });

  it('is named where there is none', async () => {
    const path = join(folder.path, 'none');
    await expect(openForReading(path)).rejects.toMatchObject({ code: 'changed', path, message: expect.stringContaining('does not exist') });
  });
});

describe('a scratch file', () => {
  it('is written at any place, zeros where nothing was, and is gone afterwards', async () => {
    const scratch = await ScratchFile.open(join(folder.path, 'deep', 'index'));
    await scratch.write(Buffer.from([0x1f, 0x8b, 1]), 0);
    await scratch.write(Buffer.from([7]), 6);
    await scratch.write(Buffer.from([9]), 1);
    expect([...(await scratch.read(0, 9))]).toEqual([0x1f, 9, 1, 0, 0, 0, 7, 0, 0]);
    await scratch.write(Buffer.from([0x8b]), 1);
    // As they are, though they begin as gzip does.
    expect([...(await bytesOf(scratch.chunks()))]).toEqual([0x1f, 0x8b, 1, 0, 0, 0, 7]);
    await scratch.discard();
    expect(readdirSync(join(folder.path, 'deep'))).toEqual([]);
  });
});
