import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRecord, readRecord, replaceRecord, StorageError } from '../../src/storage';
import { killAfterLines, runChild, useFolder } from './helpers';

const folder = useFolder();
const path = (name: string) => join(folder.path, name);

describe('createRecord', () => {
  it('writes a record that can be read back, for this user alone, and leaves nothing else behind', async () => {
    expect(await createRecord(path('a.json'), { batch_id: 'msgbatch_1' })).toBe(true);
    expect(await readRecord(path('a.json'))).toEqual({ batch_id: 'msgbatch_1' });
    expect(statSync(path('a.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path)).toEqual(['a.json']);
  });

  it('makes missing folders, for this user alone', async () => {
    expect(await createRecord(path('jobs/j/round-01/a.json'), 1)).toBe(true);
    expect(statSync(path('jobs/j')).mode & 0o777).toBe(0o700);
  });

  it('gives false and touches nothing where there is one already', async () => {
    await createRecord(path('a.json'), { first: true });
    expect(await createRecord(path('a.json'), { second: true })).toBe(false);
    expect(await readRecord(path('a.json'))).toEqual({ first: true });
    expect(readdirSync(folder.path)).toEqual(['a.json']);
  });

  it('gives true to exactly one of many at once', async () => {
    const created = await Promise.all(Array.from({ length: 50 }, (_, writer) => createRecord(path('a.json'), { writer })));
    expect(created.filter(Boolean)).toHaveLength(1);
    expect(await readRecord(path('a.json'))).toEqual({ writer: created.indexOf(true) });
    expect(readdirSync(folder.path)).toEqual(['a.json']);
  });

  it('names the file where it cannot be written', async () => {
    writeFileSync(path('file'), '');
    await expect(createRecord(path('file/a.json'), 1)).rejects.toThrow(StorageError);
    await expect(createRecord(path('file/a.json'), 1)).rejects.toThrow(path('file'));
  });
});

describe('replaceRecord', () => {
  it('takes the place of an earlier record', async () => {
    await replaceRecord(path('a.json'), { version: 1, long: 'x'.repeat(1000) });
    await replaceRecord(path('a.json'), { version: 2 });
    expect(await readRecord(path('a.json'))).toEqual({ version: 2 });
    expect(readdirSync(folder.path)).toEqual(['a.json']);
  });
});

describe('readRecord', () => {
  it('gives undefined where there is none', async () => {
    expect(await readRecord(path('a.json'))).toBeUndefined();
    expect(await readRecord(path('no/such/folder/a.json'))).toBeUndefined();
  });

  it('names a broken record and warns of deleting it', async () => {
    writeFileSync(path('a.json'), '{"batch_id": "msgb');
    await expect(readRecord(path('a.json'))).rejects.toMatchObject({ code: 'damaged', path: path('a.json'), hint: expect.stringContaining('Do not delete') });
  });
});

it('kill -9 at any moment leaves records complete or absent', async () => {
  const child = join(__dirname, 'children/write-records.ts');
  for (const lines of [1, 3, 10, 25, 60]) {
    const said = await killAfterLines(runChild(child, [folder.path]), lines);
    for (const name of said) expect(existsSync(path(name))).toBe(true);
    for (const name of readdirSync(folder.path).filter((found) => found.endsWith('.json'))) {
      const record = await readRecord<{ name: string; filler: string; end: boolean }>(path(name));
      expect(record).toMatchObject({ end: true });
      expect(record!.filler).toHaveLength(20_000);
    }
  }
});
